"""Which backend a URL means."""

from __future__ import annotations

import re
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from hdfs_jobs.backend import Storage
from hdfs_jobs.errors import UsageError
from hdfs_jobs.local import LocalStorage

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def open_storage(url: str) -> Storage:
    """Return the storage at a URL.

    Nothing is read or written yet, so the place need not exist.

    Parameters
    ----------
    url : str
        A path of this machine (taken as it is, ``#`` and ``%`` included) or ``file:///…``
        (percent-encoded, as URLs are).

    Raises
    ------
    UsageError
        No backend knows the URL's scheme.
    """
    return LocalStorage(_local_path(url))


def open_url(url: str) -> BinaryIO:
    """Open one file by its own URL or path, as a seekable stream.

    Raises
    ------
    OSError
        The file cannot be opened.
    UsageError
        No backend knows the URL's scheme.
    """
    folder, _, name = _local_path(url).rpartition("/")
    return LocalStorage(folder or ("/" if url.startswith("/") else ".")).open(name)


def open_source(storage: Storage, url: str) -> BinaryIO:
    """Open one file by its own URL or absolute path, or by its path inside a storage.

    Parameters
    ----------
    storage : Storage
        Where a path that is relative begins.
    url : str
        With a scheme, or beginning with ``/``: taken as it is.

    Raises
    ------
    OSError
        The file cannot be opened.
    UsageError
        No backend knows the URL's scheme.
    """
    if url.startswith("/") or _SCHEME.match(url):
        return open_url(url)
    return storage.open(url)


def _local_path(url: str) -> str:
    scheme = _SCHEME.match(url)
    if not url:
        raise UsageError("an empty URL: give a folder, or file:///…")
    if scheme is None:
        return url
    if scheme[1].lower() != "file":
        raise UsageError(f"{url}: no storage for {scheme[1]}:// here; give a path or file:///…")
    parts = urlsplit(url, allow_fragments=False)
    if parts.netloc not in {"", "localhost"} or parts.query:
        raise UsageError(f"{url}: a file URL names a file of this machine, as file:///folder/name")
    return unquote(parts.path)
