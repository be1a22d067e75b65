"""Logs of runs are found, read, and followed while they are written."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.log import LOGS, RunLog, json_line
from hdfs_jobs.runs.log_reader import find_run, follow_log, log_parts, logged_runs, read_log
from hdfs_jobs.storage.local import LocalStorage


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(str(tmp_path))


def log_of(storage: LocalStorage, *events: str) -> str:
    log = RunLog(storage, flush_seconds=0)
    for event in events:
        log.write(json_line({"event": event}))
    return log.path.rpartition("/")[2]


def test_a_run_is_found_by_its_id_by_a_part_of_it_or_as_the_last(storage: LocalStorage) -> None:
    for run in ("20260101T000000Z-aaaa", "20260102T000000Z-bbbb", "20260102T000000Z-bbbbb"):
        storage.publish(f"{LOGS}/{run}/000000.jsonl", b"")
    assert logged_runs(storage)[0] == "20260101T000000Z-aaaa"
    assert find_run(storage, None) == "20260102T000000Z-bbbbb"
    assert find_run(storage, "0101") == "20260101T000000Z-aaaa"
    assert find_run(storage, "20260102T000000Z-bbbb") == "20260102T000000Z-bbbb"
    with pytest.raises(UsageError, match="no such run"):
        find_run(storage, "1999")
    with pytest.raises(UsageError, match="3 runs are like this"):
        find_run(storage, "2026")


def test_a_store_without_a_log_says_so(storage: LocalStorage) -> None:
    with pytest.raises(UsageError, match="no log of a run yet"):
        find_run(storage, None)


def test_lines_are_read_over_parts_in_order(storage: LocalStorage) -> None:
    run = log_of(storage, *map(str, range(12)))
    assert len(log_parts(storage, run)) == 12
    assert [line["event"] for line in read_log(storage, run)] == list(map(str, range(12)))


def test_a_damaged_line_is_named(storage: LocalStorage) -> None:
    run = log_of(storage, "one")
    storage.publish(f"{LOGS}/{run}/000001.jsonl", b'{"event": "two"}\n{"event"\n')
    with pytest.raises(UsageError, match=r"000001\.jsonl: line 2"):
        list(read_log(storage, run))


def test_a_log_is_followed_to_its_end(storage: LocalStorage) -> None:
    log = RunLog(storage, flush_seconds=0)
    log.write(json_line({"event": "first"}))
    run = log.path.rpartition("/")[2]
    seen = []
    for fields in follow_log(storage, run, lambda line: line["event"] == "last", seconds=0.01):
        seen.append(fields["event"])
        # Each line is written only once the one before it was read.
        log.write(json_line({"event": "last" if len(seen) == 3 else f"more {len(seen)}"}))
    assert seen == ["first", "more 1", "more 2", "last"]


def test_following_ends_when_asked_to(storage: LocalStorage) -> None:
    run, stop = log_of(storage, "first"), threading.Event()
    stop.set()
    assert [line["event"] for line in follow_log(storage, run, lambda _: False, stop)] == ["first"]
