from __future__ import annotations

import uuid
from collections.abc import Iterator
from xml.sax.saxutils import escape

import pytest

from hdfs_jobs.storage.open import open_storage
from hdfs_jobs.storage.s3.storage import S3Storage
from tests.components.faults import Fault, FaultProxy
from tests.components.s3 import S3Server
from tests.components.wire import Wire


def storage_at(server: S3Server) -> S3Storage:
    storage = open_storage(f"{server.url}/{uuid.uuid4().hex}")
    assert isinstance(storage, S3Storage)
    return storage


def refusal(status: int, code: str) -> Fault:
    body = (
        f"<?xml version='1.0'?><Error><Code>{escape(code)}</Code><Message>words</Message></Error>"
    )
    return Fault(status, {"Content-Type": "application/xml"}, body.encode())


@pytest.fixture
def wired(versitygw: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[S3Storage, Wire]]:
    """A storage at the end of a wire; the server has shown what it honours."""
    with Wire("127.0.0.1", versitygw.port) as wire:
        versitygw.set_up(monkeypatch, AWS_ENDPOINT_URL=f"http://127.0.0.1:{wire.port}")
        storage = storage_at(versitygw)
        storage.publish("before", b"")
        yield storage, wire


@pytest.fixture
def proxied(
    versitygw: S3Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[S3Storage, FaultProxy]]:
    """A storage behind a proxy that has seen nothing yet."""
    proxy = FaultProxy(versitygw.host)
    versitygw.set_up(monkeypatch, AWS_ENDPOINT_URL=f"http://{proxy.host}")
    yield storage_at(versitygw), proxy
    proxy.stop()
