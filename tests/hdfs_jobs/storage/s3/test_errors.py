"""What a server refuses, and what never reaches one: one line that says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hdfs_jobs.storage.open import open_storage
from hdfs_jobs.storage.remote import (
    PATIENCE,
    BusyError,
    LostAnswerError,
    WrongAddressError,
)
from hdfs_jobs.storage.s3.storage import S3Storage
from nsynth_batch.errors import failure
from tests.components.faults import Fault, FaultProxy
from tests.components.needs import need
from tests.components.s3 import SERVERS, S3Server, VersityGateway
from tests.hdfs_jobs.storage.s3.conftest import refusal, storage_at
from tests.waiting import until

ROOT = Path(__file__).parents[4]


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
        (Fault(404, {}, b"<html><br>Welcome"), "does not speak S3", 2),
        (Fault(405, {}, b""), "does not speak S3", 2),
        (Fault(302, {"Location": "/login"}, b""), "does not speak S3", 2),
        (Fault(400, {}, b"This port takes HTTPS."), "does not speak S3", 2),
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


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("AWS_ENDPOINT_URL", "127.0.0.1:9000", "Invalid endpoint"),
        ("AWS_ENDPOINT_URL", "ftp://127.0.0.1", "not a valid URI"),
        ("AWS_ENDPOINT_URL", "http://[::1", "Invalid IPv6 URL"),
        ("AWS_REGION", "no region", "region_name"),
        ("AWS_CONFIG_FILE", str(Path(__file__)), "parse config file"),
    ],
)
def test_a_setting_that_is_none_is_one_line(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(OSError, match=f"{words}.*see the variables AWS_") as caught:
        open_storage("s3://bucket/store").read_bytes("file")
    assert "\n" not in str(caught.value)
    assert failure(caught.value).exit_code == 2


def test_a_real_server_that_asks_to_slow_down_gets_all_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("versitygw")
    with VersityGateway(tmp_path, most_requests=1) as busy:
        proxy = FaultProxy(busy.host)
        busy.set_up(monkeypatch, AWS_ENDPOINT_URL=f"http://{proxy.host}")
        storage = storage_at(busy)
        storage.publish("first", b"")
        written = {"first"}

        def publish(number: int) -> None:
            assert storage.publish(f"{number:04d}", bytes(1 << 20))
            written.add(f"{number:04d}")

        def asked_to_slow_down() -> bool:
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(publish, range(len(written), len(written) + 8)))
            return any(seen.status == 503 for seen in proxy.seen)

        until(asked_to_slow_down)
        assert {entry.path for entry in storage.walk()} == written
        proxy.stop()
