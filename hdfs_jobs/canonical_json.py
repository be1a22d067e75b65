"""Canonical JSON and the digests made from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

DIGEST_LENGTH = 16
"""Hexadecimal digits kept of a SHA-256: 64 bits tell apart the settings and shards of one store."""


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
    return hashlib.sha256(canonical_json(value)).hexdigest()[:DIGEST_LENGTH]
