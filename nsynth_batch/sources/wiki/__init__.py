"""Recordings of a MediaWiki: its API, its rights and their spellings."""
