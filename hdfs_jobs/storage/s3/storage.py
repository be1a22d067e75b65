"""Storage on S3 and on servers that speak its protocol: a name is given once, by a condition.

S3 has neither folders nor renames. A small file comes to its name by one conditional request, a
large one by one that completes its parts; a swap holds if the file still has the tag that was
read with it. What cannot be deleted on a condition everywhere is replaced on one, by a tombstone,
which counts as no file.
"""

from __future__ import annotations

import errno
import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, BinaryIO, cast

from hdfs_jobs.storage.base import (
    TEMPORARY_PREFIX,
    Entry,
    UnsuitableError,
    check_path,
    is_temporary,
    temporary_beside,
)
from hdfs_jobs.storage.ranged import ranged_stream
from hdfs_jobs.storage.remote import BusyError, RemoteStorage, patience
from hdfs_jobs.storage.s3.client import asked_encryption, parse_s3_url, read_body, send
from hdfs_jobs.storage.s3.conditions import ABSENT, Condition, Server, server_of
from hdfs_jobs.storage.s3.errors import FolderError, LostPartsError, RefusedError
from hdfs_jobs.storage.s3.listing import OBJECTS
from hdfs_jobs.storage.s3.transfers import ATTEMPT, S3Ranges, Upload
from hdfs_jobs.storage.upload import BLOCK_BYTES

TOMBSTONE = b"deleted by hdfs_jobs, which counts this as no file\n"
DELETED = "deleted"
"""What the metadata of an object have if it is a tombstone."""

_DELETERS = 16


class S3Storage(RemoteStorage):
    """Keys below a prefix of a bucket, behind ``s3://bucket/prefix``.

    Making the object connects to nothing; it is pickled as its URL. Endpoint, region and
    credentials are those of the process that asks, as AWS' own tools find them.

    Before the first write of a process the server has to show that it honours conditions.

    Parameters
    ----------
    url : str
        As `parse_s3_url` takes it.
    """

    has_folders = False

    def __init__(self, url: str) -> None:
        self._bucket, self._root = parse_s3_url(url)
        super().__init__(f"s3://{self._bucket}")
        self.url = f"{self._service}/{self._root}".rstrip("/")

    def __reduce__(self) -> tuple[type[S3Storage], tuple[str]]:
        """Pickle the URL alone."""
        return type(self), (self.url,)

    def __repr__(self) -> str:
        """Name the prefix."""
        return f"{type(self).__name__}({self.url!r})"

    def open(self, path: str) -> BinaryIO:
        """Open a file to read; a transfer that breaks off is taken up where it was."""
        ranges = self._patiently(partial(S3Ranges, partial(self._get, path), self._at(path)))
        return ranged_stream(ranges, self._at(path), patience())

    def read_bytes(self, path: str) -> bytes:
        """Return the content of a small file, at one moment if it is replaced meanwhile."""
        return self._read(path)[0]

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        """Create a file: kept on this machine while small, sent in parts when large.

        That the name is taken is found out when it is sent, or the first of its parts.
        """
        self._prove()
        upload = self._upload(path)
        try:
            yield cast(BinaryIO, upload)
            if not self._put_new(path, upload.attempt, upload.finish):
                raise FileExistsError(f"{self._at(path)} exists")
        finally:
            upload.abandon()

    def publish(self, path: str, data: bytes) -> bool:
        """Write a small file unless it exists, by one request."""
        self._prove()
        attempt = uuid.uuid4().hex
        return self._put_new(path, attempt, partial(self._put, path, data, attempt))

    def replace(self, path: str, data: bytes) -> None:
        """Write a small file over the old one."""
        self._prove()
        self._patiently(partial(self._put, path, data, uuid.uuid4().hex, {}))

    def replace_if(self, path: str, seen: bytes | None, data: bytes | None) -> bool:
        """Replace a file on the condition that it has the tag it was read with."""
        self._prove()
        attempt = uuid.uuid4().hex
        if seen is None:
            created = self._put_new(path, attempt, partial(self._put, path, data, attempt))
            return created or self._holds(path, data)
        while True:
            try:
                content, answer = self._read(path)
            except FileNotFoundError as error:
                # An earlier request of this call may have deleted it, its answer lost.
                return isinstance(error, _DeletedError) and error.attempt == attempt
            if content != seen:
                return content == data and answer["Metadata"].get(ATTEMPT) == attempt
            condition = self._server.unchanged(answer["ETag"])
            with suppress(RefusedError):
                self._patiently(partial(self._put, path, data, attempt, condition))
                return True

    def list(self, path: str = "", *, temporary: bool = False) -> Iterator[Entry]:
        """Yield what stands below a prefix up to the next slash, page by page."""
        prefix = self._prefix(path)
        for page in self._pages("list_objects_v2", path, Prefix=prefix, Delimiter="/"):
            for found in page.get("CommonPrefixes", ()):
                name = found["Prefix"][len(prefix) : -1]
                if name:
                    yield Entry(self._path(prefix + name), 0, True, 0.0)
            yield from self._entries(page, temporary)

    def walk(self, path: str = "", *, temporary: bool = False) -> Iterator[Entry]:
        """Yield every file below a prefix, in one listing; with temporary ones, uploads too."""
        for page in self._pages("list_objects_v2", path, Prefix=self._prefix(path)):
            yield from self._entries(page, temporary)
        if temporary:
            yield from (entry for entry, _, _ in self._uploads(path))

    def stat(self, path: str) -> Entry:
        """Return the entry of a path; a folder is there if a key begins with it."""
        found = self._head(path) if self._key(path) else None
        if found is not None:
            return Entry(path, found["ContentLength"], False, found["LastModified"].timestamp())
        page = self._ask("list_objects_v2", path, Prefix=self._prefix(path), MaxKeys=1)
        if self._key(path) and not page[OBJECTS]:
            raise FileNotFoundError(f"{self._at(path)}: no such file or folder")
        return Entry(path, 0, True, 0.0)

    def delete(self, path: str, *, recursive: bool = False) -> None:
        """Delete a file, or every key below a prefix; in a bucket with versions, the latest."""
        if not path:
            raise ValueError("the root of a storage cannot be deleted")
        below = self._pages("list_objects_v2", path, Prefix=self._prefix(path))
        if not recursive:
            if next(self.walk(path), None) is not None:
                raise OSError(errno.ENOTEMPTY, f"{self._at(path)}: the folder is not empty")
            below = iter(())
        with ThreadPoolExecutor(_DELETERS) as pool:
            for page in below:
                keys = [found.key for found in page[OBJECTS]]
                list(pool.map(partial(self._delete_key, path), keys))
        self._delete_key(path, self._key(path))
        if is_temporary(path):
            self._abort(path)

    def delete_file(self, path: str) -> None:
        """Delete one key, by one request."""
        self._delete_key(path, self._key(path))

    def parent(self) -> S3Storage | None:
        """Return the prefix above; None for the whole bucket."""
        if not self._root:
            return None
        return S3Storage(f"{self._service}/{self._root.rpartition('/')[0]}")

    def _ask(self, operation: str, path: str, **parameters: object) -> dict[str, Any]:
        return self._patiently(partial(self._send, operation, path, **parameters))

    def _send(self, operation: str, path: str, **parameters: object) -> dict[str, Any]:
        try:
            return send(operation, self._bucket, self._at(path), parameters)
        except FolderError as error:
            # The Versity gateway answers the same where another request empties a folder on the
            # way, which it then removes.
            below = {"Prefix": self._prefix(path), "MaxKeys": 1}
            if send("list_objects_v2", self._bucket, self._at(path), below)[OBJECTS]:
                raise
            raise BusyError(f"{error}: no file stands below it, so it may pass") from error

    def _pages(self, operation: str, path: str, **parameters: object) -> Iterator[dict[str, Any]]:
        """Yield the pages of a listing; an answer that was lost is asked for again, by its page."""
        while True:
            page = self._ask(operation, path, **parameters)
            yield page
            if not page.get("IsTruncated"):
                return
            if operation == "list_objects_v2":
                parameters["ContinuationToken"] = page["NextContinuationToken"]
            else:
                parameters["KeyMarker"] = page["NextKeyMarker"]
                parameters["UploadIdMarker"] = page["NextUploadIdMarker"]

    def _entries(self, page: Mapping[str, Any], temporary: bool) -> Iterator[Entry]:
        for found in page[OBJECTS]:
            path = self._path(found.key)
            if path.endswith("/") or not path or (is_temporary(path) and not temporary):
                continue  # a key that ends with a slash marks a folder, for those who want some
            if found.size != len(TOMBSTONE) or self._head(path) is not None:
                yield Entry(path, found.size, False, found.modified)

    def _uploads(self, path: str) -> Iterator[tuple[Entry, str, str]]:
        """Yield uploads that were not completed, each as a temporary file, its key and its id."""
        for page in self._pages("list_multipart_uploads", path, Prefix=self._prefix(path)):
            for found in page.get("Uploads", ()):
                key, upload = found["Key"], found["UploadId"]
                name = hashlib.sha256(f"{key}\n{upload}".encode()).hexdigest()[:32]
                folder = self._path(key).rpartition("/")[0]
                place = f"{folder}/{TEMPORARY_PREFIX}{name}".lstrip("/")
                yield Entry(place, 0, False, found["Initiated"].timestamp()), key, upload

    def _abort(self, temporary: str) -> None:
        for entry, key, upload in self._uploads(temporary.rpartition("/")[0]):
            if entry.path == temporary:
                self._ask("abort_multipart_upload", temporary, Key=key, UploadId=upload)

    def _head(self, path: str) -> dict[str, Any] | None:
        """Return what is known of a file; None if there is none."""
        try:
            found = self._ask("head_object", path, Key=self._key(path))
        except FileNotFoundError:
            return None
        return None if DELETED in found["Metadata"] else found

    def _read(self, path: str) -> tuple[bytes, dict[str, Any]]:
        def read() -> tuple[bytes, dict[str, Any]]:
            answer = self._get(path)
            return b"".join(read_body(answer, self._at(path), BLOCK_BYTES)), answer

        return self._patiently(read)

    def _get(self, path: str, **parameters: object) -> dict[str, Any]:
        """Ask for a file once; a tombstone is none, and its error has the attempt that made it."""
        answer = self._send("get_object", path, Key=self._key(path), **parameters)
        if DELETED in answer["Metadata"]:
            answer["Body"].close()
            raise _DeletedError(self._at(path), answer["Metadata"].get(ATTEMPT))
        return answer

    def _holds(self, path: str, content: bytes | None) -> bool:
        try:
            return self._read(path)[0] == content
        except FileNotFoundError:
            return False

    def _put(
        self, path: str, data: object, attempt: str, condition: Condition = ABSENT
    ) -> dict[str, Any]:
        """Write an object by one request; None as content makes a tombstone."""
        metadata = {ATTEMPT: attempt, **({DELETED: "yes"} if data is None else {})}
        return self._send(
            "put_object",
            path,
            Key=self._key(path),
            Body=TOMBSTONE if data is None else data,
            Metadata=metadata,
            **condition,
        )

    def _put_new(self, path: str, attempt: str, send: Callable[[Condition], object]) -> bool:
        """Send on the condition that the name is free; False if it is taken.

        A refusal after a lost answer may be of what this very attempt has written.
        """
        condition = ABSENT
        while True:
            try:
                self._patiently(partial(send, condition))
            except RefusedError as refused:
                try:
                    found = self._ask("head_object", path, Key=self._key(path))
                except FileNotFoundError:
                    found, condition = None, ABSENT
                if found is not None and DELETED not in found["Metadata"]:
                    return bool(found["Metadata"].get(ATTEMPT) == attempt)
                if found is not None:
                    condition = self._server.unchanged(found["ETag"])
                if isinstance(refused, LostPartsError):
                    raise
            else:
                return True

    def _delete_key(self, path: str, key: str) -> None:
        self._ask("delete_object", path, Key=key)

    def _upload(self, path: str) -> Upload:
        send = partial(self._send, path=path, Key=self._key(path))
        return Upload(send, self._patiently, partial(self._in_parts, path))

    def _in_parts(self, path: str) -> bool:
        """Whether a file can be sent in parts; not if its name is taken before the first."""
        if self._head(path) is not None:
            raise FileExistsError(f"{self._at(path)} exists")
        return self._completes()

    def _prove(self) -> None:
        """See before the first write that the server honours conditions."""
        server = self._server
        if not server.proven:
            with server.lock, self._probe() as probe:
                if not server.proven:
                    written = partial(self._was_written, probe)
                    server.prove(self.url, written, partial(self._tag_of_trial, probe))

    def _completes(self) -> bool:
        """Whether the server honours a condition where it completes the parts of a file."""
        server = self._server
        with server.lock:
            if server.completes is None:
                with self._probe() as probe:
                    self._was_written(probe, ABSENT)
                    server.completes = not self._was_completed(probe, ABSENT)
            return server.completes

    @contextmanager
    def _probe(self) -> Iterator[str]:
        """Lend a name for trying; nothing of it is left behind."""
        path = temporary_beside("")
        try:
            yield path
        finally:
            with suppress(OSError):
                self._delete_key(path, self._key(path))

    def _was_written(self, path: str, condition: Condition) -> bool:
        """Write on a condition; whether that was carried out, even where its answer was lost."""
        attempt = uuid.uuid4().hex
        put = partial(self._put, path, attempt.encode(), attempt, condition)
        return self._carried_out(path, attempt, put)

    def _was_completed(self, path: str, condition: Condition) -> bool:
        upload = self._upload(path)
        try:
            upload.write(b"part")
            upload.send_part()
            return self._carried_out(path, upload.attempt, partial(upload.finish, condition))
        finally:
            upload.abandon()

    def _carried_out(self, path: str, attempt: str, request: Callable[[], object]) -> bool:
        try:
            self._patiently(request)
        except RefusedError:
            try:
                found = self._ask("head_object", path, Key=self._key(path))
                return bool(found["Metadata"].get(ATTEMPT) == attempt)
            except FileNotFoundError:
                return False
        return True

    def _tag_of_trial(self, path: str) -> str:
        """Return the tag of what was tried, once it is seen to be encrypted as it was asked."""
        found, asked = self._ask("head_object", path, Key=self._key(path)), asked_encryption()
        if asked and found.get("ServerSideEncryption") != asked:
            raise UnsuitableError(
                f"{self.url}: the server does not encrypt by {asked}: take one that does, or unset "
                "AWS_SERVER_SIDE_ENCRYPTION"
            )
        return str(found["ETag"])

    @property
    def _server(self) -> Server:
        return server_of(self._bucket)

    def _key(self, path: str) -> str:
        return f"{self._root}/{check_path(path)}".strip("/")

    def _prefix(self, path: str) -> str:
        key = self._key(path)
        return f"{key}/" if key else ""

    def _path(self, key: str) -> str:
        return key[len(self._root) + 1 :] if self._root else key

    def _at(self, path: str) -> str:
        return f"{self.url}/{path}" if path else self.url


class _DeletedError(FileNotFoundError):
    """There is a tombstone, of an attempt."""

    def __init__(self, url: str, attempt: str | None) -> None:
        super().__init__(f"{url}: no such file or folder")
        self.attempt = attempt
