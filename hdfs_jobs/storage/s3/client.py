"""The client of S3: set up as AWS' own tools are, one a process, its errors in one line."""

from __future__ import annotations

import io
import os
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import check_path
from hdfs_jobs.storage.s3.errors import ExpiredError, of_client, refusal
from hdfs_jobs.storage.s3.listing import take_objects

REGION = "us-east-1"
"""Of servers that have none of their own."""

_URL = re.compile(r"s3://([A-Za-z0-9][A-Za-z0-9._-]{1,254})(?:/(.*))?", re.IGNORECASE | re.DOTALL)
_ENCRYPTION = {
    "ServerSideEncryption": "AWS_SERVER_SIDE_ENCRYPTION",
    "SSEKMSKeyId": "AWS_SSE_KMS_KEY_ID",
}
_ENCRYPTED = frozenset({"put_object", "create_multipart_upload"})
_YES = frozenset({"1", "true", "yes", "requester"})
_TIMEOUTS = {"connect_timeout": 30, "read_timeout": 120}
_CONNECTIONS = 64


@dataclass(frozen=True)
class _Connection:
    """A client, and the credentials that it keeps; None where it renews them by itself."""

    client: Any
    login: tuple[str, ...] | None


_connections: dict[tuple[object, ...], _Connection] = {}
_lock = threading.Lock()


def parse_s3_url(url: str) -> tuple[str, str]:
    """Return the bucket of a URL, and the prefix without slashes at its ends.

    Raises
    ------
    UsageError
        It is not whole.

    Examples
    --------
    >>> parse_s3_url("s3://bucket/one/two/")
    ('bucket', 'one/two')
    """
    found = _URL.fullmatch(url)
    prefix = (found[2] or "").rstrip("/") if found else ""
    try:
        check_path(prefix)
    except ValueError:
        found = None
    if found is None:
        raise UsageError(
            f"{url}: not a place on S3; give s3://bucket/prefix, and the server in AWS_ENDPOINT_URL"
        )
    return found[1], prefix


def asked_encryption() -> str:
    """Return how the server is asked to encrypt, as `AWS_SERVER_SIDE_ENCRYPTION` has it."""
    return os.environ.get(_ENCRYPTION["ServerSideEncryption"], "")


def send(operation: str, bucket: str, url: str, parameters: Mapping[str, object]) -> dict[str, Any]:
    """Do one request, once.

    Parameters
    ----------
    operation : str
        As botocore calls it, such as ``put_object``.
    bucket, url : str
        Where, and what errors name.
    parameters : mapping
        More of the operation's own.

    Raises
    ------
    OSError
        As `refusal` and `of_client` have it.
    """
    used = _connection(url)
    try:
        return _send(used, operation, bucket, url, parameters)
    except PermissionError as error:
        # Not every server says of credentials that they have expired, or were replaced.
        renewed = _renewed(used, isinstance(error, ExpiredError), url)
        if renewed is None:
            raise
    body = parameters.get("Body")
    if isinstance(body, io.IOBase | SpooledTemporaryFile):
        body.seek(0)  # what was refused may have been sent to its end
    return _send(renewed, operation, bucket, url, parameters)


def read_body(answer: Mapping[str, Any], url: str, block: int) -> Iterator[bytes]:
    """Yield what an answer brings, in blocks; closing it ends the transfer."""
    body = answer["Body"]
    try:
        yield from body.iter_chunks(block)
    except BotoCoreError as error:
        raise of_client(url, error) from error
    finally:
        body.close()


def _send(
    connection: _Connection,
    operation: str,
    bucket: str,
    url: str,
    parameters: Mapping[str, object],
) -> dict[str, Any]:
    call = getattr(connection.client, operation)
    try:
        found: dict[str, Any] = call(Bucket=bucket, **_always(operation), **parameters)
    except ClientError as error:
        raise refusal(url, error) from error
    except (BotoCoreError, UnicodeError, RecursionError) as error:
        raise of_client(url, error) from error
    return found


def _always(operation: str) -> dict[str, str]:
    """Return what the environment adds to requests, by the names that object_store has for it."""
    added = {}
    if os.environ.get("AWS_REQUEST_PAYER", "").lower() in _YES:
        added["RequestPayer"] = "requester"
    if operation in _ENCRYPTED:
        added |= {name: value for name, key in _ENCRYPTION.items() if (value := os.getenv(key))}
    return added


def _connection(url: str) -> _Connection:
    """Return this process's own; one of before a fork, or of other variables, is not used."""
    variables = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    key = (os.getpid(), variables)
    found = _connections.get(key)
    if found is None:
        with _lock:
            found = _connections.get(key)
            if found is None:
                found = _connections[key] = _connect(url)
    return found


def _renewed(used: _Connection, expired: bool, url: str) -> _Connection | None:
    """Return a connection with other credentials than those that were refused; None without."""
    with _lock:
        try:
            login = _login(botocore.session.get_session())
        except BotoCoreError:
            return None  # a file that is just being written
        if login == used.login and not (login is None and expired):
            return None
        _connections.clear()
    return _connection(url)


def _login(session: Any) -> tuple[str, ...] | None:
    """Return credentials as they are now; None of those that change by themselves."""
    found = session.get_credentials()
    if found is None or isinstance(found, RefreshableCredentials):
        return None
    return (found.access_key, found.secret_key, found.token or "")


def _connect(url: str) -> _Connection:
    try:
        session = botocore.session.get_session()
        return _Connection(_client(session), _login(session))
    except (BotoCoreError, ValueError) as error:
        raise of_client(url, error) from error


def _client(session: Any) -> Any:
    options: dict[str, Any] = {}
    style = os.environ.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "").lower()
    if style:
        options["s3"] = {"addressing_style": "virtual" if style in _YES else "path"}
    client = session.create_client(
        "s3",
        region_name=os.environ.get("AWS_REGION") or session.get_config_variable("region") or REGION,
        config=Config(
            retries={"total_max_attempts": 1},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            max_pool_connections=_CONNECTIONS,
            tcp_keepalive=True,
            **_TIMEOUTS,
            **options,
        ),
    )
    client.meta.events.register("before-parse.s3.ListObjectsV2", take_objects)
    return client
