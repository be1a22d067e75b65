"""The content of recordings: its SHA-1, and where a store keeps the bytes, as they came."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, cast

from hdfs_jobs.errors import BadInput
from hdfs_jobs.storage.base import Storage
from sequencer.audio.recording import open_recording
from sequencer.errors import AudioError
from sequencer.sound_files.marks import is_made_here

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

RAW = "raw"
_BLOCK_BYTES = 1 << 20


def raw_path(file_id: str, name: str) -> str:
    """Return the path of a recording's bytes in a store."""
    return f"{RAW}/{file_id[:2]}/{file_id}{PurePosixPath(name).suffix.lower()}"


def blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what a stream holds from here on, at most a MiB at once."""
    while block := stream.read(_BLOCK_BYTES):
        yield block


def sha1(content: Iterable[bytes]) -> str:
    """Return the SHA-1 of some blocks of bytes, in hex."""
    digest = hashlib.sha1(usedforsecurity=False)
    for block in content:
        digest.update(block)
    return digest.hexdigest()


def content_sha1(stream: BinaryIO) -> str:
    """Return the SHA-1 of what a stream holds from here on, in hex."""
    return sha1(blocks(stream))


def store_content(storage: Storage, path: str, content: Iterable[bytes], file_id: str) -> None:
    """Write content to a store under its SHA-1, unless the store has it by now.

    The content is hashed again while it is written: what changed since its SHA-1 was taken is
    not stored under a wrong name.

    Parameters
    ----------
    storage : Storage
        The store's.
    path : str
        See `raw_path`.
    content : iterable of bytes
        The content, in blocks.
    file_id : str
        Its SHA-1, in hex.

    Raises
    ------
    BadInput
        With the reason ``wrong-sha1``: the content has another SHA-1. Nothing is stored.
    """
    digest = hashlib.sha1(usedforsecurity=False)
    try:
        with storage.create(path) as stream:
            for block in content:
                digest.update(block)
                stream.write(block)
            if digest.hexdigest() != file_id:
                raise BadInput(
                    "wrong-sha1", f"its content has SHA-1 {digest.hexdigest()}, not {file_id}"
                )
    except FileExistsError:
        # Another harvest stored the same content meanwhile.
        return


@dataclass(frozen=True)
class Header:
    """What a recording's header declares.

    Attributes
    ----------
    seconds : float or None
        Its length; None where it declares none.
    made_here : bool
        Whether this program wrote the file.
    """

    seconds: float | None = None
    made_here: bool = False


def header_of(stream: BinaryIO) -> Header:
    """Read the header of a recording; an empty one where it cannot be read.

    Whatever is wrong with the header, the audio stage quarantines the recording with the reason.
    """
    try:
        with open_recording(stream) as recording:
            seconds = recording.seconds
    except AudioError:
        return Header()
    return Header(seconds, is_made_here(stream))


def declared_seconds(stream: BinaryIO) -> float | None:
    """Return the length in seconds that a recording's header declares; see `header_of`."""
    return header_of(stream).seconds


class ContentIndex:
    """Which content a store has.

    It is found by listing the store's folders, for a suffix may be another than expected.

    Parameters
    ----------
    storage : Storage
        The store's.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._paths: dict[str, dict[str, str]] = {}

    def path(self, file_id: str) -> str | None:
        """Return the path of some content; None if it is missing, or `file_id` is empty."""
        if not file_id:
            return None
        folder = f"{RAW}/{file_id[:2]}"
        if folder not in self._paths:
            entries = self._storage.list(folder)
            self._paths[folder] = {e.name.partition(".")[0]: e.path for e in entries}
        return self._paths[folder].get(file_id)


class HashingStream(io.RawIOBase):
    """A seekable stream whose content is hashed while it is read, once and in order.

    What a reader skips is read when the SHA-1 is asked for; a decoder skips little.

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
        """Whether it has positions to go to."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position and return it."""
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._source.tell()

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read into a buffer; hash what follows on what was hashed."""
        view = memoryview(buffer).cast("B")
        at = self._source.tell()
        data = self._source.read(len(view))
        view[: len(data)] = data
        if at <= self._hashed < at + len(data):
            self._digest.update(memoryview(data)[self._hashed - at :])
            self._hashed = at + len(data)
        return len(data)

    def sha1(self) -> str:
        """Read the rest, and return the SHA-1 of the whole in hex."""
        self._source.seek(self._hashed)
        for block in blocks(self._source):
            self._digest.update(block)
            self._hashed += len(block)
        return self._digest.hexdigest()
