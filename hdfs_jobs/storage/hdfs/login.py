"""Who asks: user names and delegation tokens, from the variables that Hadoop's own tools read."""

from __future__ import annotations

import base64
import getpass
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from hdfs_jobs.storage.base import UnsuitableError
from hdfs_jobs.storage.remote import LoginError

USER = "HADOOP_USER_NAME"
PROXY_USER = "HADOOP_PROXY_USER"
TOKEN = "HADOOP_TOKEN"
TOKEN_FILE = "HADOOP_TOKEN_FILE_LOCATION"
_MAGIC = b"HDTS"
_NAME_SERVICE = "ha-hdfs:"
_KINDS = {b"HDFS_DELEGATION_TOKEN", b"WEBHDFS delegation", b"SWEBHDFS delegation"}


class NoUserNameError(LoginError, UnsuitableError):
    """The user of this process has no name to ask by."""


@dataclass(frozen=True)
class Token:
    """A delegation token, in the form that WebHDFS takes as a parameter.

    Attributes
    ----------
    text
        The whole token, URL-safe base64 without padding.
    service
        Whom it is for: address and port of a NameNode, or ``ha-hdfs:`` and a name service.
    """

    text: str
    service: str


def user_name() -> str | None:
    """Return the name to ask as, where the cluster believes it; None for a user without a name."""
    try:
        return os.environ.get(USER) or getpass.getuser()
    except (KeyError, OSError):
        # Containers run as user ids that no list of users names.
        return None


def require_user_name() -> str:
    """Return the name to ask as.

    Raises
    ------
    NoUserNameError
        This process's user has none.
    """
    name = user_name()
    if name is None:
        raise NoUserNameError(
            f"user id {os.getuid()} has no name here, and HDFS asks for one: set {USER}"
        )
    return name


def delegation_token(hosts: tuple[str, ...]) -> str | None:
    """Return the delegation token for a cluster that the environment holds, if any.

    Parameters
    ----------
    hosts : tuple of str
        ``host:port`` of its NameNodes. Of several tokens in the file it is the one for them, or
        one for a name service, whose hosts a token does not name; a single one is given untried.

    Raises
    ------
    LoginError
        The token file cannot be read.
    """
    if text := os.environ.get(TOKEN):
        return text.strip()
    tokens = _tokens_of_file()
    if len(tokens) > 1:
        # A token of another cluster would be refused where a ticket might have been asked for.
        places = {place for host in hosts for place in _places(host)}
        tokens = [t for t in tokens if t.service.rpartition(":")[0].lower() in places] or [
            t for t in tokens if t.service.startswith(_NAME_SERVICE)
        ]
    return tokens[0].text if tokens else None


def as_in_token(host: str) -> str:
    """Return ``host:port`` as the token for it has it: Hadoop writes addresses into tokens.

    Without a token for it, and for a name service, it is returned as it is.

    Raises
    ------
    LoginError
        The token file cannot be read.
    """
    services = {token.service for token in _tokens_of_file()}
    name, _, port = host.rpartition(":")
    if not services or not name:
        return host
    there = (f"{address}:{port}" for address in _places(host)[1:])
    return next((service for service in there if service in services), host)


def _places(host: str) -> list[str]:
    """Return the name in ``host:port`` and the addresses that it has, as far as they are known."""
    name, _, port = host.rpartition(":")
    try:
        found = socket.getaddrinfo(name.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except OSError:
        found = []
    return [name.lower(), *(str(place[0]) for *_, place in found)]


def _tokens_of_file() -> list[Token]:
    place = os.environ.get(TOKEN_FILE)
    if not place:
        return []
    try:
        return parse_token_file(Path(place).read_bytes())
    except (OSError, ValueError, IndexError) as error:
        raise LoginError(
            f"{place}, which {TOKEN_FILE} names, is no file of delegation tokens ({error}): fetch "
            "one anew with hdfs fetchdt"
        ) from error


def parse_token_file(data: bytes) -> list[Token]:
    """Read the delegation tokens for HDFS out of Hadoop's token file.

    The format is that of ``org.apache.hadoop.security.Credentials``: a magic, a version, and
    tokens, as Writables in version 0 and as protocol buffers in version 1.

    Raises
    ------
    ValueError, IndexError
        It is no such file.
    """
    if data[:4] != _MAGIC or data[4] not in {0, 1}:
        raise ValueError("not in Hadoop's format")
    parts = _written(_Bytes(data[5:])) if data[4] == 0 else _buffered(_Bytes(data[5:]))
    return [
        Token(_encoded(identifier, password, kind, service), service.decode())
        for identifier, password, kind, service in parts
        if kind in _KINDS
    ]


_Parts = tuple[bytes, bytes, bytes, bytes]


class _Bytes:
    """Bytes that are read from the front."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        part = self._data[self._at : self._at + count]
        if count < 0 or len(part) < count:
            raise ValueError("it ends too early")
        self._at += count
        return part

    def vint(self) -> int:
        """Read a number as Hadoop's WritableUtils writes it."""
        first = int.from_bytes(self.take(1), signed=True)
        if first >= -112:
            return first
        negative = first < -120
        value = int.from_bytes(self.take(-(first + 120) if negative else -(first + 112)))
        return ~value if negative else value

    def varint(self) -> int:
        """Read a number as protocol buffers write it."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def fields(self) -> dict[int, list[bytes]]:
        """Read a message of protocol buffers whose fields are all bytes."""
        found: dict[int, list[bytes]] = {}
        while self:
            key = self.varint()
            if key & 7 != 2:
                raise ValueError("a field that is no string")
            found.setdefault(key >> 3, []).append(self.take(self.varint()))
        return found


def _written(data: _Bytes) -> list[_Parts]:
    found = []
    for _ in range(data.vint()):
        data.take(data.vint())
        identifier, password, kind, service = (data.take(data.vint()) for _ in range(4))
        found.append((identifier, password, kind, service))
    return found


def _buffered(data: _Bytes) -> list[_Parts]:
    found = []
    message = _Bytes(data.take(data.varint())).fields()
    for entry in message.get(1, []):
        for token in _Bytes(entry).fields().get(2, []):
            parts = _Bytes(token).fields()
            identifier, password, kind, service = (parts[number][0] for number in (1, 2, 3, 4))
            found.append((identifier, password, kind, service))
    return found


def _encoded(*parts: bytes) -> str:
    """Return a token as Hadoop's Token.encodeToUrlString does."""
    data = b"".join(_vint(len(part)) + part for part in parts)
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _vint(value: int) -> bytes:
    if value <= 127:
        return value.to_bytes(1)
    length = (value.bit_length() + 7) // 8
    return (-112 - length).to_bytes(1, signed=True) + value.to_bytes(length)
