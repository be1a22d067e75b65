"""Which backend a URL means."""

from __future__ import annotations

import re
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.hdfs.url import DEFAULT_PORTS
from hdfs_jobs.storage.local import LocalStorage

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SLIP = re.compile(r"(file|s?webhdfs|hdfs):", re.IGNORECASE)


def open_storage(url: str) -> Storage:
    """Return the storage at a URL.

    Nothing is read or written yet, so the place need not exist.

    Parameters
    ----------
    url : str
        A path of this machine (taken as it is, ``#`` and ``%`` included), ``file:///…``
        (percent-encoded, as URLs are), ``webhdfs://host:port/path``, ``swebhdfs://…`` or
        ``hdfs://…`` (paths taken as they are, as Hadoop does).

    Raises
    ------
    UsageError
        No backend knows the URL's scheme, or the URL is not whole.
    """
    scheme = _SCHEME.match(url)
    name = scheme[1].lower() if scheme else ""
    if name in DEFAULT_PORTS:
        from hdfs_jobs.storage.hdfs.webhdfs import WebHdfsStorage

        return WebHdfsStorage(url)
    if name == "hdfs":
        from hdfs_jobs.storage.hdfs.native import NativeStorage

        return NativeStorage(url)
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
    if is_remote(url):
        folder, _, name = url.rpartition("/")
        return open_storage(folder).open(name)
    folder, _, name = _local_path(url).rpartition("/")
    return LocalStorage(folder or ("/" if url.startswith("/") else ".")).open(name)


def is_remote(url: str) -> bool:
    """Whether a URL is read over the network, from every machine alike."""
    scheme = _SCHEME.match(url)
    return scheme is not None and scheme[1].lower() in {*DEFAULT_PORTS, "hdfs"}


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
        raise UsageError("an empty URL: give a folder, file:///…, webhdfs://… or hdfs://…")
    if scheme is None:
        if slip := _SLIP.match(url):
            raise UsageError(
                f"{url}: two slashes belong behind {slip[0]}, as in {slip[0]}//…; give a folder "
                f"of that name as ./{url}"
            )
        return url
    if scheme[1].lower() != "file":
        raise UsageError(
            f"{url}: no storage for {scheme[1]}:// here; give a path, file:///…, "
            "webhdfs://host:port/… or hdfs://host:port/…"
        )
    parts = urlsplit(url, allow_fragments=False)
    if parts.netloc not in {"", "localhost"} or parts.query:
        raise UsageError(f"{url}: a file URL names a file of this machine, as file:///folder/name")
    return unquote(parts.path)
