"""Numbers and texts of others, as people read them."""

from __future__ import annotations

import unicodedata

# Some scripts cannot be written without them.
_JOINERS = "\u200c\u200d"


def clock(seconds: float) -> str:
    """Return a duration as 0:42 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counted(number: int, word: str) -> str:
    """Return a number with its noun: ``1 clip``, ``8,000 clips``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def flattened(text: str) -> str:
    """Return a text as one line: line breaks, control and format characters become spaces.

    Unlike an escape, this leaves nothing strange to read, which suits credits; it does not show
    what was there.
    """
    plain = "".join(
        " " if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") and c not in _JOINERS else c
        for c in text
    )
    return " ".join(plain.split())
