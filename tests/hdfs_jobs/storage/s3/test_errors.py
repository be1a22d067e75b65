"""What a server refuses, and what never reaches one: one line that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from hdfs_jobs.storage.open import open_storage
from hdfs_jobs.storage.remote import (
    PATIENCE,
    BusyError,
    LoginError,
    LostAnswerError,
    WrongAddressError,
)
from hdfs_jobs.storage.s3.storage import S3Storage
from nsynth_batch.errors import failure
from tests.components.faults import Fault, FaultProxy
from tests.components.needs import need
from tests.components.s3 import SERVERS, S3Server
from tests.hdfs_jobs.storage.s3.conftest import storage_at

ROOT = Path(__file__).parents[4]


def refusal(status: int, code: str) -> Fault:
    body = (
        f"<?xml version='1.0'?><Error><Code>{escape(code)}</Code><Message>words</Message></Error>"
    )
    return Fault(status, {"Content-Type": "application/xml"}, body.encode())


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, "SlowDown"),
        (503, "ServiceUnavailable"),
        (409, "ConditionalRequestConflict"),
        (500, "InternalError"),
        (400, "RequestTimeout"),
    ],
)
def test_what_passes_is_tried_again(
    proxied: tuple[S3Storage, FaultProxy], status: int, code: str
) -> None:
    storage, proxy = proxied
    storage.publish("before", b"")
    proxy.fail("PUT ", refusal(status, code), times=2)
    assert storage.publish("file", b"content")
    proxy.fail("GET ", refusal(status, code), times=2)
    assert storage.read_bytes("file") == b"content"
    proxy.fail("GET ", refusal(status, code), times=2)
    assert {entry.path for entry in storage.walk()} == {"before", "file"}


def test_a_folder_that_is_removed_meanwhile_is_made_again(
    proxied: tuple[S3Storage, FaultProxy],
) -> None:
    storage, proxy = proxied
    storage.publish("folder/file", b"")
    proxy.fail("PUT ", refusal(409, "ExistingObjectIsDirectory"), times=2)
    assert storage.publish("folder/other", b"content")
    assert storage.read_bytes("folder/other") == b"content"
    with pytest.raises(NotADirectoryError, match="a directory, not a file"):
        storage.publish("folder", b"")


def test_a_server_that_goes_on_to_ask_for_patience_ends_the_command_with_75(
    proxied: tuple[S3Storage, FaultProxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, proxy = proxied
    monkeypatch.setenv(PATIENCE, "1")
    proxy.fail("PUT ", refusal(503, "SlowDown"), times=99)
    with pytest.raises(BusyError, match="asks to try later") as caught:
        storage.publish("file", b"")
    assert failure(caught.value).exit_code == 75


def test_credentials_that_expire_are_read_again_from_their_file(
    proxied: tuple[S3Storage, FaultProxy],
    versitygw: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    storage, proxy = proxied
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    lines = [f"{name.lower()} = {os.environ[name]}" for name in names]
    for name in names:
        monkeypatch.delenv(name)
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "of-the-job")
    file.write_text("\n".join(["[of-the-job]", *lines]))
    storage.publish("before", b"")
    proxy.fail("PUT ", refusal(400, "ExpiredToken"))
    assert storage.publish("file", b"")
    proxy.fail("PUT ", refusal(400, "ExpiredToken"), times=9)
    with pytest.raises(LoginError, match="have expired: fetch new ones") as caught:
        storage.publish("another", b"")
    assert failure(caught.value).exit_code == 2


@pytest.mark.parametrize("server", SERVERS)
def test_a_login_that_is_not_accepted(
    server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: S3Server = request.getfixturevalue(server)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        running.set_up(monkeypatch, **{name: "wrong"})
        with pytest.raises(LoginError, match="does not accept the credentials"):
            storage_at(running).publish("file", b"")


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


@pytest.mark.parametrize("server", SERVERS)
def test_a_clock_that_is_wrong_is_named(
    server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("faketime")
    running: S3Server = request.getfixturevalue(server)
    running.set_up(monkeypatch)
    code = (
        "import sys; from hdfs_jobs.storage.open import open_storage\n"
        "try: open_storage(sys.argv[1]).read_bytes('file')\n"
        "except PermissionError as error: print(error)\n"
    )
    done = subprocess.run(
        ["faketime", "-f", "-2h", sys.executable, "-c", code, running.url],
        cwd=ROOT,
        env={**os.environ, "FAKETIME_DONT_FAKE_MONOTONIC": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "the clock of this machine" in done.stdout, done.stderr
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize("server", SERVERS)
def test_a_bucket_that_is_missing_stays_so(
    server: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: S3Server = request.getfixturevalue(server)
    running.set_up(monkeypatch)
    storage = open_storage("s3://no-such-bucket/store")
    for act in (lambda: storage.publish("file", b""), lambda: list(storage.list())):
        with pytest.raises(WrongAddressError, match=r"s3://no-such-bucket: no such bucket") as e:
            act()
        assert failure(e.value).exit_code == 2


def test_a_server_that_is_not_there_is_said_at_once(
    versitygw: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    versitygw.set_up(monkeypatch, AWS_ENDPOINT_URL="http://127.0.0.1:1")
    with pytest.raises(LostAnswerError, match="cannot be reached") as caught:
        open_storage("s3://elsewhere/store").read_bytes("file")
    assert "\n" not in str(caught.value)
    assert failure(caught.value).exit_code == 75


@pytest.mark.parametrize(
    ("fault", "words", "exit_code"),
    [
        (refusal(403, "AccessDenied"), "not allowed .* s3:PutObject", 2),
        (refusal(301, "PermanentRedirect"), "set AWS_REGION", 2),
        (refusal(400, "AuthorizationHeaderMalformed"), "set AWS_REGION", 2),
        (refusal(501, "NotImplemented"), "If-None-Match and If-Match", 2),
        (refusal(507, "InsufficientStorage"), "make room", 75),
    ],
)
def test_other_refusals_are_one_line(
    proxied: tuple[S3Storage, FaultProxy], fault: Fault, words: str, exit_code: int
) -> None:
    storage, proxy = proxied
    proxy.fail("GET ", fault, times=99)
    with pytest.raises(OSError, match=words) as caught:
        list(storage.list())
    found = failure(caught.value)
    assert "\n" not in found.message
    assert found.exit_code == exit_code
