"""Storage on HDFS by its own protocol, through hdfs-native: the fast way where ports are open."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import hdfs_native

from hdfs_jobs.storage.base import UnsuitableError
from hdfs_jobs.storage.hdfs.base import HdfsStorage, Status
from hdfs_jobs.storage.hdfs.java_errors import refusal, unreachable
from hdfs_jobs.storage.hdfs.login import as_in_token
from hdfs_jobs.storage.ranged import FIRST_RANGE, Ranges
from hdfs_jobs.storage.remote import LoginError, PassingError, WrongAddressError, patience

_JAVA = re.compile(r'(?:RPCError|FatalRPCError)\("([\w.$]+)", "(.*)"\)', re.DOTALL)
_ZONE = re.compile(r"encryption (is not|zone)|Unsupported KMS|KMS client has no", re.IGNORECASE)
# Of what the library says itself, these no second try mends; all else may be the network.
_SETTLED = re.compile(
    r"not supported|not yet implemented|Unsupported|(Url|Xml)ParseError|Invalid(Path|Argument)"
    r"|fs\.defaultFS|viewfs",
    re.IGNORECASE,
)
_ATTEMPTS = 3  # the library's own patience is three minutes for a host that does not exist
_FAILOVER = {
    "dfs.client.failover.sleep.base.millis": "100",
    "dfs.client.failover.sleep.max.millis": "1000",
}


class NativeStorage(HdfsStorage):
    """A folder of HDFS behind ``hdfs://``.

    Hosts may be one or both NameNodes of a pair, or a name service of the configuration that
    ``HADOOP_CONF_DIR`` names, which also says whether Kerberos is used.
    """

    def _status(self, path: str) -> Status:
        with self._client(path) as client:
            return _status(client.get_file_info(path), "")

    def _statuses(self, path: str) -> Iterator[Status]:
        inside = len(path.rstrip("/")) + 1
        with self._client(path) as client:
            for found in client.list_status(path):
                yield _status(found, found.path[inside:])

    def _ranges(self, path: str) -> Ranges:
        return _NativeRanges(self, path)

    def _read(self, path: str) -> bytes:
        with self._client(path) as client:
            return client.read(path).read()

    def _write(self, path: str, blocks: Iterator[bytes]) -> None:
        options = hdfs_native.WriteOptions(overwrite=True, create_parent=True)
        # A transfer cannot be begun anew, so it outlasts a failover; a try takes up to a second.
        with self._client(path, max(_ATTEMPTS, round(patience()))) as client:
            # Not by its context: that completes the file after an exception, cut short.
            writer = client.create(path, options)
            for block in blocks:
                writer.write(block)
            writer.close()

    def _move(self, source: str, target: str, *, overwrite: bool) -> None:
        with self._client(target) as client:
            client.rename(source, target, overwrite)

    def _remove(self, path: str, *, recursive: bool) -> None:
        with self._client(path) as client:
            client.delete(path, recursive)

    def _named(self, path: str) -> str:
        return f"{self._service}{path}"

    @contextmanager
    def _client(self, path: str, attempts: int = _ATTEMPTS) -> Iterator[hdfs_native.Client]:
        """Lend this process's client; its failures leave the block as OSErrors of one line."""
        url = self._named(path)
        try:
            yield _client_of(self._place.hosts, os.getpid(), attempts)
        except OSError as error:
            raise _translated(url, error) from error
        except RuntimeError as error:
            raise _explained(url, str(error)) from error


class _NativeRanges:
    """A file whose blocks were looked up when it was opened: it stays that one while it is read.

    Only where a transfer fails are they looked up again, and then it must be the same file.
    """

    first = FIRST_RANGE

    def __init__(self, storage: NativeStorage, path: str) -> None:
        self._storage = storage
        self._path = path
        with storage._client(path) as client:
            self._reader = client.read(path)
        self.size = len(self._reader)
        large = self.size > FIRST_RANGE
        self._identity = storage._status(path).identity if large else None

    def read(self, offset: int, length: int) -> Iterator[bytes]:
        with self._storage._client(self._path) as client:
            try:
                yield from self._reader.read_range_stream(offset, length)
            except (OSError, RuntimeError):
                self._reader = client.read(self._path)
                found = self._storage._status(self._path)
                self._identity = self._identity or found.identity
                if (found.size, found.identity) != (self.size, self._identity):
                    raise OSError(
                        f"{self._storage._named(self._path)} was replaced while it was read"
                    ) from None
                raise

    def close(self) -> None:
        """Nothing is open between two reads."""


def _status(found: hdfs_native.FileStatus, name: str) -> Status:
    size = 0 if found.isdir else found.length
    return Status(
        name=name,
        size=size,
        is_dir=found.isdir,
        modified=found.modification_time / 1000,
        # The library does not give a file's number; the time of its last byte stays with it.
        identity=f"{found.isdir} {size} {found.modification_time}",
    )


def _translated(url: str, error: OSError) -> OSError:
    if isinstance(error, (PassingError, LoginError)) or str(error).startswith(url):
        return error
    if isinstance(error, FileNotFoundError):
        return refusal(url, "FileNotFoundException", str(error))
    if isinstance(error, FileExistsError):
        return refusal(url, "FileAlreadyExistsException", str(error))
    if isinstance(error, IsADirectoryError):
        return IsADirectoryError(f"{url} is a folder, not a file")
    return unreachable(url, str(error))


def _explained(url: str, text: str) -> OSError:
    """Return what a RuntimeError of the library is: it holds the Java exception as text."""
    if java := _JAVA.search(text):
        return refusal(url, java[1], re.sub(r"\\([nt\"'])", _unescaped, java[2]))
    if "No NameNode hosts found" in text:
        return WrongAddressError(
            f"{url}: no port in the URL, and no such name service in HADOOP_CONF_DIR: give "
            "hdfs://namenode:8020/path, or the folder of hdfs-site.xml in that variable"
        )
    if any(word in text for word in ("SASL", "GSSAPI", "gssapi", "SPNEGO")):
        return LoginError(
            f"{url}: the login failed ({text[:200]}): run kinit, and set HADOOP_CONF_DIR to the "
            "cluster's configuration"
        )
    if _ZONE.search(text):
        return UnsuitableError(
            f"{url}: in an encryption zone that is closed to this process ({text[:200]}): name its "
            "key server in core-site.xml (hadoop.security.key.provider.path) and that file's "
            "folder in HADOOP_CONF_DIR, or give a folder outside the zone"
        )
    if _SETTLED.search(text):
        return UnsuitableError(
            f"{url}: {text[:300]}: give webhdfs:// or another folder, or mend the configuration "
            "in HADOOP_CONF_DIR"
        )
    return PassingError(f"{url}: {text[:300]}")


def _unescaped(escape: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t"}.get(escape[1], escape[1])


@lru_cache
def _client_of(hosts: tuple[str, ...], process: int, attempts: int) -> hdfs_native.Client:
    """Return a client of a process, by how often it tries both of a pair; threads share it."""
    settings = {**_FAILOVER, "dfs.client.failover.max.attempts": str(attempts)}
    if len(hosts) < 2:
        # The library finds a token only by the very words that Hadoop wrote into it.
        only = f"hdfs://{as_in_token(hosts[0])}" if hosts else None
        return hdfs_native.Client(only, settings)
    service = "pair"
    settings[f"dfs.ha.namenodes.{service}"] = ",".join(f"nn{i}" for i in range(len(hosts)))
    for number, host in enumerate(hosts):
        settings[f"dfs.namenode.rpc-address.{service}.nn{number}"] = host
    return hdfs_native.Client(f"hdfs://{service}", settings)
