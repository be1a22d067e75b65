"""The whole job on a scheduler and workers that run already, as operators have them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from distributed import Client, SchedulerPlugin, get_worker

from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.events import Event, ShardCommitted
from nsynth_batch.pipeline.encode import EncodeStep
from nsynth_batch.pipeline.step import PlannedStep
from nsynth_batch.settings.settings import Settings
from tests.components.certificates import Authority, Certificate
from tests.components.daskcluster import DaskServers, dask_servers
from tests.hdfs_jobs.job_stages import Plain
from tests.nsynth_batch.recordings import tone, write_wav

STAGES = ("audio", "encodings", "mashups", "clips")
RESULT_BYTES = 16_384


class LargestResult(SchedulerPlugin):
    """Remembers the size of the largest result that a worker holds for the scheduler."""

    name = "largest-result"

    def __init__(self) -> None:
        self.bytes = 0
        self.results = 0

    def transition(
        self,
        key: str,
        start: str,
        finish: str,
        *args: object,
        nbytes: int | None = None,
        **_: object,
    ) -> None:
        if finish == "memory" and nbytes is not None:
            self.results += 1
            self.bytes = max(self.bytes, nbytes)


def run_job(folder: Path, store: str, tiny: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "nsynth_batch", "run", str(folder), "--store", store),
            *("--checkpoint", str(tiny), "--segment-seconds", "0.256", "--pairs", "6"),
            *("--retries", "0", *flags),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def examine_scheduler(address: str, flags: list[str]) -> str:
    """Give the line of `doctor` about a scheduler."""
    done = subprocess.run(
        [sys.executable, "-m", "nsynth_batch", "doctor", "--scheduler", address, *flags],
        capture_output=True,
        text=True,
        check=False,
    )
    [line] = [line for line in done.stdout.splitlines() if " scheduler " in line]
    return line


def content(store: str) -> dict[str, list[str]]:
    opened = Store.open(store)
    return {
        name: sorted(summary.sha256 for summary in opened.current_of(name).summaries())
        for name in STAGES
    }


def workers_by_stage(store: str) -> dict[str, set[str]]:
    """Read from the run's log which workers committed what."""
    storage = Store.open(store).storage
    found: dict[str, set[str]] = {name: set() for name in STAGES}
    for part in storage.walk("runs/logs"):
        for line in map(json.loads, storage.read_bytes(part.path).splitlines()):
            if line["event"] == "ShardCommitted":
                found[line["name"]].add(line["worker"])
    return found


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    for number in range(8):
        write_wav(folder / f"{number}.wav", tone(1.0, 200 + 20 * number))
    return folder


@pytest.fixture(scope="module")
def here(recordings: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store of a run with workers of its own."""
    store = str(tmp_path_factory.mktemp("here") / "store")
    done = run_job(recordings, store, tiny, "--workers", "2")
    assert done.returncode == 0, done.stderr
    return store


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskServers]:
    with dask_servers(tmp_path_factory.mktemp("dask")) as servers:
        servers.start_worker()
        yield servers


def test_a_job_of_plain_workers_has_the_bytes_of_one_that_ran_here_and_none_pass_the_scheduler(
    servers: DaskServers, recordings: Path, here: str, tiny: Path, tmp_path: Path
) -> None:
    with Client(servers.address) as client:
        client.register_plugin(LargestResult())
        store = str(tmp_path / "store")
        done = run_job(recordings, store, tiny, "--scheduler", servers.address)
        assert done.returncode == 0, done.stderr
        results, largest = client.run_on_scheduler(
            lambda dask_scheduler: (
                dask_scheduler.plugins["largest-result"].results,
                dask_scheduler.plugins["largest-result"].bytes,
            )
        )
    assert content(store) == content(here)
    assert results >= 8
    assert largest < RESULT_BYTES
    clips = Store.open(store).current_of("clips")
    assert max(summary.bytes for summary in clips.summaries()) > RESULT_BYTES


def test_clips_are_decoded_where_the_gpus_are_and_nothing_else_needs_one(
    servers: DaskServers, recordings: Path, here: str, tiny: Path, tmp_path: Path
) -> None:
    gpu = servers.start_worker(resources={"GPU": 1})
    try:
        with Client(servers.address) as client:
            workers = client.scheduler_info(n_workers=-1)["workers"]
            offers = {address for address, worker in workers.items() if worker["resources"]}
        assert len(offers) == 1
        store, other = str(tmp_path / "store"), str(tmp_path / "other")
        done = run_job(recordings, store, tiny, "--scheduler", servers.address)
        assert done.returncode == 0, done.stderr
        assert workers_by_stage(store)["clips"] == offers
        assert content(store) == content(here)
        # An operator whose decoder wants every core says so.
        flags = ("--scheduler", servers.address, "--gpu-resource", "", "--batch", "1")
        done = run_job(recordings, other, tiny, *flags)
        assert done.returncode == 0, done.stderr
        assert workers_by_stage(other)["clips"] == set(workers)
    finally:
        gpu.terminate()
        gpu.wait(30)


@dataclass(frozen=True)
class Placed(Plain):
    """Says that it runs on a GPU where its worker offers one."""

    def facts(self, threads: int) -> dict[str, str]:
        offered = get_worker().state.total_resources
        return {"instruction_set": "gpu" if "GPU" in offered else "avx2"}


@pytest.mark.parametrize(("made_on", "groups"), [("gpu", {"GPU"}), (None, {"GPU", "CPU"})])
def test_what_is_planned_on_a_gpu_is_for_gpu_workers_and_the_rest_for_all(
    servers: DaskServers, made_on: str | None, groups: set[str], tmp_path: Path
) -> None:
    gpu = servers.start_worker(resources={"GPU": 1})
    try:
        require = {"instruction_set": made_on} if made_on else {}
        dataset = Store.open(str(tmp_path), create=True).dataset("encodings", require)
        new = dataset.plan([Item(f"{n}", f"{n}") for n in range(24)], 1)
        seen: set[str] = set()
        with Cluster(servers.address) as cluster:
            workers = cluster.client().scheduler_info(n_workers=-1)["workers"]

            def tell(event: Event) -> None:
                if isinstance(event, ShardCommitted):
                    seen.add("GPU" if workers[event.worker]["resources"] else "CPU")

            work = PlannedStep(EncodeStep(), dataset, Placed(), None, new, require)
            assert work.run(Settings(), cluster, tell).committed == 24
        assert seen == groups
    finally:
        gpu.terminate()
        gpu.wait(30)


def test_tls_admits_those_whom_the_authority_signed(
    recordings: Path, here: str, tiny: Path, tmp_path: Path
) -> None:
    ours, stranger = (Authority(tmp_path / name, name) for name in ("ours", "stranger"))
    node, guest = ours.issue("node"), stranger.issue("guest")

    def flags(prefix: str, ca: Path, shown: Certificate) -> list[str]:
        cert, key = str(shown.certificate), str(shown.key)
        return [f"--tls-{prefix}", str(ca), "--tls-cert", cert, "--tls-key", key]

    with dask_servers(tmp_path, flags("ca-file", ours.certificate, node)) as servers:
        servers.start_worker()
        store = str(tmp_path / "store")

        def run(address: str, *words: str) -> tuple[int, str]:
            done = run_job(recordings, store, tiny, "--scheduler", address, *words)
            return done.returncode, done.stderr.splitlines()[-1] if done.stderr else ""

        code, said = run(servers.address)
        assert (code, "--tls-ca is not given" in said) == (2, True), said
        code, said = run(servers.address, *flags("ca", tmp_path / "no", guest))
        assert (code, f"{tmp_path / 'no'}: no such file" in said) == (2, True), said
        code, said = run(servers.address, *flags("ca", stranger.certificate, guest))
        assert (code, "not of the authority" in said) == (2, True), said
        code, said = run(servers.address.replace("tls", "tcp"))
        assert (code, "no Dask scheduler answers" in said) == (75, True), said
        code, said = run(servers.address, *flags("ca", ours.certificate, guest))
        # Whether the scheduler's refusal comes before its end of the connection is TLS's affair.
        refused = {2: "not of the authority", 75: "no Dask scheduler answers"}
        assert refused.get(code, "no other code") in said, said
        # The scheduler is asked first: nothing was begun.
        assert not Path(store).exists()
        certificates = flags("ca", ours.certificate, node)
        code, said = run(servers.address, *certificates)
        assert code == 0, said
        looked = examine_scheduler(servers.address, certificates)
        assert looked == f"ok      scheduler {servers.address}: 1 worker, 1 thread"
        assert examine_scheduler(servers.address, []).startswith("BROKEN")
    assert content(store) == content(here)
