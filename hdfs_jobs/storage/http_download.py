"""A file received over HTTP from where an earlier attempt broke off (RFC 9110, section 14)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from hdfs_jobs.errors import BadInput
from hdfs_jobs.storage.remote import PassingError

OK = 200
PARTIAL_CONTENT = 206
RANGE_NOT_SATISFIABLE = 416

_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class RestartError(PassingError):
    """The server cannot go on where the download broke off; what was received is discarded."""


class Received(Protocol):
    """What was received of a file so far.

    Attributes
    ----------
    validator : str
        What the server said of the version that the bytes belong to; empty if nothing.
    """

    validator: str

    @property
    def have(self) -> int:
        """How many bytes there are."""
        ...

    def write(self, block: bytes, /) -> None:
        """Append bytes."""
        ...

    def discard(self) -> None:
        """Forget all bytes and the validator."""
        ...


class Headers(Protocol):
    """Headers of an answer, whatever the case of their names."""

    def get(self, name: str, default: str, /) -> str:
        """Return a header's value, or the default."""
        ...


@dataclass(frozen=True)
class Answer:
    """A server's answer to a request with `range_headers`.

    Attributes
    ----------
    status
        200, 206 or 416; the caller deals with others.
    headers
        Of the answer.
    blocks
        The body. Iterating over it raises `PassingError`, or an error of the caller's, where the
        connection breaks.
    """

    status: int
    headers: Headers
    blocks: Iterable[bytes]


def range_headers(received: Received) -> dict[str, str]:
    """Return the headers that ask for what is missing, if it is of the same version still."""
    if not received.have:
        return {}
    headers = {"Range": f"bytes={received.have}-"}
    if received.validator:
        headers["If-Range"] = received.validator
    return headers


def receive(
    answer: Answer,
    received: Received,
    size: int | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> None:
    """Append an answer's body to what was received, until the file is whole.

    Parameters
    ----------
    answer : Answer
        Its body is read here.
    received : Received
        The file's beginning; discarded where the answer does not continue it.
    size : int, optional
        Bytes that the file must have.
    on_progress : callable, optional
        Called with the bytes that there are, and how many there will be where that is known.

    Raises
    ------
    RestartError
        The server cannot go on where the bytes end.
    PassingError
        The connection broke before the end; what was received is kept.
    BadInput
        ``wrong-length``: the file does not have `size` bytes.
    """
    whole = _size_of(answer, received)
    if size is not None and whole is not None and whole != size:
        raise BadInput("wrong-length", f"the server has {whole} bytes, its source declares {size}")
    size = whole if size is None else size
    received.validator = _validator(answer.headers)
    for block in answer.blocks:
        received.write(block)
        if size is not None and received.have > size:
            raise BadInput("wrong-length", f"more than the {size} bytes that it is to have")
        if on_progress:
            on_progress(received.have, size)
    if size is not None and received.have < size:
        raise PassingError(f"broke off after {received.have} of {size} bytes")


def _size_of(answer: Answer, received: Received) -> int | None:
    """Return the size of the whole file; discard the beginning unless the answer continues it."""
    if answer.status == RANGE_NOT_SATISFIABLE:
        received.discard()
        raise RestartError("the server has nothing after what came: from the beginning again")
    if answer.status == PARTIAL_CONTENT:
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != received.have:
            received.discard()
            raise RestartError(
                "the server sent another part than asked for: from the beginning again"
            )
        return None if found[2] == "*" else int(found[2])
    # All of it comes, because the server knows no parts, or has another version by now.
    received.discard()
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _validator(headers: Headers) -> str:
    """Return what an If-Range header can hold: a strong ETag, or else the time of change."""
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")
