"""What the dashboard and the alerts ask for is what a real run and a real cluster give."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.components.daskcluster import dask_servers
from tests.components.needs import need
from tests.components.prometheus import LOOPBACK, Prometheus, free_port, prometheus, promtool
from tests.components.relay import relay
from tests.k8s.monitoring.files import alerts, names, panels, rules
from tests.nsynth_batch.job import Job
from tests.nsynth_batch.recordings import tone, write_wav

FROM_KUBERNETES = {
    "kube_cronjob_created",
    "kube_cronjob_next_schedule_time",
    "kube_cronjob_status_active",
    "kube_cronjob_status_last_schedule_time",
    "kube_cronjob_status_last_successful_time",
}
"""Told by kube-state-metrics, which needs a cluster."""


@dataclass(frozen=True)
class Watched:
    """A Prometheus that has seen a whole run.

    Attributes
    ----------
    server
        What it knows.
    job
        The run.
    exposed
        What the driver, the scheduler and a worker answered last.
    """

    server: Prometheus
    job: Job
    exposed: dict[str, str]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Iterator[Watched]:
    need("prometheus")
    folder = tmp_path_factory.mktemp("watched")
    job = Job(folder, tiny)
    for number in range(24):
        write_wav(job.recordings / f"{number}.wav", tone(4.0, 200.0 + 20 * number))
    (job.recordings / "empty.wav").write_bytes(b"")
    ports = {"driver": free_port(), "scheduler": free_port(), "worker": free_port()}

    def at(pod: str) -> list[str]:
        return ["--dashboard-address", f"{LOOPBACK}:{ports[pod]}"]

    with (
        dask_servers(folder, scheduler_flags=at("scheduler")) as dask,
        relay(ports) as pods,
        prometheus(folder / "prometheus", pods.ports, rules()) as server,
    ):
        dask.start_worker(flags=at("worker"))
        words = (
            *("run", str(job.recordings), "--pairs", "96", "--scheduler", dask.address),
            *("--metrics-port", str(ports["driver"])),
        )
        with subprocess.Popen(job.command(*words), stderr=subprocess.PIPE, text=True) as process:
            while process.poll() is None:
                pods.ask()
                time.sleep(0.2)  # as often as a Prometheus would ask
            assert process.returncode == 0, process.communicate()[1]
        time.sleep(2.0)  # until Prometheus has asked for the last of it
        yield Watched(server, job, pods.exposed)


@pytest.mark.parametrize(("title", "expression"), sorted(set(panels())))
def test_every_query_of_the_dashboard_finds_something(
    title: str, expression: str, watched: Watched
) -> None:
    found = names(expression)
    assert found, title
    if found <= FROM_KUBERNETES:
        assert watched.server.query(expression) == []
    else:
        assert watched.server.query(expression), title


def test_every_alert_is_evaluated_over_figures_that_there_are(watched: Watched) -> None:
    evaluated = watched.server.rules()
    assert {rule["name"] for rule in evaluated} == {alert["alert"] for alert in alerts()}
    assert {rule["health"] for rule in evaluated} == {"ok"}
    told = names("\n".join(watched.exposed.values()))
    assert names("\n".join(alert["expr"] for alert in alerts())) - FROM_KUBERNETES <= told


def test_the_figures_of_a_run_are_those_of_its_store(watched: Watched) -> None:
    stages = watched.job.status()
    # The clips are committed last: nobody may have asked between that and the driver's end.
    for name in ("audio", "encodings", "mashups"):
        stage = stages[name]

        def last(metric: str, name: str = name) -> float:
            return watched.server.last(f"nsynth_batch_{metric}")[name]

        assert last("shards") == last("shards_committed_total") == stage["committed"]
        assert last("shards_left") == last("shard_attempts_failed_total") == 0
        assert last("rows_total") == stage["rows"]
        assert last("audio_seconds_total") == pytest.approx(stage["seconds"])
        assert last("stage_active") == 0
        assert last("stage_speed_ratio") > 0
    server = watched.server
    assert server.last('nsynth_batch_quarantined_total{reason="empty"}') == {"audio": 1}
    assert server.last("nsynth_batch_inputs_total")["audio"] == 25
    assert server.last("nsynth_batch_harvest_recordings_total") == {"": 25}
    size = sum(path.stat().st_size for path in watched.job.recordings.iterdir())
    assert server.last("nsynth_batch_harvest_received_bytes_total") == {"": size}
    active = server.query('nsynth_batch_stage_active{stage="clips"}')
    assert {value for _, value in active[0]["values"]} == {"0", "1"}


def test_names_and_units_are_as_prometheus_has_them(watched: Watched) -> None:
    done = promtool("check", "metrics", stdin=watched.exposed["driver"])
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
