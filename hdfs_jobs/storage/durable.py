"""How a file of this machine comes to its name once, and stays after a power cut.

File systems differ in what they refuse: some know no hard links (exFAT, CIFS, many FUSE mounts),
some no exclusive rename (NFS), some no fsync of a folder. Each operation here has a second way of
the same strength; where that is missing too, the file system is no place for a store.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from hdfs_jobs.storage.base import UnsuitableError

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_UNKNOWN = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
# Of links that they do not know, some file systems say that they are not permitted.
_NO_LINKS = _UNKNOWN | {errno.EPERM, errno.EXDEV}
_NOT_SYNCED = frozenset(
    {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EACCES, errno.EISDIR}
)


def move_exclusively(source: Path, target: Path, *, one_step: bool = False) -> None:
    """Rename a file to a name that is free; the name never holds a part of its content.

    Parameters
    ----------
    source, target : Path
        In one file system.
    one_step : bool
        Prefer the rename, which a kill cannot leave half done, to the link, which more file
        systems have.

    Raises
    ------
    FileExistsError
        The name is taken.
    UnsuitableError
        The file system knows neither way.
    """
    ways = ((_rename_exclusively, _UNKNOWN), (_link_and_unlink, _NO_LINKS))
    for way, unknown in ways if one_step else ways[::-1]:
        try:
            return way(source, target)
        except OSError as error:
            if error.errno not in unknown:
                raise
            refused = error
    raise UnsuitableError(
        f"{target.parent}: this file system has neither hard links nor exclusive renames "
        f"({refused.strerror}), without which two runs could write one file: keep the store on "
        "another one"
    )


def _link_and_unlink(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except FileExistsError:
        # A server may repeat a link whose answer was lost, and then finds the name taken by it.
        if not _is_same(source, target):
            raise
    source.unlink()


def _is_same(source: Path, target: Path) -> bool:
    with suppress(FileNotFoundError):
        return source.samefile(target)
    return False


def _rename_exclusively(source: Path, target: Path) -> None:
    import ctypes

    call = _libc_function("renameat2")
    old, new = os.fsencode(source), os.fsencode(target)
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(_AT_FDCWD, old, _AT_FDCWD, new, _RENAME_NOREPLACE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(source), None, str(target))


def sync_file(stream: BinaryIO, path: Path) -> None:
    """Have a file's bytes on the disk; an OSError names the path that it is to have."""
    stream.flush()
    _sync(stream.fileno(), path)


def sync_folder(folder: Path) -> None:
    """Make a new name durable: a synced file whose name is lost in a power cut is lost too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        _sync(handle, folder)
    finally:
        os.close(handle)


def _sync(handle: int, path: Path) -> None:
    """Call fsync; where the file system does not know it, sync all of the file system."""
    try:
        os.fsync(handle)
    except OSError as error:
        call = _libc_function("syncfs")
        if error.errno not in _NOT_SYNCED or call is None or call(handle):
            raise OSError(error.errno, error.strerror, str(path)) from error


@lru_cache
def _libc_function(name: str) -> Callable[..., int] | None:
    """Return a function of the C library; None where the library has no such one."""
    import ctypes

    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if name == "renameat2" and function is not None:
        path = ctypes.c_char_p
        function.argtypes = (ctypes.c_int, path, ctypes.c_int, path, ctypes.c_uint)
    return function
