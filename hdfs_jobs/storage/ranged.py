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
SKIPPED = 1 << 20
"""Bytes ahead that are rather read and dropped than asked for anew."""


class Ranges(Protocol):
    """A file that can be read in ranges.

    Attributes
    ----------
    size : int
        Of the file, in bytes.
    """

    size: int

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
    return cast(BinaryIO, io.BufferedReader(raw, BUFFER_BYTES))


class _Ranged(io.RawIOBase):
    """Reads what is asked for from the range at hand.

    A first range is short, for many readers want a header alone; who reads on behind it gets all
    that is left in one, so a file that is read through costs two requests.
    """

    def __init__(self, ranges: Ranges, name: str, patience: float, delay: float) -> None:
        super().__init__()
        self.name = name
        self._ranges = ranges
        self._size = ranges.size
        self._patience = patience
        self._delay = delay
        self._at = 0
        self._range: Iterator[bytes] | None = None
        self._rest = memoryview(b"")
        self._range_at = 0
        self._range_end = 0

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
        wanted = memoryview(buffer).cast("B")[: max(0, self._size - self._at)]
        if not wanted:
            return 0
        deadline = time.monotonic() + self._patience
        delay = self._delay
        while True:
            try:
                return self._take(wanted)
            except PassingError:
                self._drop()
                if time.monotonic() + delay > deadline:
                    raise
                time.sleep(delay)
                delay = min(2 * delay, 5.0)

    def _take(self, wanted: memoryview) -> int:
        """Fill a buffer with what is left of the range, or as much as it takes."""
        self._position(len(wanted))
        taken = 0
        while taken < len(wanted):
            try:
                if not self._rest and not self._next_piece():
                    break
            except PassingError:
                if not taken:
                    raise
                # What came before it broke off is good; the rest is for the next call.
                self._drop()
                break
            count = min(len(wanted) - taken, len(self._rest))
            wanted[taken : taken + count] = self._rest[:count]
            self._rest = self._rest[count:]
            taken += count
            self._at += count
            self._range_at = self._at
        if not taken:
            raise PassingError(f"{self.name}: ended at {self._range_at} of {self._size} bytes")
        return taken

    def _next_piece(self) -> bool:
        """Have the next bytes of the range at hand; False if there are none."""
        self._rest = memoryview(next(self._range or iter(()), b""))
        if not self._rest:
            self._range_end = self._range_at
        return bool(self._rest)

    def _position(self, wanted: int) -> None:
        """Bring the range to where the stream is, in it or by another."""
        ahead = self._at - self._range_at
        if self._range is not None and 0 <= ahead <= min(
            SKIPPED, self._range_end - self._range_at - 1
        ):
            self._skip(ahead)
            return
        followed = self._range is not None and self._at == self._range_end
        self._drop()
        left = self._size - self._at
        length = left if followed else min(max(FIRST_RANGE, wanted), left)
        self._range = self._ranges.read(self._at, length)
        self._range_at, self._range_end = self._at, self._at + length

    def _skip(self, count: int) -> None:
        while count and (self._rest or self._next_piece()):
            step = min(count, len(self._rest))
            self._rest = self._rest[step:]
            self._range_at += step
            count -= step

    def _drop(self) -> None:
        """End the transfer at hand."""
        if self._range is not None:
            close = getattr(self._range, "close", None)
            if close is not None:
                close()
        self._range, self._rest = None, memoryview(b"")
