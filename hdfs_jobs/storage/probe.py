"""Whether a storage can keep a store: tried before there is one."""

from __future__ import annotations

import uuid
from contextlib import suppress

from hdfs_jobs.storage.base import TEMPORARY_PREFIX, Storage, UnsuitableError


def probe(storage: Storage) -> None:
    """Try all that a store needs of a storage, and leave nothing behind.

    Parameters
    ----------
    storage : Storage
        Where a store is, or is to be. If there is nothing yet, the nearest folder above it is
        tried, in which it would be made.

    Raises
    ------
    OSError
        Something is refused: for want of permission, of room, or because the storage cannot.

    Examples
    --------
    >>> import tempfile
    >>> from hdfs_jobs.storage.open import open_storage
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     probe(open_storage(f"{folder}/not/there/yet"))
    """
    place = storage
    while place.has_folders and not place.exists(""):
        above = place.parent()
        if above is None:
            break
        place = above
    folder = f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}"
    path = f"{folder}/file"
    try:
        kept = (
            place.publish(path, b"one")
            and not place.publish(path, b"two")
            and place.replace_if(path, b"one", b"two")
            and not place.replace_if(path, b"one", b"three")
        )
        place.replace(path, b"four")
        if not kept or place.read_bytes(path) != b"four":
            raise UnsuitableError(
                f"{place.url}: a file was replaced that must not be: two runs could write one "
                "file here; keep the store elsewhere"
            )
    finally:
        with suppress(OSError):
            place.delete(folder, recursive=True)
