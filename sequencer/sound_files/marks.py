"""The marks by which a sound file of this program's own is known again, wherever it is moved."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from typing import BinaryIO

SOFTWARE = "sequencer"
COMMENT = "Made from"
"""How the comment of a composition begins."""

PROGRAMS = (SOFTWARE, "nsynth-batch")

# libsndfile adds its own name to what it is given.
_OURS = re.compile(rf"({'|'.join(PROGRAMS)})( \(libsndfile-[^)]*\))?")
_INFO = {b"ISFT": "software", b"ICMT": "comment"}
_MOST_CHUNKS = 64
_MOST_BYTES = 1 << 16


def is_made_here(stream: BinaryIO) -> bool:
    """Whether a sound file's tags name one of these programs as its writer.

    Parameters
    ----------
    stream : binary stream
        Seekable, of any content; where it stands afterwards is not defined.

    Raises
    ------
    OSError
        What reading raised.
    """
    return bool(comment_made_here(stream))


def comment_made_here(stream: BinaryIO) -> str:
    """Return the comment of a sound file that one of these programs wrote, else an empty text.

    Parameters
    ----------
    stream : binary stream
        As for `is_made_here`.

    Raises
    ------
    OSError
        What reading raised.
    """
    stream.seek(0)
    head = stream.read(12)
    texts: Mapping[str, str] = {}
    if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE":
        texts = dict(_info(stream))
    elif head[:4] in (b"fLaC", b"OggS"):
        texts = _comments(stream)
    ours = _OURS.fullmatch(texts.get("software", ""))
    comment = texts.get("comment", "")
    return comment if ours is not None and comment.startswith(COMMENT) else ""


def _info(stream: BinaryIO) -> Iterator[tuple[str, str]]:
    """Yield the texts of INFO chunks that stand before the samples or behind them."""
    at = 12
    for _ in range(_MOST_CHUNKS):
        stream.seek(at)
        header = stream.read(8)
        if len(header) < 8:
            return
        name, size = struct.unpack("<4sI", header)
        if name == b"LIST" and size <= _MOST_BYTES:
            yield from _entries(stream.read(size))
        at += 8 + size + size % 2


def _entries(content: bytes) -> Iterator[tuple[str, str]]:
    at = 4 if content.startswith(b"INFO") else len(content)
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        if name in _INFO:
            text = content[at + 8 : at + 8 + size].split(b"\0")[0]
            yield _INFO[name], text.decode("utf-8", "replace")
        at += 8 + size + size % 2


def _comments(stream: BinaryIO) -> Mapping[str, str]:
    import soundfile

    stream.seek(0)
    try:
        with soundfile.SoundFile(stream) as file:
            texts: dict[str, str] = file.copy_metadata()
    except soundfile.LibsndfileError:
        return {}
    return texts
