"""Ids from content and settings: the same work has the same id."""

from __future__ import annotations

import hashlib

from hdfs_jobs.canonical_json import Json, canonical_json

_DIGITS = 24


def derived_id(facts: Json) -> str:
    """Return the id of a piece of work: 24 hex digits of the SHA-256 of all it follows from."""
    return hashlib.sha256(canonical_json(facts)).hexdigest()[:_DIGITS]
