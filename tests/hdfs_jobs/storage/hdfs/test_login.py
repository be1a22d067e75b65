"""Which delegation token of several is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdfs_jobs.storage.hdfs import login
from hdfs_jobs.storage.hdfs.login import (
    TOKEN,
    TOKEN_FILE,
    as_in_token,
    delegation_token,
    parse_token_file,
)


def written(*services: str) -> bytes:
    """A token file as Hadoop writes it, of fewer than 128 tokens."""
    data = b"HDTS\0" + bytes([len(services)])
    for service in services:
        parts = (b"alias", b"who", b"secret", b"HDFS_DELEGATION_TOKEN", service.encode())
        data += b"".join(bytes([len(part)]) + part for part in parts)
    return data + b"\0"


def sent(
    monkeypatch: pytest.MonkeyPatch, file: Path, services: tuple[str, ...], *hosts: str
) -> str | None:
    """The service of the token that is sent to some hosts."""
    file.write_bytes(written(*services))
    monkeypatch.delenv(TOKEN, raising=False)
    monkeypatch.setenv(TOKEN_FILE, str(file))
    text = delegation_token(hosts)
    tokens = {token.text: token.service for token in parse_token_file(file.read_bytes())}
    return None if text is None else tokens[text]


@pytest.mark.parametrize(
    ("services", "host", "service"),
    [
        (("127.0.0.2:8020", "127.0.0.1:8020"), "localhost:9870", "127.0.0.1:8020"),
        (("127.0.0.2:8020", "localhost:8020"), "LocalHost:9870", "localhost:8020"),
        (("127.0.0.2:8020", "127.0.0.1:8020"), "127.0.0.1:9870", "127.0.0.1:8020"),
        (("127.0.0.2:8020", "127.0.0.3:8020"), "localhost:9870", None),
        (("127.0.0.2:8020", "ha-hdfs:one"), "localhost:9870", "ha-hdfs:one"),
        (("ha-hdfs:one", "127.0.0.1:8020"), "localhost:9870", "127.0.0.1:8020"),
        (("127.0.0.2:8020",), "localhost:9870", "127.0.0.2:8020"),
        ((), "localhost:9870", None),
    ],
)
def test_a_token_goes_to_the_cluster_that_it_is_for(
    services: tuple[str, ...],
    host: str,
    service: str | None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    assert sent(monkeypatch, tmp_path / "tokens", services, host) == service


def test_either_of_a_pair_may_be_the_one_that_gave_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    services = ("127.0.0.9:8020", "127.0.0.1:8020")
    hosts = ("127.0.0.2:9870", "localhost:9870")
    assert sent(monkeypatch, tmp_path / "tokens", services, *hosts) == "127.0.0.1:8020"


def test_a_single_token_needs_no_look_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr(login, "_places")
    assert sent(monkeypatch, tmp_path / "tokens", ("ha-hdfs:one",), "nowhere.invalid:9870")


def test_an_address_is_named_as_in_its_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "tokens").write_bytes(written("127.0.0.2:8020", "127.0.0.1:8020"))
    monkeypatch.setenv(TOKEN_FILE, str(tmp_path / "tokens"))
    assert as_in_token("localhost:8020") == "127.0.0.1:8020"
    for host in ("localhost:9000", "nowhere.invalid:8020", "service"):
        assert as_in_token(host) == host
