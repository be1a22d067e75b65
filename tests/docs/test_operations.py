"""What docs/operations.md states: its figures, its sums, and how a live store is copied."""

from __future__ import annotations

import re
import subprocess
import threading
from functools import partial
from pathlib import Path

import pytest

from nsynth_batch.reporting.metrics import NAMESPACE, Metrics, ProcessMetrics
from nsynth_batch.reporting.training_metrics import TrainingMetrics
from tests.components.needs import need
from tests.nsynth_batch.job import Job
from tests.nsynth_batch.recordings import tone, write_wav
from tests.waiting import until

TEXT = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
ALLOWED_MEGABITS = 25
CORES = 32


def table(heading: str) -> list[list[str]]:
    """Give the rows of the table whose first row begins with a cell."""
    [found] = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in found.splitlines()]


def more_than(count: int, store: Path) -> int:
    """How many shards are committed, if they are more; else 0."""
    now = len(list(store.glob("*/*/manifests/*")))
    return now if now > count else 0


def served(metrics: ProcessMetrics, prefix: str) -> set[str]:
    """Give the names of figures that begin with a prefix, without it."""
    suffixes = {"counter": "_total", "info": "_info"}
    return {
        family.name.removeprefix(prefix) + suffixes.get(family.type, "")
        for family in metrics.registry.collect()
        if family.name.startswith(prefix)
    }


def test_every_figure_that_is_served_is_explained_and_no_other() -> None:
    explained = {row[0].strip("`"): row[1] for row in table("metric, after `nsynth_batch_`")}
    run = served(Metrics(0.5, threading.Event(), {}), f"{NAMESPACE}_")
    assert explained.keys() == run
    assert set(explained.values()) == {"", "version", "stage", "stage, reason"}

    prefix = f"{NAMESPACE}_training_"
    rows = table(f"metric of `train`, after `{prefix}`")
    training = TrainingMetrics(threading.Event())
    assert {row[0].strip("`") for row in rows} == served(training, prefix)
    assert set(explained) > {
        name for name in served(training, f"{NAMESPACE}_") if not name.startswith("training_")
    }


def test_the_sums_of_the_sizing_follow_from_the_rates() -> None:
    rows = {row[0]: [float(cell) if cell else 0.0 for cell in row[1:]] for row in table("stage")}
    assert tuple(rows) == ("harvest", "shard", "encode", "mash", "decode")
    hours, *_, one, four, gigabytes = rows.pop("harvest")
    assert one == four == pytest.approx(gigabytes * 8e9 / (ALLOWED_MEGABITS * 1e6) / 3600)
    # CD quality: 44,100 frames a second of two samples of two bytes.
    assert hours == pytest.approx(gigabytes * 1e9 / (44_100 * 4) / 3600, rel=0.01)
    bytes_an_hour = dict(zip(rows, (115e6, 7e6, 14e6, 115e6), strict=True))
    for stage, (hours, rate, core_hours, one, four, gigabytes) in rows.items():
        assert core_hours == pytest.approx(hours / rate, rel=0.03), stage
        assert one == pytest.approx(core_hours / CORES, rel=0.03), stage
        assert four == pytest.approx(one / 4, rel=0.03), stage
        assert gigabytes == pytest.approx(hours * bytes_an_hour[stage] / 1e9, rel=0.03), stage


def test_a_store_that_a_run_writes_to_is_copied_whole_and_goes_on(
    tmp_path: Path, tiny: Path
) -> None:
    need("rsync")
    job = Job(tmp_path, tiny)
    for number in range(12):
        write_wav(job.recordings / f"{number}.wav", tone(0.6, 200.0 + number))
    commands = [line for line in TEXT.splitlines() if line.startswith("rsync ")]
    copy = tmp_path / "copy"
    pairs = ("--pairs", "6", "--workers", "1")
    with subprocess.Popen(
        job.command("run", str(job.recordings), *pairs), stderr=subprocess.DEVNULL
    ) as process:
        seen = 0
        for command in commands:
            # Shards are committed between the two: in the other order the copy would lack them.
            seen = until(partial(more_than, seen, Path(job.url)), process=process)
            here = command.replace("/srv/sounds", job.url).replace("/backup/sounds", str(copy))
            done = subprocess.run(["sh", "-c", here], stderr=subprocess.PIPE, check=False)
            assert done.returncode in {0, 24}, done.stderr
        assert process.wait() == 0
    assert len(commands) == 2
    job.url, whole = str(copy), job.clips()
    verified = job.ask("verify")
    assert verified.returncode == 0, verified.stdout
    # It was copied before the run had ended, and ends in the same clips.
    done = job.do("run", *pairs)
    assert done.returncode == 0, done.stderr
    assert job.clips() == whole
