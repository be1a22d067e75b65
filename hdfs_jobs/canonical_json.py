"""Canonical JSON and the digests made from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

DIGEST_LENGTH = 16
"""Hexadecimal digits kept of a SHA-256: 64 bits identify the settings and shards of a store."""

ID_LENGTH = 24
"""Hexadecimal digits of an id: 96 bits distinguish the rows of all stores."""


def canonical_json(value: Json) -> bytes:
    """Return the one JSON text of a value: sorted keys, no spaces, ASCII.

    Raises
    ------
    ValueError
        The value holds NaN or an infinity.
    TypeError
        The value holds something that JSON has no form for.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def digest_of(value: Json) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of a value's canonical JSON."""
    return _hash(value)[:DIGEST_LENGTH]


def derived_id(facts: Json) -> str:
    """Return the id of a piece of work: 24 digits of the SHA-256 of all that it follows from.

    >>> derived_id({"seed": 7, "parents": ["a", "b"]})
    '1c1f979f0b495113bebbde03'
    """
    return _hash(facts)[:ID_LENGTH]


def _hash(value: Json) -> str:
    return hashlib.sha256(canonical_json(value)).hexdigest()
