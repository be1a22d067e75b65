"""A file on its way to remote storage: kept on this machine while small, streamed when large.

What is kept is sent in one request that can be repeated, and nothing is remote before the file is
whole: a writer that takes ten minutes holds no connection, and one that fails leaves no trace.
"""

from __future__ import annotations

import io
import queue
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

KEPT_BYTES = 64 << 20
MEMORY_BYTES = 4 << 20
BLOCK_BYTES = 1 << 20
_QUEUE_BLOCKS = 16
_POLL_SECONDS = 1.0

Send = Callable[[Iterator[bytes]], None]


class PartUploader(io.RawIOBase):
    """A stream that takes bytes in order and sends them.

    Parameters
    ----------
    send : callable
        Sends the blocks of a whole file; runs in a thread of its own for a large one, and may
        be called again with the same blocks for a small one.
    patiently : callable
        Calls what it is given, again if that failed for something that passes.
    kept : int
        Bytes up to which the file is kept here.
    """

    def __init__(
        self,
        send: Send,
        patiently: Callable[[Callable[[], None]], None],
        kept: int = KEPT_BYTES,
    ) -> None:
        super().__init__()
        self._send = send
        self._patiently = patiently
        self._kept = kept
        self._spool = spool()
        self._queue: queue.Queue[bytes | None] = queue.Queue(_QUEUE_BLOCKS)
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self.count = 0

    def writable(self) -> bool:
        """Whether it takes bytes."""
        return True

    def tell(self) -> int:
        """Return how many bytes it took."""
        return self.count

    def write(self, data: ReadableBuffer) -> int:
        """Take bytes; once they are many, wait until the transfer keeps up."""
        view = memoryview(data).cast("B")
        if self._thread is None:
            self._spool.write(view)
        else:
            for start in range(0, len(view), BLOCK_BYTES):
                self._put(bytes(view[start : start + BLOCK_BYTES]))
        self.count += len(view)
        if self._thread is None and self.count > self._kept:
            self._thread = threading.Thread(target=self._stream, daemon=True, name="upload")
            self._thread.start()
        return len(view)

    def finish(self) -> None:
        """Have the file sent to its end; raises what went wrong with it."""
        if self._thread is None:
            self._patiently(lambda: self._send(self._blocks()))
        else:
            self._put(None)
            self._thread.join()
            if self._error is not None:
                raise self._error

    def abandon(self) -> None:
        """Stop sending, and forget what is kept.

        A transfer that has begun is ended as if this were all: a connection that is cut may leave
        a file that appears after it was looked for to be deleted.
        """
        if self._thread is not None:
            while self._thread.is_alive():
                try:
                    self._queue.put_nowait(None)
                except queue.Full:
                    self._thread.join(0.01)
                else:
                    self._thread.join()
        self._spool.close()

    def _blocks(self) -> Iterator[bytes]:
        self._spool.seek(0)
        while block := self._spool.read(BLOCK_BYTES):
            yield block

    def _stream(self) -> None:
        try:
            self._send(self._arriving())
        except BaseException as error:
            self._error = error

    def _arriving(self) -> Iterator[bytes]:
        yield from self._blocks()
        while (block := self._queue.get()) is not None:
            yield block

    def _put(self, block: bytes | None) -> None:
        """Hand a block to the transfer, unless that has ended."""
        while True:
            if self._error is not None:
                raise self._error
            try:
                return self._queue.put(block, timeout=_POLL_SECONDS)
            except queue.Full:
                continue


def spool() -> IO[bytes]:
    """Return a temporary file that is in memory while it is small."""
    return tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES)
