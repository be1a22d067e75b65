"""The refusals of S3: its codes, and the client's own errors, as OSErrors of one line."""

from __future__ import annotations

import errno
import socket

from botocore import exceptions

from hdfs_jobs.errors import in_one_line
from hdfs_jobs.storage.base import UnsuitableError
from hdfs_jobs.storage.remote import (
    BusyError,
    LoginError,
    LostAnswerError,
    WrongAddressError,
)

_LONGEST = 300


class RefusedError(OSError):
    """A condition does not hold: the name is taken, or the file is not the one that was read."""


class LostPartsError(RefusedError):
    """The parts that were sent are no more: removed, or completed by a request before."""


class FolderError(NotADirectoryError):
    """Other files stand below the name, or the server failed at the folders on its way."""


class ExpiredError(LoginError):
    """The credentials were good once: others may have come in their place."""


_MISSING = frozenset({"NoSuchKey", "NotFound", "404"})
_REFUSED = frozenset({"PreconditionFailed", "412"})
_BUSY = frozenset(
    {
        *("ConditionalRequestConflict", "OperationAborted", "SlowDown", "ServiceUnavailable"),
        *("RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequests"),
    }
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
_LOGIN = frozenset(
    {
        *("AuthFailure", "InvalidAccessKeyId", "InvalidToken", "InvalidClientTokenId"),
        *("SignatureDoesNotMatch", "RequestExpired", "XAdminUserNotFound"),
    }
)
_ELSEWHERE = frozenset(
    {
        *("AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
        *("PermanentRedirect", "TemporaryRedirect", "301", "307", "IncorrectEndpoint"),
    }
)
_OF_NO_CODE = frozenset({"302", "303", "308", "400", "404", "405"})
_NO_NAME = frozenset({"KeyTooLongError", "InvalidURI", "InvalidObjectName", "KeyTooLong"})
_IN_THE_WAY = frozenset({"ObjectParentIsFile", "ParentIsObject"})
_NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.ProfileNotFound,
    exceptions.CredentialRetrievalError,
    exceptions.TokenRetrievalError,
    exceptions.SSOError,
    exceptions.UnauthorizedSSOTokenError,
    exceptions.RefreshWithMFAUnsupportedError,
    exceptions.MetadataRetrievalError,
)
_UNREACHABLE = (
    exceptions.ConnectionError,
    exceptions.HTTPClientError,
    exceptions.ResponseStreamingError,
)


def refusal(url: str, error: exceptions.ClientError) -> OSError:
    """Return what an answer of the server means for a caller.

    Parameters
    ----------
    url : str
        Of the file that was asked for.
    error : ClientError
        With the server's code and message; an answer to HEAD has its number alone.
    """
    found = error.response.get("Error", {})
    code = str(found.get("Code", ""))
    number = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    words = in_one_line(f"{code}: {found.get('Message') or ''}").rstrip(": ")[:_LONGEST]
    return (
        _of_no_s3(url, code, error.operation_name, words)
        or _settled(url, code, number, words)
        or _of_login(url, code, number, words)
        or _passing(url, code, number, words)
        or OSError(errno.EINVAL, f"{url}: {words}")
    )


def _of_no_s3(url: str, code: str, operation: str, words: str) -> OSError | None:
    """Say so of an answer without a code of S3, unless its number alone means something."""
    bare = code in _OF_NO_CODE and not operation.startswith("Head")
    if not bare or (code == "404" and operation == "GetObject"):
        return None
    return _no_s3(url, words)


def _no_s3(url: str, words: str) -> WrongAddressError:
    return WrongAddressError(
        f"{url}: what answers does not speak S3 ({words}): see that AWS_ENDPOINT_URL has the right "
        "scheme, host and port"
    )


def _settled(url: str, code: str, number: int, words: str) -> OSError | None:
    bucket = "/".join(url.split("/")[:3])
    if code in _REFUSED:
        return RefusedError(f"{url}: {words}")
    if code == "NoSuchUpload":
        return LostPartsError(
            f"{url}: its parts were removed before it was whole, by gc or by a rule of the "
            "bucket: run the same command again"
        )
    if code == "NoSuchBucket":
        return WrongAddressError(
            f"{bucket}: no such bucket here: make it first, or see that AWS_ENDPOINT_URL and "
            "AWS_REGION are right"
        )
    if code in _MISSING:
        return FileNotFoundError(f"{url}: no such file or folder")
    if code in _ELSEWHERE:
        return WrongAddressError(
            f"{bucket}: not in this region or at this endpoint ({words}): set AWS_REGION, or "
            "AWS_ENDPOINT_URL"
        )
    if code in _NO_NAME:
        return OSError(errno.EINVAL, f"{url}: S3 cannot hold this name ({words})")
    if code == "ExistingObjectIsDirectory":
        return FolderError(f"{url}: a directory, not a file ({words})")
    if code in _IN_THE_WAY:
        return NotADirectoryError(f"{url}: not a directory on the way ({words})")
    if code == "NotImplemented" or number == 501:
        return UnsuitableError(
            f"{url}: the server does not know what a store needs ({words}): keep the store on one "
            "that takes If-None-Match and If-Match; docs/s3.md lists some"
        )
    if code in {"QuotaExceeded", "QuotaExceededException"} or number == 507:
        return OSError(errno.EDQUOT, f"{url}: {words}: make room, then run the same command again")
    return None


def _of_login(url: str, code: str, number: int, words: str) -> OSError | None:
    who = f"process on {socket.gethostname()}"
    if code == "RequestTimeTooSkewed":
        return LoginError(
            f"{url}: the clock of this machine, {socket.gethostname()}, is wrong by more than S3 "
            "accepts: set it (timedatectl set-ntp true), and run the command again"
        )
    if code in _EXPIRED:
        return ExpiredError(
            f"{url}: the credentials of this {who} have expired: fetch new ones, and run the "
            "command again"
        )
    if code in _LOGIN or number == 401:
        return LoginError(
            f"{url}: the server does not accept the credentials of this {who} ({words}): see "
            "AWS_ACCESS_KEY_ID, or the profile in AWS_PROFILE"
        )
    if number == 403:
        return PermissionError(
            f"{url}: not allowed with the credentials of this {who} ({words}): a store needs "
            "s3:ListBucket, s3:GetObject, s3:PutObject, s3:DeleteObject, and credentials that have "
            "not expired"
        )
    return None


def _passing(url: str, code: str, number: int, words: str) -> OSError | None:
    if code in _BUSY or number in {409, 429, 503}:
        return BusyError(f"{url}: the server asks to try later ({words})")
    if number >= 500 or code in {"RequestTimeout", "IncompleteBody", "InternalError"}:
        return LostAnswerError(f"{url}: the server failed ({words})")
    return None


def of_client(url: str, error: Exception) -> OSError:
    """Return what an error of the client itself means: no answer came, or nothing was sent.

    Parameters
    ----------
    url : str
        Of the file that was asked for.
    error : Exception
        One of botocore's, a name that cannot be encoded, a value that is none for the client, or
        redirections without an end.
    """
    words = in_one_line(str(error))[:_LONGEST]
    if isinstance(error, _NO_CREDENTIALS):
        return LoginError(
            f"{url}: this process on {socket.gethostname()} has no credentials for S3 ({words}): "
            "give it AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile; workers need "
            "their own"
        )
    if isinstance(error, exceptions.SSLError) and "EOF" not in words:
        if "WRONG_VERSION_NUMBER" in words:
            return WrongAddressError(
                f"{url}: no TLS at this port: AWS_ENDPOINT_URL begins with http:// there"
            )
        return WrongAddressError(
            f"{url}: the server's certificate was not accepted ({words}): name the file of your "
            "authority's certificate in AWS_CA_BUNDLE"
        )
    if isinstance(error, RecursionError) or "maximum recursion" in words:
        return _no_s3(url, "it redirects without an end")
    if isinstance(error, _UNREACHABLE):
        return LostAnswerError(
            f"{url}: cannot be reached ({words}): see that AWS_ENDPOINT_URL is right and the "
            "server runs"
        )
    if isinstance(error, exceptions.IncompleteReadError):
        return LostAnswerError(f"{url}: the transfer broke off ({words})")
    if isinstance(error, UnicodeError | exceptions.ParamValidationError):
        return OSError(errno.EINVAL, f"{url!a}: S3 cannot hold this name ({words})")
    return UnsuitableError(
        f"{url}: {words.rstrip('.')}: see the variables AWS_… and the files that they name"
    )
