"""What a harvest tells to its terminal, and to the log in its store."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from hdfs_jobs.storage.open import open_storage
from nsynth_batch.cli import main
from tests.nsynth_batch.recordings import write_wav


def logged(store: Path) -> list[list[dict[str, object]]]:
    """The lines of each log of a store."""
    storage = open_storage(str(store))
    return [
        [
            json.loads(line)
            for part in sorted(entry.path for entry in storage.list(folder.path))
            for line in storage.read_bytes(part).splitlines()
        ]
        for folder in storage.list("runs/logs")
    ]


def harvest(source: Path, store: Path, *words: str) -> tuple[int, list[str]]:
    err = io.StringIO()
    with redirect_stderr(err):
        code = main(["harvest", str(source), "--store", str(store), *words])
    return code, err.getvalue().splitlines()


def test_a_harvest_is_logged_in_its_store_and_tells_a_collector_json(tmp_path: Path) -> None:
    source, store = tmp_path / "in", tmp_path / "store"
    write_wav(source / "a.wav")
    code, lines = harvest(source, store, "--log-format", "json", "--lease-seconds", "9")
    assert code == 0
    told = [json.loads(line) for line in lines]
    [log] = logged(store)
    first = log[0]
    assert (first["event"], first["source"], first["stages"]) == ("RunStarted", str(source), [])
    assert isinstance(first["settings"], dict)
    assert first["settings"]["lease_seconds"] == 9
    names = [event["event"] for event in log]
    assert names == [event["event"] for event in told]
    assert names[-1] == "RunEnded"
    assert {event["level"] for event in log} == {"info", "warning"}
    [unlicensed] = [event for event in log if event["level"] == "warning"]
    assert unlicensed["name"] == "harvest"
    assert "1 recording has no licence" in str(unlicensed["text"])
    assert {"LeaseTaken", "HarvestProgressed", "Note", "LeaseGivenBack"} <= set(names)


def test_the_setting_is_kept_to_as_the_flag_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NSYNTH_BATCH_LOG_FORMAT", "json")
    write_wav(tmp_path / "in" / "a.wav")
    code, lines = harvest(tmp_path / "in", tmp_path / "store")
    assert code == 0
    assert all(json.loads(line)["event"] for line in lines)


def test_a_run_with_too_much_in_quarantine_is_logged_with_its_exit_code(tmp_path: Path) -> None:
    store = tmp_path / "store"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "empty.wav").write_bytes(b"")
    assert harvest(tmp_path / "in", store)[0] == 0
    words = ["--store", str(store), "--workers", "1", "--max-bad-fraction", "0"]
    assert main(["shard", *words]) == 3
    ends = [(log[-1]["event"], log[-1].get("exit_code")) for log in logged(store)]
    assert sorted(ends, key=str) == [("RunEnded", 0), ("RunFailed", 3)]


def test_a_harvest_that_is_stopped_in_the_middle_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    write_wav(tmp_path / "in" / "a.wav")

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("nsynth_batch.catalog.catalog.Catalog.append", full)
    code, _ = harvest(tmp_path / "in", store)
    assert code == 75
    [log] = logged(store)
    assert log[-1]["event"] == "RunFailed"
    assert "disk full" in str(log[-1]["error"])
