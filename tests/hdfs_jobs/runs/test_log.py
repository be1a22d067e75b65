"""The log that a run leaves in its store."""

from __future__ import annotations

import json
from pathlib import Path

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.log import RunLog, json_line, record
from hdfs_jobs.runs.runner import run_stage
from hdfs_jobs.storage.local import LocalStorage
from tests.hdfs_jobs.job_stages import Plain
from tests.waiting import until


def lines(storage: LocalStorage, log: RunLog) -> list[dict[str, object]]:
    parts = sorted(entry.path for entry in storage.list(log.path))
    return [json.loads(line) for part in parts for line in storage.read_bytes(part).splitlines()]


def test_lines_wait_for_their_part_and_parts_are_never_changed(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    log = RunLog(storage, flush_seconds=3600)
    log.write(json_line({"event": "one", "title": "Amélie\n"}))
    assert lines(storage, log) == []
    log.flush()
    log.flush()
    log.write(json_line({"event": "two"}))
    log.flush()
    assert [entry.name for entry in sorted(storage.list(log.path), key=str)] == [
        "000000.jsonl",
        "000001.jsonl",
    ]
    assert [(line["event"], line.get("title")) for line in lines(storage, log)] == [
        ("one", "Amélie\n"),
        ("two", None),
    ]


def test_a_line_is_stored_in_time_though_no_other_follows(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    log = RunLog(storage, flush_seconds=0.01)
    log.write(json_line({"event": "one"}))
    assert [line["event"] for line in until(lambda: lines(storage, log))] == ["one"]
    log.write(json_line({"event": "two"}))
    until(lambda: len(lines(storage, log)) == 2)


def test_every_event_of_a_run_has_a_line_with_the_worker_that_did_it(
    store: Store, cluster: Cluster
) -> None:
    dataset = store.dataset("plain", {})
    # One shard: of two, either may end first.
    dataset.plan([Item("a", "A"), Item("b", "B", extra={"wrong": "bad"})], 2)
    log = RunLog(store.storage, flush_seconds=0)
    run_stage(
        dataset,
        Plain(),
        cluster=cluster,
        on_event=lambda event: log.write(json_line(record(event))),
    )
    written = {str(line["event"]): line for line in lines(store.storage, log)}
    assert list(written) == ["StageStarted", "ItemQuarantined", "ShardCommitted", "StageFinished"]
    assert str(written["ShardCommitted"]["worker"]).startswith("tcp://127.0.0.1:")
    assert written["StageFinished"]["quarantined"] == 1


def test_a_log_that_cannot_be_written_is_no_reason_to_end_a_run(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    log = RunLog(LocalStorage(str(tmp_path)), flush_seconds=0)
    log.write(json_line({"event": "one"}))
    assert isinstance(log.trouble, OSError)
    (tmp_path / "runs").unlink()
    log.flush()
    assert [line["event"] for line in lines(LocalStorage(str(tmp_path)), log)] == ["one"]
