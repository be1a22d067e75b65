"""What the log of a run amounts to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hdfs_jobs.runs.lease import Held, Holder
from hdfs_jobs.storage.local import LocalStorage
from nsynth_batch.reporting.past_runs import is_end, last_run, past_run, past_runs, state_of

RUN = "20260102T030405Z-abcdef012345"
STARTED = {
    "event": "RunStarted", "stages": ["clips"], "command": "nsynth-batch run", "host": "node",
    "pid": 7,
}  # fmt: skip
SHARD = {"event": "ShardCommitted", "name": "clips", "summary": {"quarantined": 2}}
HARVEST = {"event": "HarvestProgressed", "ended": False, "quarantined": {"empty": 1}}


def log(*events: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"time": f"2026-01-02T03:04:{5 + i:02}.000+00:00", **event}
        for i, event in enumerate(events)
    ]


@pytest.mark.parametrize("name", ["quarantined", "refused"])
def test_a_run_is_summed_up(name: str) -> None:
    # Release 0.1 called them refused.
    ended = {"event": "HarvestProgressed", "ended": True, name: {"empty": 1}}
    end = {"event": "RunEnded", "exit_code": 0}
    run = past_run(RUN, log(STARTED, HARVEST, ended, SHARD, SHARD, end))
    assert (run.command, run.host, run.pid) == ("nsynth-batch run", "node", 7)
    # Earlier releases logged none.
    assert run.arguments == ""
    assert past_run(RUN, log({**STARTED, "arguments": "--pairs 4"})).arguments == "--pairs 4"
    assert (run.exit_code, run.committed, run.quarantined) == (0, 2, 5)
    assert run.seconds == 5.0
    assert run.started.isoformat() == "2026-01-02T03:04:05+00:00"


@pytest.mark.parametrize(
    ("events", "code", "error"),
    [
        ([{"event": "RunFailed", "exit_code": 75, "error": "away"}], 75, "away"),
        ([{"event": "RunEnded", "exit_code": 143}], 143, ""),
        # As release 0.1 wrote them.
        ([{"event": "RunEnded"}], 0, ""),
        ([{"event": "DrainRequested", "signal": "SIGINT"}, {"event": "RunEnded"}], 130, ""),
        ([SHARD], None, ""),
        ([], None, ""),
    ],
)
def test_the_exit_code_of_a_run(events: list[dict[str, Any]], code: int | None, error: str) -> None:
    lines = log(*events)
    run = past_run(RUN, lines)
    assert (run.exit_code, run.error) == (code, error)
    assert any(map(is_end, lines)) == (code is not None)


def test_the_last_run_is_as_long_as_among_the_others(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    # Killed while it committed: its last line is a shard's.
    for number, lines in enumerate((log(STARTED), log(STARTED, SHARD), log(*[SHARD] * 4))):
        data = "".join(json.dumps(line) + "\n" for line in lines)
        storage.publish(f"runs/logs/{RUN}/{number:06}.jsonl", data.encode())
    [listed], last = past_runs(storage, 5), last_run(storage)
    assert last is not None
    assert listed.seconds == last.seconds == 3.0
    assert (listed.committed, last.committed) == (5, 0)


def test_the_state_of_a_run_without_an_end() -> None:
    run = past_run(RUN, log(STARTED))
    holder = Holder("f", "nsynth-batch run", "me", "node", 7, "2026-01-02T03:04:05Z", 30.0)
    other = Holder("f", "nsynth-batch run", "me", "node", 8, "2026-01-02T03:04:05Z", 30.0)
    assert state_of(run, None) == state_of(run, Held(other, 1000.0), 1000.0) == "no end"
    assert state_of(run, Held(holder, None)) == state_of(run, Held(holder, 1000.0), 1060.0)
    assert state_of(run, Held(holder, 1000.0), 1060.0) == "at work"
    assert state_of(run, Held(holder, 1000.0), 1061.0) == "silent"
    ended = past_run(RUN, log({"event": "RunEnded", "exit_code": 0}))
    assert state_of(ended, Held(holder, 0.0)) == "0"
