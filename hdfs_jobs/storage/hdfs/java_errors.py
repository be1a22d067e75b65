"""The refusals of HDFS: Java exceptions as OSErrors of one line that names the URL."""

from __future__ import annotations

import errno
import re

from hdfs_jobs.errors import in_one_line
from hdfs_jobs.storage.remote import LoginError, LostAnswerError, PassingError

_LONGEST = 300


_MISSING = frozenset({"FileNotFoundException"})
_TAKEN = frozenset({"FileAlreadyExistsException", "AlreadyBeingCreatedException"})
_NO_NAME = frozenset(
    {
        "HadoopIllegalArgumentException",
        "IllegalArgumentException",
        "InvalidPathException",
        "PathComponentTooLongException",
    }
)
_QUOTA = frozenset(
    {
        "DSQuotaExceededException",
        "NSQuotaExceededException",
        "QuotaByStorageTypeExceededException",
        "QuotaExceededException",
    }
)
_LOGIN = frozenset({"AuthenticationException", "AuthorizationException", "InvalidToken"})
# A DataNode that serves WebHDFS has a connection to the NameNode, which breaks when that restarts.
_BROKEN = frozenset(
    {
        "ConnectException",
        "ConnectTimeoutException",
        "EOFException",
        "SocketException",
        "SocketTimeoutException",
    }
)
_NAME_TROUBLE = re.compile(
    r"maximum path component name limit|reserved name|Invalid (path|file) name"
)


def refusal(url: str, java_class: str, message: str) -> OSError:
    """Return what a Java exception of a NameNode or DataNode means for a caller.

    Parameters
    ----------
    url : str
        Of the file or folder that was asked for.
    java_class : str
        The exception's class, with or without its package.
    message : str
        The exception's message; the Java stack trace that may follow is dropped.
    """
    name = re.split(r"[.$]", java_class)[-1]
    line = _first_line(message)
    if "is not a directory" in line:
        return NotADirectoryError(f"{url}: not a directory on the way ({line})")
    if "Path is not a file" in line:
        return IsADirectoryError(f"{url} is a folder, not a file")
    if name in _MISSING:
        return FileNotFoundError(f"{url}: no such file or folder")
    if name in _TAKEN or "must both be directories" in line:
        return FileExistsError(f"{url} exists")
    if name == "PathIsNotEmptyDirectoryException":
        return OSError(errno.ENOTEMPTY, f"{url}: the folder is not empty")
    if name in _QUOTA or ("quota" in line and "exceeded" in line):
        return OSError(errno.EDQUOT, f"{url}: {line}")
    if "safe mode" in line:
        return PassingError(
            f"{url}: the NameNode is in safe mode and takes no changes: wait until it has left it, "
            "or ask who runs the cluster (hdfs dfsadmin -safemode get)"
        )
    if name in {"StandbyException", "RetriableException"}:
        return PassingError(
            f"{url}: no NameNode is active ({line}): name both of a pair in the URL, as "
            "webhdfs://first:9870,second:9870/path, or wait for the failover"
        )
    if name in _BROKEN:
        return LostAnswerError(
            f"{url}: a DataNode lost its connection ({line}): see that HDFS runs"
        )
    if name in _LOGIN or ("token" in line and ("expired" in line or "can't be found" in line)):
        return LoginError(
            f"{url}: the cluster does not accept the login ({line}): run kinit, or fetch a new "
            "delegation token"
        )
    if name == "AccessControlException":
        return PermissionError(
            f"{url}: {line}; give another path, or set HADOOP_USER_NAME or log in as who may"
        )
    if name in _NO_NAME or _NAME_TROUBLE.search(line):
        return OSError(errno.EINVAL, f"{url}: HDFS cannot hold this name ({line})")
    if "could only be" in line and "0 " in line:
        return PassingError(
            f"{url}: no DataNode took the data ({line}): see that DataNodes run and have room"
        )
    return OSError(f"{url}: {name}: {line}" if name else f"{url}: {line}")


def unreachable(url: str, why: str, proxy: str = "") -> LostAnswerError:
    """Return the error of a cluster that does not answer.

    Parameters
    ----------
    url : str
        What was asked for.
    why : str
        The library's own reason.
    proxy : str
        The proxy that was asked instead, if one was.
    """
    if proxy:
        return LostAnswerError(
            f"{url}: cannot be reached through the proxy {proxy} "
            f"({_first_line(why)}): see that it runs, or name the host in no_proxy"
        )
    return LostAnswerError(
        f"{url}: cannot be reached ({_first_line(why)}): see that host and port are right and HDFS "
        "runs"
    )


def _first_line(message: str) -> str:
    """Return what is worth reading: messages of HDFS go on with a Java stack trace."""
    line = in_one_line(re.split(r"\s+at (?:org|java|javax|com|sun|io)\.", message, maxsplit=1)[0])
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
