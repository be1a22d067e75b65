"""Whether a stream is the recording it is taken for, found out while it is read."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK_BYTES = 1 << 20


class IdentifiedStream(io.RawIOBase):
    """Passes a seekable stream on and hashes what is read of it, once and in order.

    What readers skip is read for the sum at the end; a decoder skips little.

    Parameters
    ----------
    source : binary stream
        Seekable; it is not closed.
    """

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._digest = hashlib.sha1(usedforsecurity=False)
        self._hashed = 0

    @property
    def buffered(self) -> BinaryIO:
        """The stream to read from."""
        return cast(BinaryIO, io.BufferedReader(self, _BLOCK_BYTES))

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def seekable(self) -> bool:
        """Whether it has places to go to."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._source.tell()

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read, and hash what was not hashed yet and follows on what was."""
        view = memoryview(buffer).cast("B")
        at = self._source.tell()
        data = self._source.read(len(view))
        view[: len(data)] = data
        if at <= self._hashed < at + len(data):
            self._digest.update(memoryview(data)[self._hashed - at :])
            self._hashed = at + len(data)
        return len(data)

    def sha1(self) -> str:
        """Read what is left, and return the SHA-1 of the whole in hex."""
        self._source.seek(self._hashed)
        while block := self._source.read(_BLOCK_BYTES):
            self._digest.update(block)
            self._hashed += len(block)
        return self._digest.hexdigest()
