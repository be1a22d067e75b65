"""Which storage a URL means: the one place that knows the schemes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import BinaryIO, cast
from urllib.parse import unquote, urlsplit

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.local import LocalStorage


@dataclass(frozen=True, slots=True)
class Scheme:
    """What is known of the URLs that begin with one word.

    Attributes
    ----------
    example : str
        A URL as people write it.
    module, storage : str
        Where its class is, and the class; it is imported when a URL of the scheme is opened.
    remote : bool
        Whether it is read over the network, from every machine alike.
    hidden : tuple of str
        How names begin that are hidden from those who look for data.
    extra : str
        The extra of this package that brings its client, where one does.
    """

    example: str
    module: str
    storage: str
    remote: bool = True
    hidden: tuple[str, ...] = (".", "_")
    extra: str = ""


_HDFS = "hdfs_jobs.storage.hdfs"
_LOCAL = Scheme("file:///path", LocalStorage.__module__, "LocalStorage", False, (".",))
SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "file": _LOCAL,
        "hdfs": Scheme("hdfs://host:port/path", f"{_HDFS}.native", "NativeStorage"),
        "webhdfs": Scheme("webhdfs://host:port/path", f"{_HDFS}.webhdfs", "WebHdfsStorage"),
        "swebhdfs": Scheme("swebhdfs://host:port/path", f"{_HDFS}.webhdfs", "WebHdfsStorage"),
        "s3": Scheme("s3://bucket/prefix", "hdfs_jobs.storage.s3.storage", "S3Storage", extra="s3"),
    }
)
"""Every scheme, by its name; a text without one is a path of this machine."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SLIP = re.compile(rf"({'|'.join(SCHEMES)}):", re.IGNORECASE)


def url_forms() -> str:
    """Return the kinds of URLs in words, for help and messages.

    >>> url_forms().split(", ")[:3]
    ['a path', 'file:///path', 'hdfs://host:port/path']
    """
    forms = ["a path", *(scheme.example for scheme in SCHEMES.values())]
    return f"{', '.join(forms[:-1])} or {forms[-1]}"


def scheme_of(url: str) -> Scheme:
    """Return what is known of a URL's scheme; that of paths where it has none.

    Raises
    ------
    UsageError
        No storage knows the scheme.
    """
    found = _URL.match(url)
    if found is None:
        return _LOCAL
    if scheme := SCHEMES.get(found[1].lower()):
        return scheme
    raise UsageError(f"{url}: no storage for {found[1]}:// here; give {url_forms()}")


def open_storage(url: str) -> Storage:
    """Return the storage at a URL.

    Nothing is read or written yet, so the place need not exist.

    Parameters
    ----------
    url : str
        A path of this machine (taken as it is, ``#`` and ``%`` included), ``file:///…``
        (percent-encoded, as URLs are), or a URL of `SCHEMES` (paths taken as they are, as
        Hadoop does).

    Raises
    ------
    UsageError
        No storage knows the URL's scheme, the URL is not whole, or its client is not installed.

    Examples
    --------
    >>> open_storage("/data/store")
    LocalStorage('/data/store')
    >>> open_storage("webhdfs://namenode/store")
    WebHdfsStorage('webhdfs://namenode:9870/store')
    """
    scheme = scheme_of(url)
    if not scheme.remote:
        return LocalStorage(_local_path(url))
    try:
        module = import_module(scheme.module)
    except ModuleNotFoundError as error:
        if not scheme.extra:
            raise
        raise UsageError(
            f"{url}: {error.name} is not installed: pip install 'nsynth-batch[{scheme.extra}]'"
        ) from error
    return cast(Storage, getattr(module, scheme.storage)(url))


def open_url(url: str) -> BinaryIO:
    """Open one file by its own URL or path, as a seekable stream.

    Raises
    ------
    OSError
        The file cannot be opened.
    UsageError
        No storage knows the URL's scheme.
    """
    if is_remote(url):
        folder, _, name = url.rpartition("/")
        return open_storage(folder).open(name)
    folder, _, name = _local_path(url).rpartition("/")
    return LocalStorage(folder or ("/" if url.startswith("/") else ".")).open(name)


def is_remote(url: str) -> bool:
    """Whether a URL is read over the network, from every machine alike."""
    found = _URL.match(url)
    scheme = SCHEMES.get(found[1].lower()) if found else None
    return scheme is not None and scheme.remote


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
        No storage knows the URL's scheme.
    """
    if url.startswith("/") or _URL.match(url):
        return open_url(url)
    return storage.open(url)


def _local_path(url: str) -> str:
    if not url:
        raise UsageError(f"an empty URL: give {url_forms()}")
    if not _URL.match(url):
        if slip := _SLIP.match(url):
            raise UsageError(
                f"{url}: two slashes belong behind {slip[0]}, as in {slip[0]}//…; give a folder "
                f"of that name as ./{url}"
            )
        return url
    scheme_of(url)
    parts = urlsplit(url, allow_fragments=False)
    if parts.netloc not in {"", "localhost"} or parts.query:
        raise UsageError(f"{url}: a file URL names a file of this machine, as file:///folder/name")
    return unquote(parts.path)
