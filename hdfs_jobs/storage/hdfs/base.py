"""What storages on HDFS have in common: how a file comes to its name, whole and once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO, Self, cast

from hdfs_jobs.storage.base import Entry, RenamingStorage, is_temporary, temporary_beside
from hdfs_jobs.storage.hdfs.url import parse_hdfs_url
from hdfs_jobs.storage.ranged import Ranges, ranged_stream
from hdfs_jobs.storage.remote import PassingError, RemoteStorage, patience
from hdfs_jobs.storage.upload import BLOCK_BYTES, PartUploader


@dataclass(frozen=True, slots=True)
class Status:
    """What a NameNode knows of one path.

    Attributes
    ----------
    name : str
        The last part of the path; what else it is depends on the call.
    size : int
        Bytes; 0 for a folder.
    is_dir : bool
        Whether it is a folder.
    modified : float
        Seconds since 1970.
    identity : str
        Stays with a file when it is renamed, and is not that of another one.
    """

    name: str
    size: int
    is_dir: bool
    modified: float
    identity: str


class HdfsStorage(RemoteStorage, RenamingStorage):
    """A folder of HDFS; the backends give it the single requests.

    A file is written under a temporary name, its length checked, and renamed by a rename that the
    NameNode itself refuses if the target exists. What was renamed is known by its identity: a
    rename whose answer was lost is recognised, and is not taken for one that another process won.

    Making the object connects to nothing; it is pickled as its URL.

    Parameters
    ----------
    url : str
        As `parse_hdfs_url` takes it.
    """

    def __init__(self, url: str) -> None:
        self._place = parse_hdfs_url(url)
        self.url = str(self._place)
        super().__init__(f"{self._place.scheme}://{','.join(self._place.hosts)}")

    def __reduce__(self) -> tuple[type[HdfsStorage], tuple[str]]:
        """Pickle the URL alone."""
        return type(self), (self.url,)

    def __repr__(self) -> str:
        """Name the folder."""
        return f"{type(self).__name__}({self.url!r})"

    @abstractmethod
    def _status(self, path: str) -> Status:
        """Ask for one absolute path."""

    @abstractmethod
    def _statuses(self, path: str) -> Iterator[Status]:
        """List an absolute path; for a file itself, with an empty name."""

    @abstractmethod
    def _ranges(self, path: str) -> Ranges:
        """Open a file, of which ranges can be read and of no other file ever."""

    @abstractmethod
    def _read(self, path: str) -> bytes:
        """Read a small file as it is at one moment."""

    @abstractmethod
    def _write(self, path: str, blocks: Iterator[bytes]) -> None:
        """Write a whole file and the folders on its way, over what is there."""

    @abstractmethod
    def _move(self, source: str, target: str, *, overwrite: bool) -> None:
        """Rename to exactly that name, or fail: FileExistsError if it is taken."""

    @abstractmethod
    def _remove(self, path: str, *, recursive: bool) -> None:
        """Delete a path if it is there."""

    def open(self, path: str) -> BinaryIO:
        """Open a file to read; a transfer that breaks off is taken up where it was."""
        absolute = self._place.absolute(path)
        ranges = self._patiently(partial(self._ranges, absolute))
        return ranged_stream(ranges, self._at(path), patience())

    def read_bytes(self, path: str) -> bytes:
        """Return the content of a small file, at one moment if it is replaced meanwhile."""
        return self._patiently(partial(self._read, self._place.absolute(path)))

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        """Create a file under a temporary name and rename it to its own when it is whole."""
        if self.exists(path):
            raise FileExistsError(f"{self._at(path)} exists")
        temporary = self._place.absolute(temporary_beside(path))
        upload = PartUploader(partial(self._write, temporary), self._patiently)
        with self._passing(temporary, path):
            try:
                yield cast(BinaryIO, upload)
                upload.finish()
            finally:
                upload.abandon()
            self._settle(temporary, path, upload.count, overwrite=False)

    def replace(self, path: str, data: bytes) -> None:
        """Write a small file and rename it over the old one, which the NameNode does in one step.

        Raises
        ------
        OSError
            The server does not know that kind of rename, as HttpFS; the NameNode's own WebHDFS
            does, from Hadoop 2 on.
        """
        temporary = self._place.absolute(temporary_beside(path))

        def blocks() -> Iterator[bytes]:
            return (data[i : i + BLOCK_BYTES] for i in range(0, len(data), BLOCK_BYTES))

        with self._passing(temporary, path):
            self._patiently(lambda: self._write(temporary, blocks()))
            self._settle(temporary, path, len(data), overwrite=True)

    def list(self, path: str = "", *, temporary: bool = False) -> Iterator[Entry]:
        """Yield what a folder holds."""
        absolute = self._place.absolute(path)
        prefix = f"{path}/" if path else ""
        try:
            # A listing is begun anew as a whole: what was given out already cannot be taken back.
            found = self._patiently(lambda: list(self._statuses(absolute)))
        except FileNotFoundError:
            return
        if len(found) == 1 and not found[0].name:
            raise NotADirectoryError(f"{self._at(path)} is a file, not a folder")
        for status in found:
            if temporary or not is_temporary(status.name):
                yield _entry(prefix + status.name, status)

    def stat(self, path: str) -> Entry:
        """Return the entry of a path."""
        return _entry(path, self._patiently(partial(self._status, self._place.absolute(path))))

    def delete(self, path: str, *, recursive: bool = False) -> None:
        """Delete a file or a folder, past any trash."""
        if not path:
            raise ValueError("the root of a storage cannot be deleted")
        absolute = self._place.absolute(path)
        self._patiently(partial(self._remove, absolute, recursive=recursive))

    def parent(self) -> Self | None:
        """Return the folder above; None at the top of the cluster."""
        root = self._place.root.rpartition("/")[0] or "/"
        if root == self._place.root:
            return None
        return type(self)(str(replace(self._place, root=root)))

    def _rename(self, source: str, target: str) -> None:
        """Rename a file; tried once.

        If the answer is lost and the source is missing, it was renamed, but by whom is unknown:
        FileNotFoundError, so that of many who rename one source never two believe it was them.
        """
        old, new = self._place.absolute(source), self._place.absolute(target)
        self._status(old)
        try:
            self._move(old, new, overwrite=False)
        except PassingError:
            self._patiently(partial(self._status, old))
            raise

    @contextmanager
    def _passing(self, temporary: str, path: str) -> Iterator[None]:
        """Remove a temporary file if the block fails; the error speaks of the path it stood for."""
        try:
            yield
        except BaseException as error:
            # What cannot be removed now stays under a name that no listing shows, until gc.
            with suppress(OSError):
                self._remove(temporary, recursive=False)
            if not isinstance(error, OSError) or temporary not in str(error):
                raise
            text = (error.strerror or str(error)).replace(temporary, self._place.absolute(path))
            raise (type(error)(error.errno, text) if error.errno else type(error)(text)) from error

    def _settle(self, temporary: str, path: str, size: int, *, overwrite: bool) -> None:
        """Check what arrived and give it its name."""
        arrived = self._patiently(partial(self._status, temporary))
        if arrived.size != size:
            raise OSError(f"{self._at(path)}: {arrived.size} of {size} bytes arrived")
        target = self._place.absolute(path)

        def move() -> None:
            try:
                self._move(temporary, target, overwrite=overwrite)
            except FileNotFoundError:
                # No other process moves this file: an earlier request of ours did, its answer lost.
                if not self._is_at(target, arrived.identity):
                    raise

        self._patiently(move)

    def _is_at(self, target: str, identity: str) -> bool:
        try:
            return self._status(target).identity == identity
        except FileNotFoundError:
            return False

    def _at(self, path: str) -> str:
        return f"{self.url}/{path}" if path else self.url


def _entry(path: str, status: Status) -> Entry:
    return Entry(path, status.size, status.is_dir, status.modified)
