"""Harvests as an operator runs them: processes that are killed, large files, and the whole job."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdfs_jobs.storage.base import Entry
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.catalog.content import content_sha1
from nsynth_batch.cli import main
from nsynth_batch.sources.web.host_lock import host_lock
from nsynth_batch.sources.web.partial_file import PARTIALS
from sequencer.cli import main as sequencer
from tests.components.faults import Fault, FaultProxy
from tests.components.mediawiki import Upload, Wiki
from tests.nsynth_batch.sources.wikis import CC0, CHORUS, catalog, raw
from tests.waiting import until

LARGE_BYTES = 200_000_000
SMALL_BYTES = 24_000_000


@pytest.fixture(scope="module")
def large(wiki: Wiki, tmp_path_factory: pytest.TempPathFactory) -> Wiki:
    """The wiki with a recording of 200 MB and one of 24 MB."""
    folder = tmp_path_factory.mktemp("large")
    for name, size in (("Large one.wav", LARGE_BYTES), ("Large two.wav", SMALL_BYTES)):
        path = folder / name
        with path.open("wb") as file:
            file.write(header(size))
            file.truncate(size)
        wiki.upload({name: Upload(path, ("Large",), CC0)})
        path.unlink()
    return wiki


def header(size: int) -> bytes:
    """Give the header of a mono wav file of so many bytes."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    data = struct.pack("<4sI", b"data", size - 44)
    return struct.pack("<4sI4s", b"RIFF", size - 8, b"WAVE") + form + data


@pytest.fixture
def environment(front: FaultProxy, tmp_path: Path) -> dict[str, str]:
    """Settings of a harvest, as a container gets them."""
    return {
        **os.environ,
        "NSYNTH_BATCH_STORE": str(tmp_path / "store"),
        "NSYNTH_BATCH_CONTACT": "tests@example.org",
        "NSYNTH_BATCH_COMMONS_API": front.api,
        "NSYNTH_BATCH_UPLOAD_HOSTS": front.host,
        "NSYNTH_BATCH_HARVEST_BACKOFF": "0.05",
        "NSYNTH_BATCH_LEASE_SECONDS": "1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }


def start(environment: dict[str, str], *arguments: str, megabits: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nsynth_batch", *arguments],
        env=environment | {"NSYNTH_BATCH_HARVEST_MEGABITS": str(megabits)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def require_running(process: subprocess.Popen[str]) -> None:
    """Fail with what a process said if it has ended."""
    if process.poll() is not None:
        pytest.fail(f"ended with {process.returncode}: {process.communicate()[1]}")


def memory_of(process: subprocess.Popen[str]) -> int:
    """Wait for a process that goes well; give the most bytes it held."""
    assert process.stderr is not None
    told = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, told
    return usage.ru_maxrss * 1024


def test_large_files_stream_in_bounded_memory_and_at_the_allowed_rate(
    front: FaultProxy, large: Wiki, tmp_path: Path, environment: dict[str, str]
) -> None:
    little = memory_of(start(environment, "harvest", "commons:Category:Twins", megabits=160))
    front.reset()
    much = memory_of(start(environment, "harvest", "commons:Category:Large", megabits=160))
    assert much - little < 64 << 20
    assert len(raw(tmp_path / "store")) == 3
    assert front.most_at_once(files=True) == 2
    assert front.most_at_once(files=False) <= 3
    # 160 Mbit/s over 10 s are 200 MB; more than a trickle less, and the limit would not be met.
    assert 170e6 < front.most_bytes_in(10) <= 200e6


@pytest.mark.parametrize("kind", ["local", "webhdfs", "hdfs"])
def test_a_killed_download_goes_on_where_it_was(
    front: FaultProxy,
    large: Wiki,
    environment: dict[str, str],
    kind: str,
    request: pytest.FixtureRequest,
) -> None:
    if kind != "local":
        running = request.getfixturevalue("hdfs")
        top = running.webhdfs_url if kind == "webhdfs" else running.hdfs_url
        environment["NSYNTH_BATCH_STORE"] = top + request.getfixturevalue("hdfs_folder")
    storage = open_storage(environment["NSYNTH_BATCH_STORE"])

    def pieces() -> list[Entry]:
        return [e for e in storage.walk(PARTIALS) if e.name != "validator"]

    arguments = ("harvest", "commons:File:Large two.wav")
    process = start(environment, *arguments, megabits=100)
    until(pieces, failed=lambda: require_running(process))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not list(storage.walk("raw"))
    kept = sum(piece.size for piece in pieces())
    assert kept >= 8 << 20
    front.reset()
    process = start(environment, *arguments, megabits=4000)
    told = process.communicate()[1]
    assert process.returncode == 0, told
    [rest] = front.files()
    assert rest.headers["Range"] == f"bytes={kept}-"
    assert rest.bytes == SMALL_BYTES - kept
    content = hashlib.sha1(header(SMALL_BYTES) + bytes(SMALL_BYTES - 44)).hexdigest()
    [stored] = storage.walk("raw")
    with storage.open(stored.path) as stream:
        assert content_sha1(stream) == content == stored.name.removesuffix(".wav")
    assert not list(storage.walk(PARTIALS))


def test_sigterm_ends_with_143_and_keeps_all_that_came(
    front: FaultProxy, tmp_path: Path, environment: dict[str, str]
) -> None:
    front.fail("Fault_5", Fault(pace=(0.05, 1500)))
    process = start(environment, "harvest", "commons:Category:Faults", megabits=4000)
    until(
        lambda: front.files("Fault_5") and front.files("Fault_5")[0].bytes >= 4000,
        failed=lambda: require_running(process),
    )
    process.send_signal(signal.SIGTERM)
    told = process.communicate()[1]
    assert process.returncode == 143, told
    front.reset()
    process = start(environment, "harvest", "commons:Category:Faults", megabits=4000)
    told = process.communicate()[1]
    assert process.returncode == 0, told
    assert len(raw(tmp_path / "store")) == 6
    assert [seen.headers.get("Range", "") > "" for seen in front.files("Fault_5")] == [True]


@pytest.fixture
def set_up(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same settings for commands in this process."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield


@pytest.mark.usefixtures("set_up")
def test_what_commands_say_and_end_with(
    front: FaultProxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["harvest", "commons:Category:Bird songs", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "harvest: 6 recordings, 5 to fetch (99.4 kB, 0:03 of audio) in 0:00 at 25" in told
    assert "Mbit/s, 2 other files" in told
    assert "1 quarantined: 1 non-free" in told
    assert not (tmp_path / "store").exists()
    assert not front.files()
    assert main(["harvest", "commons:Category:Bird songs", "--min-seconds", "1"]) == 0
    told = capsys.readouterr().err
    assert "2 recordings, 1 new" in told
    assert "harvest: 4 skipped: 4 shorter than --min-seconds" in told
    front.fail("img_auth.php", Fault(503), times=100)
    assert main(["harvest", "commons:File:Robin.wav", "--store", str(tmp_path / "b")]) == 75
    told = capsys.readouterr().err
    assert "1 of 1 recordings could not be fetched" in told
    assert "1 not fetched, the last of them for: File:Robin.wav: the server answers 503" in told
    assert main(["harvest", "commons:Category:Bird songs", "--since", "2100-01-01"]) == 0
    assert "5 skipped: 5 older than --since" in capsys.readouterr().err
    with host_lock({front.host}):
        assert main(["harvest", "commons:File:Robin.wav", "--store", str(tmp_path / "b")]) == 75
    assert "another harvest on this machine fetches from" in capsys.readouterr().err
    assert main(["harvest", "commons:File:Not free.wav"]) == 3
    assert "more than --max-bad-fraction 0.5" in capsys.readouterr().err
    front.fail("api.php", Fault(503), times=100)
    assert main(["harvest", "commons:File:Robin.wav", "--retries", "1"]) == 75
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.usefixtures("set_up")
def test_the_whole_job_credits_every_file(
    front: FaultProxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    titles = tmp_path / "titles.txt"
    titles.write_text("\n".join([*(f"{name}.wav" for name in CHORUS), "Nobody's.wav"]))
    command = ["run", f"commons:List:{titles}", "--segment-seconds", "1", "--workers", "1"]
    # A file that cannot be had keeps nothing from being done, and is told in the end.
    front.fail("Drum_roll.wav", Fault(503), times=1)
    assert main([*command, "--pairs", "1", "--retries", "0"]) == 75
    told = capsys.readouterr().err
    assert "clips: 1 shard, 1 row," in told
    assert told.splitlines()[-1].startswith("nsynth-batch: 1 of 6 recordings could not be fetched")
    front.reset()
    assert main([*command, "--pairs", "12", "--seed", "3"]) == 0
    assert "1 recording from a wiki with no known licence" in capsys.readouterr().err
    assert main(["clips", "--to", str(tmp_path / "clips")]) == 0
    piece = tmp_path / "piece.wav"
    # Credits are what counts here, whatever the gate thinks of clips of so little sound.
    compose = ["compose", str(tmp_path / "clips"), "-o", str(piece), "--keep-all"]
    composed = sequencer([*compose, "--minutes", "0.3", "--seed", "1"])
    assert composed == 0, capsys.readouterr().err
    clips = [json.loads(line) for line in (tmp_path / "clips" / "clips.jsonl").open()]
    events = json.loads(piece.with_suffix(".score.json").read_text())["events"]
    played = {event["clip"] for event in events}
    used = {p["file_id"] for c in clips if c["clip_id"] in played for p in c["parents"]}
    rows = {row.file_id: row for row in catalog(tmp_path / "store").values()}
    credits = piece.with_suffix(".credits.txt").read_text()
    assert len(used) >= 4
    for file_id in used:
        row = rows[file_id]
        assert row.title in credits
        assert row.page_url in credits
        assert row.licence in credits
        assert (row.attribution or row.author) in credits
    assert "Nobody's" not in credits
