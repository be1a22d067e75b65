"""Scores: what plays when, and the file that keeps it."""
