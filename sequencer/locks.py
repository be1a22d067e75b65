"""Locks that end with the process that holds them, also where a file system knows none."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import sys
from pathlib import Path
from typing import IO

Lock = IO[bytes] | socket.socket
"""What holds a lock until it is closed."""

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})


def take_lock(path: Path) -> Lock:
    """Lock a file, which is made where it is missing.

    Some file systems of a network refuse `flock`. There the lock is a name among the machine's
    sockets, which the kernel frees with its process as well: it keeps the processes of one machine
    apart, or those of one container.

    Parameters
    ----------
    path : Path
        In a folder that is there.

    Returns
    -------
    file or socket
        Close it to release the lock.

    Raises
    ------
    BlockingIOError
        Another process holds it.
    OSError
        The file cannot be made.
    """
    stream = path.open("ab")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        raise
    except OSError as error:
        with stream:
            if error.errno not in _NO_LOCKS or sys.platform != "linux":
                error.filename = str(path)
                raise
            return _named_socket(stream)
    except BaseException:
        stream.close()
        raise
    return stream


def _named_socket(stream: IO[bytes]) -> socket.socket:
    """Return a socket under a name that stands for a file, whatever path leads to it."""
    found = os.fstat(stream.fileno())
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        # Without a file: names that begin with a zero byte go with the last socket of them.
        held.bind(f"\0sequencer-lock-{found.st_dev}-{found.st_ino}")
    except OSError as error:
        held.close()
        if error.errno == errno.EADDRINUSE:
            raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK)) from error
        raise
    return held
