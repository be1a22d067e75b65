"""Containers: what a file's header claims, compared with the file, before anything is decoded."""
