"""Random access to a source file, and corrected views of it for a decoder."""

from __future__ import annotations

import bisect
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_READ_AHEAD = 1 << 16
_BLOCK = 1 << 20

Piece = bytes | tuple[int, int]
"""Literal bytes, or the range [start, stop) of the source file."""


@dataclass(frozen=True)
class Part:
    """What a decoder reads as one file.

    Attributes
    ----------
    pieces : tuple of Piece
        Its bytes, in order.
    frames : int or None
        Frames that the bytes hold, where the container alone determines it.
    endless : bool
        Whether the decoder is to be shown a stream without end: it then decodes what there is
        in place of guessing a length.
    is_mpeg : bool
        Whether it is a bare MPEG audio stream.
    """

    pieces: tuple[Piece, ...]
    frames: int | None = None
    endless: bool = False
    is_mpeg: bool = False


@dataclass(frozen=True)
class Found:
    """What a container's own reader found.

    Attributes
    ----------
    parts : tuple of Part
        At least one, in the order in which they sound.
    end : int
        The byte of the source behind the container.
    notes : tuple of str
        What was not as it should be and is read all the same, a sentence each.
    """

    parts: tuple[Part, ...]
    end: int
    notes: tuple[str, ...] = ()


class Source:
    """The bytes of a seekable stream by position.

    Parameters
    ----------
    stream : BinaryIO
        Its position is moved. A read may return less than asked for; it is then repeated.

    Attributes
    ----------
    size : int
        Bytes in all.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = stream.seek(0, os.SEEK_END)
        self._buffer = b""
        self._buffer_at = 0

    def read(self, at: int, size: int) -> bytes:
        """Return the bytes from `at`, fewer than `size` only where the file ends.

        Raises
        ------
        OSError
            What the stream raised.
        """
        start = at - self._buffer_at
        if not (start >= 0 and start + size <= len(self._buffer)):
            self._buffer = self._exactly(at, max(size, _READ_AHEAD))
            self._buffer_at, start = at, 0
        return self._buffer[start : start + size]

    def blocks(self, at: int, stop: int, overlap: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield (position, bytes) of a range; each block repeats the end of the one before."""
        while at < stop:
            block = self._exactly(at, min(_BLOCK, stop - at))
            yield at, block
            if not block or at + len(block) >= stop:
                return
            at += max(1, len(block) - overlap)

    def find(self, wanted: bytes, at: int, stop: int) -> int:
        """Return the first position of some bytes in a range, -1 where they are not."""
        for start, block in self.blocks(at, stop, len(wanted) - 1):
            if (found := block.find(wanted)) >= 0:
                return start + found
        return -1

    def _exactly(self, at: int, size: int) -> bytes:
        self._stream.seek(at)
        first = self._stream.read(size)
        if len(first) == size or not first:
            return first
        parts = [first]
        left = size - len(first)
        while left > 0 and (part := self._stream.read(left)):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)


class View:
    """A seekable stream of pieces: literal bytes and ranges of a source.

    Parameters
    ----------
    stream : BinaryIO
        The source.
    pieces : tuple of Piece
        What the view consists of.
    """

    def __init__(self, stream: BinaryIO, pieces: tuple[Piece, ...]) -> None:
        self._stream = stream
        self._pieces = pieces
        lengths = (
            len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in pieces
        )
        self._ends = list(itertools.accumulate(lengths))
        self._stream_at = -1
        self.size = self._ends[-1] if self._ends else 0

    def read_at(self, at: int, size: int) -> bytes:
        """Return at least one byte from `at`, at most `size`; none at the end.

        Raises
        ------
        OSError
            What the stream raised.
        """
        number = bisect.bisect_right(self._ends, at)
        if number == len(self._ends):
            return b""
        piece = self._pieces[number]
        start = self._ends[number - 1] if number else 0
        if isinstance(piece, bytes):
            return piece[at - start : at - start + size]
        place = piece[0] + at - start
        if self._stream_at != place:
            self._stream.seek(place)
        data = self._stream.read(min(size, piece[1] - place))
        self._stream_at = place + len(data)
        return data
