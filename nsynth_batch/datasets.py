"""The four datasets of a store, in the order in which they follow from each other."""

from __future__ import annotations

DATASETS = ("audio", "encodings", "mashups", "clips")

COMMANDS = {"audio": "shard", "encodings": "encode", "mashups": "mash", "clips": "decode"}
"""The command that makes each."""
