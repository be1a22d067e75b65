"""Credentials that are wrong, missing, expired, or replaced while a process goes on."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from hdfs_jobs.storage.remote import LoginError
from hdfs_jobs.storage.s3.storage import S3Storage
from hdfs_jobs.storage.upload import MEMORY_BYTES
from nsynth_batch.errors import failure
from tests.components.faults import FaultProxy
from tests.components.s3 import SERVERS, Ceph, S3Server
from tests.hdfs_jobs.storage.s3.conftest import refusal, storage_at
from tests.waiting import until

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Write a file of credentials, from which this test's process has them alone."""
    file = tmp_path / "credentials"

    def write(*login: str) -> None:
        for name in KEYS:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
        monkeypatch.setenv("AWS_PROFILE", "of-the-job")
        lines = [f"{name.lower()} = {value}" for name, value in zip(KEYS, login, strict=False)]
        file.write_text("\n".join(["[of-the-job]", *lines]))

    return write


def denied(storage: S3Storage) -> PermissionError | None:
    try:
        storage.read_bytes("before")
    except PermissionError as error:
        return error
    return None


def test_credentials_that_expire_are_read_again_from_their_file(
    ceph: Ceph, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ceph says of them what it says where something is not allowed."""
    ceph.set_up(monkeypatch)
    storage = storage_at(ceph)
    storage.publish("before", b"")
    write(*ceph.temporary_login(1))
    refused = until(lambda: denied(storage))
    assert refused is not None
    assert "credentials that have not expired" in str(refused)
    assert failure(refused).exit_code == 2
    write(*ceph.temporary_login(900))
    assert storage.publish("file", b"content")
    assert storage.read_bytes("file") == b"content"


def test_keys_that_were_replaced_are_read_again_from_their_file(
    ceph: Ceph, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ceph.set_up(monkeypatch)
    first, new = ("AKIAFIRST", "of-the-first"), ("AKIANEW", "of-the-new-one")
    storage = storage_at(ceph)
    ceph.add_key(*first)
    write(*first)
    storage.publish("before", b"")
    ceph.add_key(*new)
    ceph.remove_key(first[0])
    until(lambda: denied(storage))
    write(*new)
    assert storage.publish("file", b"")
    ceph.remove_key(new[0])


def test_what_amazon_says_of_credentials_that_have_expired(
    proxied: tuple[S3Storage, FaultProxy], write: Callable[..., None]
) -> None:
    storage, proxy = proxied
    storage.publish("before", b"")
    good = tuple(os.environ[name] for name in KEYS[:2])
    expired = refusal(400, "ExpiredToken")
    write("AKIAOLD", "old")
    proxy.fail("GET ", expired)
    with pytest.raises(LoginError, match="have expired: fetch new ones") as caught:
        storage.read_bytes("file")
    assert failure(caught.value).exit_code == 2
    write(*good)
    proxy.fail("PUT ", expired)
    content = random.Random(4).randbytes(MEMORY_BYTES + 1)
    with storage.create("of one request") as stream:
        stream.write(content)
    assert storage.read_bytes("of one request") == content


@pytest.mark.parametrize("server", SERVERS)
def test_a_login_that_is_not_accepted(
    server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: S3Server = request.getfixturevalue(server)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        running.set_up(monkeypatch, **{name: "wrong"})
        # Of a key that it does not know, Ceph with temporary ones says that it may not.
        with pytest.raises(PermissionError, match="the credentials of this process") as caught:
            storage_at(running).publish("file", b"")
        assert failure(caught.value).exit_code == 2


def test_a_worker_without_credentials_says_which_it_is(
    versitygw: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    versitygw.set_up(monkeypatch)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    storage = storage_at(versitygw)
    with pytest.raises(LoginError, match="has no credentials for S3") as caught:
        storage.read_bytes("file")
    assert os.uname().nodename in str(caught.value)
    assert str(caught.value).startswith(storage.url)
    assert failure(caught.value).exit_code == 2
