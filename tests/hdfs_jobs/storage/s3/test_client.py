"""What the environment asks of the client: TLS, encryption by the server, requester pays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import botocore.session
import pytest

from hdfs_jobs.storage.base import UnsuitableError
from hdfs_jobs.storage.remote import WrongAddressError
from hdfs_jobs.storage.s3.client import _client
from hdfs_jobs.storage.s3.storage import S3Storage
from nsynth_batch.errors import failure
from tests.components.certificates import Authority
from tests.components.faults import FaultProxy
from tests.components.needs import need
from tests.components.s3 import SERVERS, S3Server, VersityGateway
from tests.components.s3.ceph import KMS_KEY
from tests.hdfs_jobs.storage.s3.conftest import storage_at


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server that takes TLS alone, with a certificate of a private authority."""
    need("versitygw")
    folder = tmp_path_factory.mktemp("secure")
    with VersityGateway(folder, authority=Authority(folder / "authority")) as running:
        yield running


def test_who_trusts_a_private_authority_is_served(
    secure: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert secure.endpoint.startswith("https://")
    secure.set_up(monkeypatch, AWS_CA_BUNDLE=str(secure.authority))
    storage = storage_at(secure)
    assert storage.publish("file", b"content")
    assert storage.replace_if("file", b"content", b"new")
    assert storage.read_bytes("file") == b"new"


@pytest.mark.parametrize("bundle", ["", "of-another", "missing"])
def test_who_does_not_is_told_what_to_name(
    secure: S3Server, bundle: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trusted = {"of-another": str(Authority(tmp_path).certificate), "missing": str(tmp_path / "no")}
    secure.set_up(monkeypatch, **({"AWS_CA_BUNDLE": trusted[bundle]} if bundle else {}))
    storage = storage_at(secure)
    with pytest.raises(WrongAddressError, match=r"certificate.*AWS_CA_BUNDLE") as caught:
        storage.read_bytes("file")
    assert "\n" not in str(caught.value)
    assert failure(caught.value).exit_code == 2


def test_the_other_scheme_than_the_servers_is_not_answered(
    secure: S3Server, versitygw: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    versitygw.set_up(monkeypatch, AWS_ENDPOINT_URL=f"https://{versitygw.host}")
    with pytest.raises(WrongAddressError, match="no TLS at this port"):
        storage_at(versitygw).read_bytes("file")
    secure.set_up(monkeypatch, AWS_ENDPOINT_URL=f"http://{secure.host}")
    with pytest.raises(OSError, match=secure.url):
        storage_at(secure).read_bytes("file")


def test_the_server_encrypts_what_it_is_asked_to(
    ceph: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = {"AWS_SERVER_SIDE_ENCRYPTION": "aws:kms", "AWS_SSE_KMS_KEY_ID": KMS_KEY}
    ceph.set_up(monkeypatch)
    plain = storage_at(ceph)
    plain.publish("plain", b"content")
    ceph.set_up(monkeypatch, **way)
    with plain.create("small") as stream:
        stream.write(b"content")
    upload = plain._upload("large")
    upload.write(b"in parts")
    upload.send_part()
    upload.finish({})
    assert plain.replace_if("small", b"content", b"swapped")
    assert (plain.read_bytes("small"), plain.read_bytes("large")) == (b"swapped", b"in parts")

    def how(path: str) -> tuple[str | None, str | None]:
        prefix = plain.url.removeprefix(f"{ceph.url}/")
        found = ceph.client().head_object(Bucket="recordings", Key=f"{prefix}/{path}")
        return found.get("ServerSideEncryption"), found.get("SSEKMSKeyId")

    assert how("plain") == (None, None)
    assert how("small") == how("large") == ("aws:kms", KMS_KEY)


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_does_not_encrypt_as_it_is_asked_gets_nothing(
    server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: S3Server = request.getfixturevalue(server)
    running.set_up(monkeypatch, AWS_SERVER_SIDE_ENCRYPTION="AES256")
    storage = storage_at(running)
    with pytest.raises(
        UnsuitableError, match=r"does not encrypt by AES256.*or unset AWS"
    ) as caught:
        storage.publish("file", b"content")
    assert failure(caught.value).exit_code == 2
    assert list(storage.walk(temporary=True)) == []


def test_every_request_says_that_the_requester_pays(
    proxied: tuple[S3Storage, FaultProxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, proxy = proxied
    storage.publish("before", b"")
    assert not any("x-amz-request-payer" in seen.headers for seen in proxy.seen)
    proxy.reset()
    monkeypatch.setenv("AWS_REQUEST_PAYER", "requester")
    storage.publish("file", b"content")
    upload = storage._upload("large")
    upload.write(b"in parts")
    upload.send_part()
    upload.finish({})
    assert storage.read_bytes("file") == b"content"
    assert {entry.path for entry in storage.walk(temporary=True)} == {"before", "file", "large"}
    assert storage.stat("file").size == len(b"content")
    storage.delete("file")
    assert {seen.method for seen in proxy.seen} == {"GET", "HEAD", "PUT", "POST", "DELETE"}
    silent = [seen for seen in proxy.seen if seen.headers.get("x-amz-request-payer") is None]
    assert [(seen.method, seen.path) for seen in silent] == []
    assert {seen.headers["x-amz-request-payer"] for seen in proxy.seen} == {"requester"}


@pytest.mark.parametrize(
    ("style", "place"),
    [
        ("", "s3.example.org/recordings/file"),
        ("false", "s3.example.org/recordings/file"),
        ("true", "recordings.s3.example.org/file"),
    ],
)
def test_the_bucket_is_in_the_path_or_in_the_name_of_the_host(
    style: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://s3.example.org")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", style)
    session = botocore.session.get_session()
    asked = {"Bucket": "recordings", "Key": "file"}
    signed = urlsplit(_client(session).generate_presigned_url("get_object", Params=asked))
    assert f"{signed.netloc}{signed.path}" == place
