"""The start-up of earlier runs, by their logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hdfs_jobs.storage.local import LocalStorage
from nsynth_batch.reporting.startup import Startup, measured_startup, startup_of

STARTED = {"event": "RunStarted", "settings": {"scheduler": None}}


def shard(name: str, worker: str, seconds: float) -> dict[str, Any]:
    summary = {"wall_seconds": seconds}
    return {"event": "ShardCommitted", "name": name, "worker": worker, "summary": summary}


def finished(name: str, seconds: float) -> dict[str, Any]:
    return {"event": "StageFinished", "name": name, "wall_seconds": seconds}


AUDIO = [shard("audio", "a", 2.0), shard("audio", "b", 1.0), shard("audio", "a", 1.0)]
DONE = [STARTED, *AUDIO, finished("audio", 10.0), shard("clips", "a", 5.0), finished("clips", 6.5)]


def test_it_is_what_stages_took_beyond_the_work_on_their_shards() -> None:
    assert startup_of(DONE, scheduler=False) == pytest.approx(7.0 + 1.5)
    # A stage that had nothing to do says nothing of it, nor does a run that was disturbed, or one
    # on workers that are there already.
    assert startup_of([STARTED, finished("audio", 0.1)], scheduler=False) is None
    assert startup_of([*DONE, {"event": "WorkerLost"}], scheduler=False) is None
    assert startup_of(DONE, scheduler=True) is None


def test_the_latest_run_that_tells_is_taken(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    assert measured_startup(storage, scheduler=False) is None
    for run, lines in (("20260101", DONE[:5]), ("20260102", DONE), ("20260103", [STARTED])):
        data = "".join(json.dumps(line) + "\n" for line in lines)
        storage.publish(f"runs/logs/{run}/000000.jsonl", data.encode())
    assert measured_startup(storage, scheduler=False) == Startup("20260102", pytest.approx(8.5))
