"""A file on its way to S3, by one request or in parts; and one that is read in ranges."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hdfs_jobs.storage.s3.client import read_body
from hdfs_jobs.storage.s3.conditions import Condition
from hdfs_jobs.storage.s3.errors import RefusedError
from hdfs_jobs.storage.upload import BLOCK_BYTES, MEMORY_BYTES, spool

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

ATTEMPT = "attempt"
"""What the metadata of an object call the attempt that wrote it."""

PART_BYTES = 64 << 20
"""Up to which a file is one request; beyond, the size of its parts, of which S3 takes 10,000."""

Send = Callable[..., dict[str, Any]]


class Upload(io.RawIOBase):
    """A stream that takes bytes in order: kept on this machine while few, sent in parts when many.

    Parameters
    ----------
    send : callable
        Does one request for the file's key, once.
    patiently : callable
        Calls what it is given, again if that failed for something that passes.
    in_parts : callable
        Whether the server takes a condition where parts are completed; asked before the first. If
        not, the file is kept whole on this machine, and sent by one request, of which S3 takes up
        to 5 GiB.

    Attributes
    ----------
    attempt : str
        Goes with the object, to know it again where an answer was lost.
    """

    def __init__(
        self,
        send: Send,
        patiently: Callable[[Callable[[], dict[str, Any]]], dict[str, Any]],
        in_parts: Callable[[], bool],
    ) -> None:
        super().__init__()
        self.attempt = uuid.uuid4().hex
        self._send = send
        self._patiently = patiently
        self._in_parts = in_parts
        self._file = spool()
        self._kept = 0
        self._sent = 0
        self._id = ""
        self._parts: list[dict[str, object]] = []

    def writable(self) -> bool:
        """Whether it takes bytes."""
        return True

    def tell(self) -> int:
        """Return how many bytes it took."""
        return self._sent + self._kept

    def write(self, data: ReadableBuffer) -> int:
        """Take bytes; a part that is full is sent before more are taken."""
        view = memoryview(data).cast("B")
        taken = 0
        while taken < len(view):
            if self._kept >= PART_BYTES and self._is_split:
                self.send_part()
            room = max(PART_BYTES - self._kept, 0) or len(view)
            piece = view[taken : taken + room]
            self._file.write(piece)
            self._kept += len(piece)
            taken += len(piece)
        return taken

    @cached_property
    def _is_split(self) -> bool:
        return self._in_parts()

    def send_part(self) -> None:
        """Send what is kept as the next part."""
        if not self._id:
            metadata = {ATTEMPT: self.attempt}
            begun = self._patiently(
                lambda: self._send("create_multipart_upload", Metadata=metadata)
            )
            self._id = begun["UploadId"]
        number = len(self._parts) + 1

        def send() -> dict[str, Any]:
            self._file.seek(0)
            return self._send("upload_part", UploadId=self._id, PartNumber=number, Body=self._file)

        tag = self._patiently(send)["ETag"]
        self._parts.append({"PartNumber": number, "ETag": tag})
        self._sent += self._kept
        self._kept = 0
        self._file.seek(0)
        self._file.truncate()

    def finish(self, condition: Condition) -> None:
        """Bring the file to its name on a condition, by one request.

        Raises
        ------
        RefusedError
            The condition does not hold; it can be tried on another one.
        """
        if not self._id:
            self._file.seek(0)
            body = self._file if self._kept > MEMORY_BYTES else self._file.read()
            metadata = {ATTEMPT: self.attempt}
            self._send("put_object", Body=body, Metadata=metadata, **condition)
            return
        if self._kept:
            self.send_part()
        parts = {"Parts": self._parts}
        self._send(
            "complete_multipart_upload", UploadId=self._id, MultipartUpload=parts, **condition
        )

    def abandon(self) -> None:
        """Forget what is kept, and parts that were sent and not completed."""
        self._file.close()
        if self._id:
            # What was completed is missing; what cannot be removed now is for gc.
            with suppress(OSError):
                self._send("abort_multipart_upload", UploadId=self._id)


class S3Ranges:
    """A file that is opened by asking for all of it: to read it through takes no other request.

    A server sends no more than a connection holds until it is read, and servers that send a whole
    file out of the system's memory copy ranges of it.

    Parameters
    ----------
    get : callable
        Asks for the file once.
    url : str
        For errors.
    """

    def __init__(self, get: Send, url: str) -> None:
        self._get = get
        self._url = url
        self._begun: dict[str, Any] | None = get()
        self._tag = self._begun["ETag"]
        self.size = self.first = int(self._begun["ContentLength"])

    def read(self, offset: int, length: int) -> Iterator[bytes]:
        """Yield the bytes of a range, of the file that was opened and of no other one."""
        begun, self._begun = self._begun, None
        if begun is not None and offset:
            begun["Body"].close()
            begun = None
        yield from read_body(begun or self._ask(offset, length), self._url, BLOCK_BYTES)

    def close(self) -> None:
        """End the transfer that was begun."""
        if self._begun is not None:
            self._begun["Body"].close()

    def _ask(self, offset: int, length: int) -> dict[str, Any]:
        wanted = f"bytes={offset}-{offset + length - 1}"
        try:
            answer = self._get(Range=wanted, IfMatch=self._tag)
        except RefusedError as error:
            raise OSError(f"{self._url} was replaced while it was read") from error
        if not answer.get("ContentRange", "").startswith(f"bytes {offset}-"):
            answer["Body"].close()
            raise OSError(f"{self._url}: the server does not send the part that was asked for")
        return answer
