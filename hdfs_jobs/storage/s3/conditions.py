"""What a server of S3 does with conditions, found out by trying before the first write.

A server that ignores them answers as one that honours them does, and two runs would write one
file without a word; so no answer is believed but one that refuses.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hdfs_jobs.storage.base import UnsuitableError
from hdfs_jobs.storage.s3.client import asked_encryption

Condition = Mapping[str, str]
ABSENT: Condition = {"IfNoneMatch": "*"}
"""There is no object of the name."""

_OF_NO_OBJECT = '"00000000000000000000000000000000"'


@dataclass
class Server:
    """What this process knows of the server of a bucket.

    Attributes
    ----------
    lock
        Held while it is tried.
    proven
        Whether it honours conditions on requests that write an object.
    quotes
        Whether it wants a tag in quotes, as it gives them; Ceph does not.
    completes
        Whether it honours them where the parts of an object are completed; None if not tried.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    proven: bool = False
    quotes: bool = True
    completes: bool | None = None

    def unchanged(self, tag: str) -> Condition:
        """Return the condition that an object still has the tag that was read with it."""
        return {"IfMatch": tag if self.quotes else tag.strip('"')}

    def prove(self, url: str, written: Callable[[Condition], bool], tag: Callable[[], str]) -> None:
        """Try whether the server honours conditions.

        Parameters
        ----------
        url : str
            Where, for the error.
        written : callable
            Writes an object, absent at first, on a condition, and returns whether it was written.
        tag : callable
            Returns the tag that the object has now.

        Raises
        ------
        UnsuitableError
            It does not.
        """
        proven = written(ABSENT) and not written(ABSENT) and self._swaps(written, tag)
        if not proven:
            raise UnsuitableError(
                f"{url}: this server ignores conditions on writes (If-None-Match, If-Match), so "
                "two runs could write one file: keep the store on a server that honours them; "
                "docs/s3.md lists some"
            )
        self.proven = True

    def _swaps(self, written: Callable[[Condition], bool], tag: Callable[[], str]) -> bool:
        for self.quotes in (True, False):
            if not written(self.unchanged(_OF_NO_OBJECT)) and written(self.unchanged(tag())):
                return True
        return False


_servers: dict[tuple[object, ...], Server] = {}


def server_of(bucket: str) -> Server:
    """Return what this process knows of a bucket's server; nothing of what it was before a fork.

    What it is asked to encrypt by is a part of it: each way is tried.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    asked = (endpoint, asked_encryption())
    return _servers.setdefault((os.getpid(), bucket, *asked), Server())
