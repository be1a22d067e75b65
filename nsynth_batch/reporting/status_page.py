"""A store as a web page of its own, from its files alone: no script, nothing fetched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from nsynth_batch.reporting.past_runs import PastRun
from nsynth_batch.text import one_line, size
from sequencer.templates.pages import page_file, policy_hash, rendered
from sequencer.text import clock

_PACKAGE = "nsynth_batch"
_FOLDER = "reporting/page"


@dataclass(frozen=True)
class StageRow:
    """A stage in numbers; `work_seconds` is what its committed shards took on workers."""

    name: str
    shards: int
    committed: int
    rows: int
    seconds: float
    work_seconds: float
    quarantined: int
    bytes: int
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass
class WorkerRow:
    """What a worker did in a run, by the run's log."""

    address: str
    shards: int = 0
    seconds: float = 0.0
    last: datetime | None = None
    lost: bool = False


def workers_of(lines: Iterable[Mapping[str, Any]]) -> list[WorkerRow]:
    """Return the workers that the lines of a run's log name, in order of their addresses."""
    found: dict[str, WorkerRow] = {}
    for fields in lines:
        if fields.get("event") not in ("ShardCommitted", "WorkerLost") or not fields.get("worker"):
            continue
        row = found.setdefault(fields["worker"], WorkerRow(fields["worker"]))
        row.lost = fields["event"] == "WorkerLost"
        if not row.lost:
            row.shards += 1
            row.seconds += fields["summary"]["seconds"]
            row.last = datetime.fromisoformat(fields["time"])
    return [found[address] for address in sorted(found)]


def status_page(
    store: str,
    stages: Sequence[StageRow],
    runs: Sequence[tuple[PastRun, str]],
    workers: Sequence[WorkerRow],
    *,
    holder: str = "",
    refresh: int = 0,
    now: datetime | None = None,
) -> str:
    """Write the page.

    Parameters
    ----------
    store : str
        Its URL.
    stages : sequence of StageRow
        In order; what was refused at the harvest is a stage without shards.
    runs : sequence of (PastRun, str)
        The latest first, each with its exit code, or what stands for it.
    workers : sequence of WorkerRow
        Of the last run that committed shards.
    holder : str
        Who holds the store; empty if no run does.
    refresh : int
        Seconds after which a browser loads the page again; 0 for never.
    now : datetime, optional
        When it was looked at; this moment by default.
    """
    style = page_file(f"{_FOLDER}/status.css", _PACKAGE)
    reasons = [(s.name, reason, n) for s in stages for reason, n in sorted(s.reasons.items())]
    return rendered(
        f"{_FOLDER}/status.html",
        package=_PACKAGE,
        style=style,
        style_hash=policy_hash(style),
        store=one_line(store),
        now=f"{now or datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        refresh=refresh,
        holder=one_line(holder),
        stages=[_stage(stage) for stage in stages if stage.shards],
        reasons=reasons,
        runs=[_run(run, state) for run, state in runs],
        workers=[
            {
                "address": one_line(worker.address),
                "shards": worker.shards,
                "audio": clock(worker.seconds),
                "last": f"{worker.last:%H:%M:%S}" if worker.last else "",
                "lost": worker.lost,
            }
            for worker in workers
        ],
    )


def _stage(stage: StageRow) -> dict[str, object]:
    return {
        "name": stage.name,
        "shards": stage.shards,
        "committed": stage.committed,
        "rows": stage.rows,
        "audio": clock(stage.seconds),
        "rate": f"{stage.seconds / stage.work_seconds:.2f}" if stage.work_seconds else "",
        "quarantined": stage.quarantined,
        "bytes": size(stage.bytes),
    }


def _run(run: PastRun, state: str) -> dict[str, object]:
    return {
        "start": f"{run.started:%Y-%m-%d %H:%M:%S}",
        "length": clock(run.seconds),
        "state": state,
        "committed": run.committed,
        "quarantined": run.quarantined,
        "host": one_line(run.host) or "-",
        "error": one_line(run.error),
        "mark": "bad" if run.exit_code else "",
    }
