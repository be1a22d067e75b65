"""Workers that are lost, paused, or not what the plan says: real ones, on a real scheduler."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from distributed import Client, Worker, wait

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import InfrastructureError, UsageError
from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.runs.code import OWN_CODE, ask_worker, check_workers, fault_of
from hdfs_jobs.runs.events import Event, StageOutcome, WorkerLost, WorkersAwaited
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.runner import run_stage
from tests.components.daskcluster import ROOT, DaskServers, dask_servers
from tests.hdfs_jobs.job_stages import Plain
from tests.waiting import until

NO_NANNY = ("--no-nanny",)
DEADLINE = 200.0


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[DaskServers]:
    with dask_servers(tmp_path) as servers:
        yield servers


def planned(store: Store, *wrongs: str) -> Dataset:
    dataset = store.dataset("plain", {})
    what = [Item(f"k{n}", extra={"wrong": wrong}) for n, wrong in enumerate(wrongs)]
    dataset.plan(what, 1)
    return dataset


class Run:
    """A run in a thread, and the events that it has emitted."""

    def __init__(self, dataset: Dataset, address: str, traps: Path, **options: float) -> None:
        self.events: list[Event] = []
        self.stop = threading.Event()
        self._pool = ThreadPoolExecutor(1)
        self.future: Future[StageOutcome] = self._pool.submit(
            self._go, dataset, address, traps, RunOptions(backoff=0.01, **options)
        )

    def _go(self, dataset: Dataset, address: str, traps: Path, options: RunOptions) -> StageOutcome:
        with Cluster(address) as cluster:
            return run_stage(
                dataset,
                Plain(traps=str(traps)),
                cluster=cluster,
                options=options,
                on_event=self.events.append,
                stop=self.stop,
            )

    def wait_for(self, kind: type[Event]) -> Event:
        until(lambda: any(isinstance(e, kind) for e in self.events) or self.future.done(), DEADLINE)
        return next(event for event in self.events if isinstance(event, kind))


def begun(traps: Path) -> int:
    """Wait until a shard that waits has begun; return its number."""
    until(lambda: list(traps.glob("seen-k*")), DEADLINE)
    return int(next(traps.glob("seen-k*")).name.removeprefix("seen-k"))


def test_a_lost_worker_is_named_with_what_it_had(
    store: Store, servers: DaskServers, traps: Path
) -> None:
    dataset = planned(store, "wait", "wait")
    first = servers.start_worker(flags=NO_NANNY)
    with Client(servers.address) as client:
        (address,) = client.scheduler_info()["workers"]
    run = Run(dataset, servers.address, traps)
    shard = begun(traps)
    servers.start_worker(flags=NO_NANNY)
    first.send_signal(signal.SIGKILL)
    lost = run.wait_for(WorkerLost)
    assert isinstance(lost, WorkerLost)
    assert (lost.name, lost.worker) == ("plain", address)
    assert shard in lost.shards
    (traps / "go").touch()
    assert run.future.result(DEADLINE).committed == 2
    assert sum(isinstance(event, WorkerLost) for event in run.events) == 1


def test_a_run_without_workers_says_so_and_gives_up_in_time(
    store: Store, servers: DaskServers, traps: Path
) -> None:
    dataset = planned(store, "wait")
    worker = servers.start_worker(flags=NO_NANNY)
    run = Run(dataset, servers.address, traps, patience=6.0)
    begun(traps)
    worker.send_signal(signal.SIGKILL)
    waiting = run.wait_for(WorkersAwaited)
    assert isinstance(waiting, WorkersAwaited)
    assert waiting.reason == "no worker with a thread is left"
    assert waiting.waited < waiting.patience == 6.0
    with pytest.raises(InfrastructureError, match="no worker with a thread is left for 6 seconds"):
        run.future.result(DEADLINE)


def pause(dask_worker: Worker) -> None:
    """Have Dask pause a worker, as it does where its memory is nearly full."""
    dask_worker.memory_manager.memory_limit = 1 << 40
    dask_worker.memory_manager.memory_pause_fraction = 1e-9


def resume(dask_worker: Worker) -> None:
    dask_worker.memory_manager.memory_pause_fraction = 0.8


PAUSABLE = ("--no-nanny", "--memory-limit", "1TiB")


def test_a_paused_worker_counts_as_absent_until_it_goes_on(
    store: Store, servers: DaskServers, traps: Path
) -> None:
    dataset = planned(store, *["wait"] * 3)
    servers.start_worker(flags=PAUSABLE)
    run = Run(dataset, servers.address, traps)
    begun(traps)
    with Client(servers.address) as client:
        client.run(pause)
        waiting = run.wait_for(WorkersAwaited)
        assert isinstance(waiting, WorkersAwaited)
        assert "memory is nearly full: 1" in waiting.reason
        client.run(resume)
    (traps / "go").touch()
    assert run.future.result(DEADLINE).committed == 3


def test_the_patience_with_paused_workers_ends(
    store: Store, servers: DaskServers, traps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hdfs_jobs.runs.cluster.FIRST_WORKER_SECONDS", 1.0)
    dataset = planned(store, "", "")
    servers.start_worker(flags=PAUSABLE)
    with Client(servers.address) as client:
        client.run(pause)
        until(lambda: statuses(client) == {"paused"}, DEADLINE)
        with (
            Cluster(servers.address) as cluster,
            pytest.raises(InfrastructureError, match="is paused, because its memory"),
        ):
            cluster.client()
        client.run(resume)
    monkeypatch.undo()
    run = Run(dataset, servers.address, traps, patience=60.0)
    assert run.future.result(DEADLINE).committed == 2


def statuses(client: Client) -> set[str]:
    return {worker["status"] for worker in client.scheduler_info()["workers"].values()}


def test_a_stop_does_not_wait_for_what_a_paused_worker_will_not_begin(
    store: Store, servers: DaskServers, traps: Path
) -> None:
    dataset = planned(store, *["wait"] * 4)
    servers.start_worker(flags=PAUSABLE)
    run = Run(dataset, servers.address, traps)
    shard = begun(traps)
    with Client(servers.address) as client:
        client.run(pause)
        until(lambda: statuses(client) == {"paused"}, DEADLINE)
    run.stop.set()
    (traps / "go").touch()
    outcome = run.future.result(DEADLINE)
    assert (outcome.committed, outcome.drained) == (1, True)
    assert sorted(dataset.committed()) == [shard]


def test_a_stop_does_not_wait_for_workers(store: Store, servers: DaskServers, traps: Path) -> None:
    dataset = planned(store, "wait", "wait")
    worker = servers.start_worker(flags=NO_NANNY)
    run = Run(dataset, servers.address, traps, patience=600.0)
    begun(traps)
    worker.send_signal(signal.SIGKILL)
    run.wait_for(WorkersAwaited)
    run.stop.set()
    outcome = run.future.result(DEADLINE)
    assert (outcome.committed, outcome.drained) == (0, True)


def other_code(folder: Path) -> Path:
    """Copy the package with one line that differs: no exception tells that a factor is another."""
    shutil.copytree(ROOT / "hdfs_jobs", folder / "hdfs_jobs")
    stage = folder / "hdfs_jobs" / "runs" / "stage.py"
    stage.write_text(stage.read_text() + "\nFACTOR = 0.5\n")
    return folder


def no_code(folder: Path) -> Path:
    """A worker to which the package is not installed."""
    package = folder / "hdfs_jobs"
    package.mkdir(parents=True)
    line = "raise ModuleNotFoundError(\"No module named 'hdfs_jobs'\", name='hdfs_jobs')\n"
    (package / "__init__.py").write_text(line)
    return folder


CASES = pytest.mark.parametrize(
    ("make", "said"),
    [(other_code, "runs other code (hdfs_jobs "), (no_code, "No module named 'hdfs_jobs'")],
)


@CASES
def test_a_worker_with_other_code_gets_no_shard(
    store: Store,
    servers: DaskServers,
    traps: Path,
    tmp_path: Path,
    make: Callable[[Path], Path],
    said: str,
) -> None:
    dataset = planned(store, *[""] * 4)
    servers.start_worker(code=make(tmp_path / "code"))
    run = Run(dataset, servers.address, traps)
    with pytest.raises(UsageError) as refused:
        run.future.result(DEADLINE)
    line = str(refused.value)
    assert said in line and "worker" in line and "\n" not in line
    assert dataset.committed() == {}
    with Client(servers.address) as client, pytest.raises(UsageError) as found:
        check_workers(client, OWN_CODE, DEADLINE)
    assert said in str(found.value)


@CASES
def test_a_worker_that_joins_later_shows_its_code_as_well(
    store: Store,
    servers: DaskServers,
    traps: Path,
    tmp_path: Path,
    make: Callable[[Path], Path],
    said: str,
) -> None:
    dataset = planned(store, *["wait"] * 6)
    servers.start_worker()
    run = Run(dataset, servers.address, traps)
    begun(traps)
    servers.start_worker(code=make(tmp_path / "code"))
    with pytest.raises(UsageError) as refused:
        run.future.result(DEADLINE)
    assert said in str(refused.value)
    assert dataset.committed() == {}


def test_a_worker_that_dies_after_its_answer_is_not_waited_for(servers: DaskServers) -> None:
    worker = servers.start_worker(flags=NO_NANNY)
    with Client(servers.address) as client:
        [address] = client.scheduler_info()["workers"]
        answer = ask_worker(client, OWN_CODE, OWN_CODE.proof(), address)
        wait(answer, timeout=DEADLINE)
        worker.kill()
        until(lambda: not client.scheduler_info()["workers"], DEADLINE)
        assert fault_of(answer, "worker") is None


def test_a_worker_that_dies_before_it_answers_takes_its_question_with_it(
    store: Store, servers: DaskServers, traps: Path
) -> None:
    dataset = planned(store, *["wait"] * 4)
    servers.start_worker(flags=NO_NANNY)
    run = Run(dataset, servers.address, traps, patience=600.0)
    begun(traps)
    silent = servers.start_worker(flags=NO_NANNY)
    silent.send_signal(signal.SIGSTOP)
    (traps / "go").touch()
    until(lambda: len(dataset.committed()) >= 1, DEADLINE)
    silent.kill()
    assert run.future.result(DEADLINE).committed == 4


def test_workers_with_this_code_are_all_right(servers: DaskServers) -> None:
    servers.start_worker()
    servers.start_worker()
    with Client(servers.address) as client:
        check_workers(client, OWN_CODE, DEADLINE)


def test_a_worker_that_answers_nothing_is_named(servers: DaskServers) -> None:
    worker = servers.start_worker(flags=NO_NANNY)
    with Client(servers.address) as client:
        os.kill(worker.pid, signal.SIGSTOP)
        try:
            with pytest.raises(InfrastructureError, match="1 of 1 workers, such as tcp://"):
                check_workers(client, OWN_CODE, 1.0)
        finally:
            os.kill(worker.pid, signal.SIGCONT)
