"""URLs of HDFS. As in Hadoop's own commands, a path is taken as it is: % and # mean themselves."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import check_path

DEFAULT_PORTS = {"webhdfs": 9870, "swebhdfs": 9871}
_URL = re.compile(r"([A-Za-z]+)://([^/]*)(.*)", re.DOTALL)
_HOST = re.compile(r"(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?")


@dataclass(frozen=True)
class HdfsUrl:
    """A URL in its parts.

    Attributes
    ----------
    scheme
        ``webhdfs``, ``swebhdfs`` or ``hdfs``.
    hosts
        ``host:port`` of each NameNode; ``host`` alone is a name service of the configuration, and
        no host is the configuration's default, both for ``hdfs`` only.
    root
        An absolute path; ``/`` for the top.
    """

    scheme: str
    hosts: tuple[str, ...]
    root: str

    def __str__(self) -> str:
        """Return the URL; ``/`` and a path may follow."""
        return f"{self.scheme}://{','.join(self.hosts)}{self.root if self.root != '/' else ''}"

    def absolute(self, path: str) -> str:
        """Return the path on HDFS of a path below the root."""
        if not check_path(path):
            return self.root
        try:
            path.encode()
        except UnicodeEncodeError as error:
            name = path.encode("utf-8", "backslashreplace").decode()
            why = f"{self}/{name}: HDFS cannot hold a name that is no Unicode"
            raise OSError(errno.EINVAL, why) from error
        if ":" in path:
            raise OSError(errno.EINVAL, f"{self}/{path}: HDFS cannot hold a colon in a name")
        return f"{self.root.rstrip('/')}/{path}"


def parse_hdfs_url(url: str) -> HdfsUrl:
    """Return the parts of a URL.

    Raises
    ------
    UsageError
        It is none of HDFS.
    """
    match = _URL.fullmatch(url)
    scheme, authority, path = match.groups() if match else ("", "", "")
    scheme = scheme.lower()
    if scheme not in {*DEFAULT_PORTS, "hdfs"}:
        raise UsageError(f"{url}: no URL of HDFS, as webhdfs://namenode:9870/path")
    if "@" in authority:
        raise UsageError(f"{url}: a URL holds no user; set HADOOP_USER_NAME")
    hosts = tuple(_host(url, scheme, text) for text in authority.split(",") if authority)
    if not hosts and scheme != "hdfs":
        raise UsageError(f"{url}: no host; give it as {scheme}://namenode:9870/path")
    root = path.rstrip("/").removeprefix("/")
    try:
        check_path(root)
    except ValueError as error:
        raise UsageError(f"{url}: {root!r} is no path: leave out empty parts, . and ..") from error
    if ":" in root:
        raise UsageError(f"{url}: HDFS cannot hold a colon in a name")
    return HdfsUrl(scheme, hosts, f"/{root}")


def _host(url: str, scheme: str, text: str) -> str:
    match = _HOST.fullmatch(text)
    if match is None or (match[2] and not 0 < int(match[2]) < 65536):
        raise UsageError(f"{url}: {text!r} is no host:port")
    if match[2] or scheme not in DEFAULT_PORTS:
        return text
    return f"{text}:{DEFAULT_PORTS[scheme]}"
