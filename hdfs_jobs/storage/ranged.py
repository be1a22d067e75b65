"""A remote file as a seekable stream: read ahead in ranges, taken up where one broke off."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from hdfs_jobs.storage.remote import PassingError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BUFFER_BYTES = 128 << 10
FIRST_RANGE = 4 << 20
HEAD_BYTES = 256 << 10
SKIPPED = 1 << 20
"""Bytes ahead that are rather read and dropped than asked for anew."""


class Ranges(Protocol):
    """A file that can be read in ranges.

    Attributes
    ----------
    size : int
        Of the file, in bytes.
    first : int
        How many of them a first range asks for.
    """

    size: int
    first: int

    def read(self, offset: int, length: int) -> Iterator[bytes]:
        """Yield the bytes of a range, or at least its beginning; closing it ends the transfer.

        Raises
        ------
        PassingError
            The transfer broke off.
        OSError
            It is another file by now, or it is missing.
        """
        ...

    def close(self) -> None:
        """Let go of what was begun."""
        ...


def ranged_stream(ranges: Ranges, name: str, patience: float, delay: float = 0.1) -> BinaryIO:
    """Return a buffered stream over a file that is fetched in ranges.

    Parameters
    ----------
    ranges : Ranges
        The file; it is closed with the stream.
    name : str
        The file's URL.
    patience : float
        Seconds without a byte before a failing transfer is given up.
    delay : float
        Seconds before a transfer is first taken up; doubled for each further try, up to five.
    """
    raw = _Ranged(ranges, name, patience, delay)
    return cast(BinaryIO, _Buffered(raw, BUFFER_BYTES))


class _Buffered(io.BufferedReader):
    """Hands large reads on as they came where nothing is buffered: memory is not copied twice."""

    raw: _Ranged

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 2 * BUFFER_BYTES:
            return super().read(size)
        place = self.tell()
        if place != self.raw.tell():
            return super().read(size)
        pieces: list[bytes | memoryview] = []
        while size and (piece := self.raw.piece(size)):
            pieces.append(piece)
            size -= len(piece)
            place += len(piece)
        # It must not take the place that it remembers for where the file is.
        self.seek(place)
        return pieces[0] if len(pieces) == 1 and type(pieces[0]) is bytes else b"".join(pieces)


class _Transfer:
    """A range on its way.

    Attributes
    ----------
    at, end : int
        Where in the file its next byte and its end are.
    """

    def __init__(self, pieces: Iterator[bytes], at: int, length: int) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")
        self.at, self.end = at, at + length

    def reaches(self, place: int) -> bool:
        """Whether it comes to a place soon."""
        return 0 <= place - self.at <= min(SKIPPED, self.end - self.at - 1)

    def piece(self, size: int) -> bytes | memoryview:
        """Return what comes next, so many bytes at most; none where nothing comes."""
        if not self._rest:
            came = next(self._pieces, b"")
            if not came:
                self.end = self.at
            if len(came) <= size:
                self.at += len(came)
                return came
            self._rest = memoryview(came)
        piece, self._rest = self._rest[:size], self._rest[size:]
        self.at += len(piece)
        return piece

    def skip(self, place: int) -> None:
        """Drop what comes before a place."""
        while self.at < place and self.piece(place - self.at):
            pass

    def close(self) -> None:
        self._rest = memoryview(b"")
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()


class _Ranged(io.RawIOBase):
    """Reads what is asked for from the range at hand.

    A range elsewhere than at the beginning is short, for many readers want a footer alone; who
    reads on behind it gets all that is left in one. Who looks at a header and at the end before
    reading through finds the first bytes kept, and the transfer that brought them where it was.
    """

    def __init__(self, ranges: Ranges, name: str, patience: float, delay: float) -> None:
        super().__init__()
        self.name = name
        self._ranges = ranges
        self._size = ranges.size
        self._patience = patience
        self._delay = delay
        self._at = 0
        self._head = bytearray()
        self._transfer: _Transfer | None = None
        self._held: _Transfer | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"{self.name}: a place before the beginning")
        self._at = start + offset
        return self._at

    def close(self) -> None:
        self._drop()
        self._ranges.close()
        super().close()

    def readinto(self, buffer: WriteableBuffer) -> int:
        wanted = memoryview(buffer).cast("B")
        piece = self.piece(len(wanted))
        wanted[: len(piece)] = piece
        return len(piece)

    def piece(self, size: int) -> bytes | memoryview:
        """Return what comes next, so many bytes at most; none at the end of the file."""
        size = min(size, self._size - self._at)
        if size <= 0:
            return b""
        if kept := bytes(self._head[self._at : self._at + size]):
            self._at += len(kept)
            return kept
        deadline = time.monotonic() + self._patience
        delay = self._delay
        while True:
            try:
                return self._next(size)
            except PassingError:
                self._drop()
                if time.monotonic() + delay > deadline:
                    raise
                time.sleep(delay)
                delay = min(2 * delay, 5.0)

    def _next(self, size: int) -> bytes | memoryview:
        piece = self._positioned(size).piece(size)
        if not piece:
            raise PassingError(f"{self.name}: ended at {self._at} of {self._size} bytes")
        if self._at == len(self._head) < HEAD_BYTES:
            self._head += piece[: HEAD_BYTES - self._at]
        self._at += len(piece)
        return piece

    def _positioned(self, wanted: int) -> _Transfer:
        """Return a transfer that is where the stream is: one that was begun, or another."""
        now = self._transfer
        for begun in (now, self._held):
            if begun is not None and begun.reaches(self._at):
                if begun is not now:
                    self._transfer, self._held = begun, None
                    if now is not None:
                        now.close()
                begun.skip(self._at)
                return begun
        followed = now is not None and self._at == now.end
        if now is not None and now.at == len(self._head) < now.end and self._held is None:
            self._held = now
        elif now is not None:
            now.close()
        left = self._size - self._at
        least = FIRST_RANGE if self._at else self._ranges.first
        length = left if followed else min(max(least, wanted), left)
        self._transfer = _Transfer(self._ranges.read(self._at, length), self._at, length)
        return self._transfer

    def _drop(self) -> None:
        """End the transfers that were begun."""
        for begun in (self._transfer, self._held):
            if begun is not None:
                begun.close()
        self._transfer = self._held = None
