"""Storage on HDFS by WebHDFS, with what Hadoop 2.10 offers of it."""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import hdfs
import requests
import urllib3

from hdfs_jobs.storage.hdfs.base import HdfsStorage, Status
from hdfs_jobs.storage.hdfs.java_errors import refusal, unreachable
from hdfs_jobs.storage.hdfs.login import (
    PROXY_USER,
    delegation_token,
    require_user_name,
    user_name,
)
from hdfs_jobs.storage.proxy import proxy_for
from hdfs_jobs.storage.ranged import FIRST_RANGE, Ranges
from hdfs_jobs.storage.remote import LoginError, LostAnswerError, WrongAddressError
from hdfs_jobs.storage.upload import BLOCK_BYTES

# HdfsCLI reports failures in its log before it raises them; the one line of the error is enough.
logging.getLogger("hdfs").addHandler(logging.NullHandler())

TIMEOUT = (30.0, 120.0)
"""Seconds to connect, and to wait for the next bytes; remote.py has those of trying again."""

_PROTOCOLS = {"webhdfs": "http", "swebhdfs": "https"}
_local = threading.local()


class WebHdfsStorage(HdfsStorage):
    """A folder of HDFS behind ``webhdfs://``, or ``swebhdfs://`` with TLS.

    Requests go through HdfsCLI's client for the login that the cluster asks for: a delegation
    token if the environment holds one, else Kerberos if the NameNode demands it, else a name. Its
    endpoints are called directly: its own wrappers read ``#LATEST`` in a name as a command, and
    know no rename that refuses to overwrite.
    """

    def _status(self, path: str) -> Status:
        with self._client(path) as client:
            return _status(client._get_file_status(path).json()["FileStatus"])

    def _statuses(self, path: str) -> Iterator[Status]:
        with self._client(path) as client:
            found = client._list_status(path).json()["FileStatuses"]["FileStatus"]
        return (_status(entry) for entry in found)

    def _ranges(self, path: str) -> Ranges:
        return _WebRanges(self, path)

    def _read(self, path: str) -> bytes:
        with self._client(path) as client, client._open(path) as response:
            return bytes(response.content)

    def _write(self, path: str, blocks: Iterator[bytes]) -> None:
        with self._client(path) as client:
            client.write(path, data=blocks, overwrite=True)

    def _move(self, source: str, target: str, *, overwrite: bool) -> None:
        # Without an option, the NameNode would answer false for a taken name, and move into a
        # folder of that name. The options are in WebHDFS since Hadoop 2.
        option = "OVERWRITE" if overwrite else "NONE"
        with self._client(target) as client:
            answer = client._rename(source, destination=target, renameoptions=option).content
        if answer:
            self._check_plain_rename(json.loads(answer), source, target, overwrite)

    def _check_plain_rename(
        self, answer: dict[str, bool], source: str, target: str, overwrite: bool
    ) -> None:
        """Make sense of an answer without options: a gateway, such as HttpFS, passed none on."""
        if answer.get("boolean"):
            inside = f"{target}/{source.rpartition('/')[2]}"
            if not self._exists(inside):
                return
            self._move_back(inside, source)
            raise FileExistsError(f"{self._named(target)} exists")
        if not self._exists(source):
            raise FileNotFoundError(f"{self._named(source)}: no such file or folder")
        if not overwrite and self._exists(target):
            raise FileExistsError(f"{self._named(target)} exists")
        raise OSError(
            f"{self._named(target)}: the server did not rename to it: a gateway such as HttpFS "
            "cannot replace files; give the address of the NameNode itself"
        )

    def _move_back(self, inside: str, source: str) -> None:
        with self._client(source) as client:
            client._rename(inside, destination=source)

    def _exists(self, path: str) -> bool:
        try:
            self._status(path)
        except FileNotFoundError:
            return False
        return True

    def _remove(self, path: str, *, recursive: bool) -> None:
        with self._client(path) as client:
            client._delete(path, recursive=recursive)

    def _named(self, path: str) -> str:
        return f"{self._service}{path}"

    @contextmanager
    def _client(self, path: str) -> Iterator[Any]:
        """Lend this thread's client; its failures leave the block as OSErrors of one line."""
        url = self._named(path)
        try:
            yield _client_of(self._place.scheme, self._place.hosts, url)
        except hdfs.HdfsError as error:
            raise self._refused(url, error) from error
        except requests.exceptions.SSLError as error:
            if "WRONG_VERSION_NUMBER" in str(error):
                raise WrongAddressError(
                    f"{url}: no TLS at this port; webhdfs:// is without"
                ) from error
            raise OSError(
                f"{url}: the server's certificate was not accepted ({_cause(error)}): name the "
                "file of your authority's certificate in REQUESTS_CA_BUNDLE"
            ) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            asked = f"{_PROTOCOLS[self._place.scheme]}://{self._place.hosts[0]}/"
            raise unreachable(url, _cause(error), proxy_for(asked)) from error

    def _refused(self, url: str, error: hdfs.HdfsError) -> OSError:
        message = error.message
        text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
        if text.startswith("Authentication failure"):
            _forget_clients()
            return LoginError(
                f"{url}: the cluster does not accept the login: run kinit, or fetch a new "
                "delegation token"
            )
        if error.exception is None and "IPC port" in text:
            return WrongAddressError(
                f"{url}: this is not the NameNode's web port, which is 9870 or 50070"
            )
        if error.exception is None:
            return LostAnswerError(f"{url}: the server gave no answer of WebHDFS: {text[:200]!r}")
        found = refusal(url, error.exception, text)
        if isinstance(found, LoginError):
            _forget_clients()
        return found


class _WebRanges:
    """A file that is opened by asking for its beginning: a short one takes no other request.

    An answer of WebHDFS does not say which file it is of, so what comes after the beginning is
    held to the file's number on the NameNode.
    """

    first = FIRST_RANGE

    def __init__(self, storage: WebHdfsStorage, path: str) -> None:
        self._storage = storage
        self._path = path
        self._identity: str | None = None
        with storage._client(path) as client:
            self._begun: Any = client._open(path, offset=0, length=FIRST_RANGE)
        length = int(self._begun.headers.get("content-length", FIRST_RANGE))
        if length < FIRST_RANGE:
            self.size = length
        else:
            found = storage._status(path)
            self.size, self._identity = found.size, found.identity

    def read(self, offset: int, length: int) -> Iterator[bytes]:
        begun, self._begun = self._begun, None
        with self._storage._client(self._path) as client:
            if begun is not None and offset:
                begun.close()
                begun = None
            with begun or client._open(self._path, offset=offset, length=length) as response:
                if begun is None:
                    self._check()
                yield from response.iter_content(BLOCK_BYTES)

    def close(self) -> None:
        if self._begun is not None:
            self._begun.close()

    def _check(self) -> None:
        found = self._storage._status(self._path)
        self._identity = self._identity or found.identity
        if (found.size, found.identity) != (self.size, self._identity):
            raise OSError(f"{self._storage._named(self._path)} was replaced while it was read")


def _status(found: dict[str, Any]) -> Status:
    is_dir = found["type"] == "DIRECTORY"
    return Status(
        name=found["pathSuffix"],
        size=0 if is_dir else found["length"],
        is_dir=is_dir,
        modified=found["modificationTime"] / 1000,
        identity=str(found["fileId"]),
    )


def _cause(error: BaseException) -> str:
    """Return the innermost message: what wraps it repeats it at length."""
    reason = getattr(error, "reason", None) or next(
        (part for part in error.args if isinstance(part, BaseException)), None
    )
    if isinstance(reason, BaseException):
        return _cause(reason)
    return (
        re.sub(r"^<?HTTPS?Connection\S*( at \w+>| port=\d+\)): ", "", str(error))
        or type(error).__name__
    )


def _forget_clients() -> None:
    """Log in anew with the next request: a ticket or a token may have been renewed."""
    _local.clients = {}
    _asks_for_kerberos.cache_clear()


def _client_of(scheme: str, hosts: tuple[str, ...], url: str) -> Any:
    """Return this thread's client of a cluster; one of before a fork is not used."""
    clients = getattr(_local, "clients", {})
    key = (os.getpid(), scheme, hosts)
    if key not in clients:
        clients[key] = _log_in(scheme, hosts, url)
        _local.clients = clients
    return clients[key]


def _log_in(scheme: str, hosts: tuple[str, ...], url: str) -> Any:
    bases = tuple(f"{_PROTOCOLS[scheme]}://{host}" for host in hosts)
    options = {"timeout": TIMEOUT, "proxy": os.environ.get(PROXY_USER)}
    if token := delegation_token(hosts):
        # A token names its user already.
        client = hdfs.TokenClient(";".join(bases), token, timeout=TIMEOUT)
    elif _asks_for_kerberos(bases):
        client = _kerberos_client(bases, options, url)
    else:
        client = hdfs.InsecureClient(";".join(bases), user=require_user_name(), **options)
    client.resolve = _as_it_is
    return client


def _as_it_is(path: str) -> str:
    """Return a path that is absolute already, whatever it looks like to HdfsCLI."""
    return path


@lru_cache
def _asks_for_kerberos(bases: tuple[str, ...]) -> bool:
    """Whether NameNodes demand Kerberos; ConnectionError if none of them answers."""
    failure: requests.RequestException | None = None
    for base in bases:
        try:
            with requests.get(
                f"{base}/webhdfs/v1/",
                # A value of None is no parameter: Kerberos does without a name.
                params={"op": "GETFILESTATUS", "user.name": user_name()},
                timeout=TIMEOUT,
            ) as answer:
                demanded = answer.headers.get("www-authenticate", "")
                return answer.status_code == 401 and "negotiate" in demanded.lower()
        except requests.RequestException as error:
            failure = error
    raise failure or requests.ConnectionError("no NameNode")


def _kerberos_client(bases: tuple[str, ...], options: dict[str, Any], url: str) -> Any:
    try:
        from hdfs.ext.kerberos import KerberosClient
    except ImportError as error:
        raise LoginError(
            f"{url}: the cluster asks for Kerberos: pip install 'nsynth-batch[kerberos]' (it needs "
            "the system's libkrb5-dev), then kinit"
        ) from error
    return KerberosClient(";".join(bases), **options)
