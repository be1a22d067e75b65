"""Figures of a run: what they add up to, and where they are served."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from hdfs_jobs.datasets.manifest import Quarantined, Summary
from hdfs_jobs.runs.events import (
    ItemQuarantined,
    ShardCommitted,
    ShardFailed,
    ShardRetried,
    StageFinished,
    StageOutcome,
    StageStarted,
)
from nsynth_batch.errors import CommandError
from nsynth_batch.pipeline.steps import ALL
from nsynth_batch.reporting.events import (
    HarvestProgressed,
    LeaseGivenBack,
    LeaseTaken,
    Note,
    RunEvent,
    harvest_progress,
)
from nsynth_batch.reporting.metrics import Metrics
from nsynth_batch.reporting.metrics_server import served_metrics
from nsynth_batch.reporting.report import Reports
from nsynth_batch.settings.settings import load_settings
from nsynth_batch.sources.counts import Harvest
from tests.components.prometheus import LOOPBACK, free_port
from tests.nsynth_batch.recordings import write_wav

INPUTS = {step.dataset: step.inputs for step in ALL}

Figures = dict[tuple[str, ...], float]


def figures(metrics: Metrics) -> Figures:
    """Each figure by its name, without the prefix, and its labels in the order of their names."""
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name.removeprefix("nsynth_batch_"), *dict(sorted(sample.labels.items())).values()):
            sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }  # fmt: skip


def told(events: Sequence[RunEvent], stop: threading.Event | None = None) -> Figures:
    metrics = Metrics(0.25, stop or threading.Event(), INPUTS)
    for event in events:
        metrics(event)
    return figures(metrics)


def harvest(found: int, came: int, refused: dict[str, int], *, ended: bool) -> HarvestProgressed:
    counts = Harvest(found=found, bytes=came, quarantined=Counter(refused))
    return harvest_progress(counts, ended=ended)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 50),
            st.dictionaries(st.sampled_from(["empty", "timeout"]), st.integers(1, 9)),
        ),
        min_size=1,
    )
)
def test_shards_add_up(shards: list[tuple[int, dict[str, int]]]) -> None:
    events: list[RunEvent] = [StageStarted("clips", len(shards) + 3, len(shards))]
    for number, (rows, bad) in enumerate(shards):
        summary = Summary(
            number, "d", "a", "f", 1, rows, 100, "s", rows / 2, 3.0, sum(bad.values())
        )
        events.append(ShardCommitted("clips", summary, number + 1, reasons=bad))
        # Of many entries only the first are told: what was counted once stays counted once.
        entry = Quarantined("key", "a title", "empty", "detail")
        events.append(ItemQuarantined("clips", number, entry))
    seen = told(events)
    rows = sum(rows for rows, _ in shards)
    bad = sum((Counter(bad) for _, bad in shards), Counter())
    assert seen["shards", "clips"] == len(shards) + 3
    assert seen["shards_left", "clips"] == 0
    assert seen["shards_committed_total", "clips"] == len(shards)
    assert seen["rows_total", "clips"] == rows
    assert seen["audio_seconds_total", "clips"] == rows / 2
    assert seen["work_seconds_total", "clips"] == 3 * len(shards)
    assert seen["output_bytes_total", "clips"] == 100 * len(shards)
    assert seen["inputs_total", "clips"] == rows + bad.total()
    assert {key: n for key, n in seen.items() if key[0] == "quarantined_total"} == {
        ("quarantined_total", reason, "clips"): count for reason, count in bad.items()
    }


@given(
    st.lists(
        st.tuples(
            st.integers(0, 9),
            st.integers(0, 10**6),
            st.dictionaries(st.sampled_from(["empty", "not-audio"]), st.integers(1, 9)),
        )
    )
)
def test_a_harvest_that_tells_its_sums_so_far_is_counted_once(
    steps: list[tuple[int, int, dict[str, int]]],
) -> None:
    found, came, refused = 0, 0, Counter[str]()
    events: list[RunEvent] = [harvest(0, 0, {}, ended=False)]
    for more, size, bad in steps:
        found, came, refused = found + more, came + size, refused + Counter(bad)
        events.append(harvest(found, came, refused, ended=False))
    assert told(events)["stage_active", "harvest"] == 1
    seen = told([*events, harvest(found, came, refused, ended=True)])
    assert seen["stage_active", "harvest"] == 0
    assert seen["harvest_recordings_total",] == seen["inputs_total", "harvest"] == found
    assert seen["harvest_received_bytes_total",] == came
    for reason, count in refused.items():
        assert seen["quarantined_total", reason, "harvest"] == count


def test_trouble_is_counted_by_attempts_and_by_what_is_left() -> None:
    seen = told(
        [
            StageStarted("audio", 4, 4),
            ShardRetried("audio", 2, 1, "OSError: gone", 1.0),
            ShardRetried("audio", 2, 2, "OSError: gone", 1.0),
            ShardFailed("audio", 2, 3, "OSError: gone"),
        ]
    )
    assert seen["shard_attempts_failed_total", "audio"] == 3
    assert seen["shards_failed_total", "audio"] == 1
    assert seen["shards_left", "audio"] == 4


def test_counters_of_a_stage_begin_at_0_and_its_speed_stays_when_it_has_ended() -> None:
    begun: list[RunEvent] = [StageStarted("audio", 2, 2)]
    seen = told(begun)
    assert seen["stage_active", "audio"] == 1
    assert seen["rows_total", "audio"] == seen["shards_committed_total", "audio"] == 0
    outcome = StageOutcome("audio", 2, 2, 2, 9, 0, 30.0, 10.0, False)
    seen = told([*begun, StageFinished(outcome)])
    assert seen["stage_active", "audio"] == 0
    assert seen["stage_speed_ratio", "audio"] == 3.0


def test_the_store_s_lease_and_a_request_to_drain_are_told() -> None:
    stop = threading.Event()
    seen = told([LeaseTaken("store")], stop)
    assert (seen["lease_held",], seen["draining",]) == (1, 0)
    stop.set()
    seen = told([LeaseTaken("store"), LeaseGivenBack("store")], stop)
    assert (seen["lease_held",], seen["draining",]) == (0, 1)
    assert seen["quarantine_limit_ratio",] == 0.25


def serve(port: int, host: str = LOOPBACK) -> AbstractContextManager[tuple[Metrics, ...]]:
    settings = load_settings({"metrics_port": port, "metrics_host": host})
    return served_metrics(settings, lambda: Metrics(0.25, threading.Event(), INPUTS))


def test_they_are_served_to_the_end_of_a_run_beside_other_listeners() -> None:
    port = free_port()
    seen: list[RunEvent] = []
    with serve(port) as metrics:
        emit = Reports(*metrics, seen.append)
        emit(StageStarted("audio", 3, 2))
        emit(Note("a note"))
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    assert 'nsynth_batch_shards_left{stage="audio"} 2.0' in text
    assert "process_resident_memory_bytes" in text
    assert seen == [StageStarted("audio", 3, 2), Note("a note")]
    with socket.socket() as probe:
        assert probe.connect_ex((LOOPBACK, port))


def test_without_a_port_nothing_is_served_and_nothing_is_loaded() -> None:
    code = (
        "import sys; "
        "from nsynth_batch.reporting.metrics_server import served_metrics; "
        "from nsynth_batch.settings.settings import load_settings\n"
        "with served_metrics(load_settings(), None) as none: "
        "sys.exit(none != () or 'prometheus_client' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_an_address_that_is_not_of_this_machine_is_wrong_usage(host: str) -> None:
    with pytest.raises(CommandError, match="--metrics-host") as refused, serve(free_port(), host):
        pass
    assert refused.value.exit_code == 2


def test_a_port_in_use_is_one_line_and_75_and_nothing_is_begun(tmp_path: Path) -> None:
    write_wav(tmp_path / "in" / "a.wav")
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        port = other.getsockname()[1]
        done = subprocess.run(
            [
                *(sys.executable, "-m", "nsynth_batch", "harvest", str(tmp_path / "in")),
                *("--store", str(tmp_path / "store"), "--metrics-port", str(port)),
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (75, 1)
    assert f"port {port} of {LOOPBACK} is in use" in done.stderr
    assert not (tmp_path / "store").exists()
