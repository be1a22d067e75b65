"""A remote file as a seekable stream: read ahead in ranges that grow, taken up where one broke."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO, cast

from hdfs_jobs.hdfs_errors import PassingError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BUFFER_BYTES = 1 << 20
FIRST_RANGE = 4 << 20
LONGEST_RANGE = 1 << 30
SKIPPED = 1 << 20
"""Bytes ahead that are rather read and dropped than asked for anew."""

Fetch = Callable[[int, int], Iterator[bytes]]


def ranged_stream(
    fetch: Fetch, size: int, name: str, patience: float, delay: float = 0.1
) -> BinaryIO:
    """Return a buffered stream over a file that is fetched in ranges.

    Parameters
    ----------
    fetch : callable
        Takes offset and length, and yields the bytes of that range; closing the iterator ends
        the transfer.
    size : int
        Of the file, in bytes.
    name : str
        The file's URL.
    patience : float
        Seconds without a byte before a failing transfer is given up.
    delay : float
        Seconds before a transfer is first taken up; doubled for each further try, up to five.
    """
    raw = _Ranged(fetch, size, name, patience, delay)
    return cast(BinaryIO, io.BufferedReader(raw, BUFFER_BYTES))


class _Ranged(io.RawIOBase):
    """Reads what is asked for from the range at hand.

    A first range is short, for many readers want a header alone; each that follows without a
    seek is four times as long, so a file that is read through costs few requests.
    """

    def __init__(self, fetch: Fetch, size: int, name: str, patience: float, delay: float) -> None:
        super().__init__()
        self.name = name
        self._fetch = fetch
        self._size = size
        self._patience = patience
        self._delay = delay
        self._at = 0
        self._range: Iterator[bytes] | None = None
        self._rest = memoryview(b"")
        self._range_at = 0
        self._range_end = 0
        self._length = FIRST_RANGE

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
        """Fill as much of a buffer as the next piece of the range can."""
        self._position(len(wanted))
        if not self._rest:
            piece = next(self._range, b"") if self._range else b""
            if not piece:
                raise PassingError(f"{self.name}: ended at {self._range_at} of {self._size} bytes")
            self._rest = memoryview(piece)
        count = min(len(wanted), len(self._rest))
        wanted[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        self._at += count
        self._range_at = self._at
        return count

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
        self._length = min(4 * self._length, LONGEST_RANGE) if followed else FIRST_RANGE
        length = min(max(self._length, wanted), self._size - self._at)
        self._range = self._fetch(self._at, length)
        self._range_at, self._range_end = self._at, self._at + length

    def _skip(self, count: int) -> None:
        while count:
            if not self._rest:
                self._rest = memoryview(next(self._range or iter(()), b""))
                if not self._rest:
                    return
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
