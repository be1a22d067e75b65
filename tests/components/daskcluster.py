"""A Dask scheduler and workers as processes of their own, as an operator starts them; or forks."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import forkserver
from pathlib import Path

import dask.config
from distributed import Client, LocalCluster

from hdfs_jobs.runs.cluster import Cluster

LOOPBACK = "127.0.0.1"
ROOT = Path(__file__).parents[2]
_READY_SECONDS = 240.0
_PATH_FIRST = """
import sys
from importlib.machinery import PathFinder
sys.meta_path.insert(0, PathFinder)
"""
"""Where the package is installed to be edited, a finder of its own knows its modules before any
folder of PYTHONPATH is looked into."""


@contextmanager
def worker_threads(workers: int, *, threads: int = 1) -> Iterator[Client]:
    """Start workers that are threads of this process; yield a client of them."""
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=threads,
            processes=False,
            # All count the memory of this one process, which may have TensorFlow in it.
            memory_limit=0,
            protocol="tcp",
            host=LOOPBACK,
            dashboard_address=f"{LOOPBACK}:0",
        ) as local,
        Client(local) as client,
    ):
        yield client


class DaskServers:
    """One scheduler, any number of workers with a Nanny each.

    Parameters
    ----------
    folder : Path
        For logs and the workers' scratch space.
    tls : sequence of str
        The command line's ``--tls-…`` flags; with any, the scheduler speaks TLS alone.
    scheduler_flags : sequence of str
        More flags for the scheduler.
    """

    def __init__(
        self, folder: Path, tls: Sequence[str] = (), scheduler_flags: Sequence[str] = ()
    ) -> None:
        self._folder = folder
        self._tls = list(tls)
        self._scheduler_flags = list(scheduler_flags)
        self._started: list[subprocess.Popen[bytes]] = []
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            port = probe.getsockname()[1]
        self.address = f"{'tls' if tls else 'tcp'}://{LOOPBACK}:{port}"
        self._port = port
        self.scheduler = self.start_scheduler()

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        """Start the scheduler, or start it again after it was killed."""
        flags = ["--host", LOOPBACK, "--port", str(self._port), "--no-dashboard"]
        flags += self._scheduler_flags
        if self._tls:
            flags += ["--protocol", "tls"]
        return self._start("scheduler", *flags, *self._tls)

    def start_worker(
        self,
        *,
        resources: Mapping[str, float] | None = None,
        flags: Sequence[str] = (),
        code: Path = ROOT,
    ) -> subprocess.Popen[bytes]:
        """Start a worker of one thread; its Nanny is the process that is returned.

        It imports the product, and the tests' own stages, from the folder `code`.
        """
        if code != ROOT:
            (code / "sitecustomize.py").write_text(_PATH_FIRST)
        offers = " ".join(f"{name}={n:g}" for name, n in (resources or {}).items())
        return self._start(
            *("worker", self.address, "--nworkers", "1", "--nthreads", "1", "--no-dashboard"),
            *("--memory-limit", "0", "--local-directory", str(self._folder)),
            *(("--resources", offers) if offers else ()),
            *flags,
            *self._tls,
            code=code,
        )

    def stop(self) -> None:
        """End everything that was started, workers first."""
        for process in reversed(self._started):
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process in reversed(self._started):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, *arguments: str, code: Path = ROOT) -> subprocess.Popen[bytes]:
        log = self._folder / f"{arguments[0]}-{len(self._started)}.log"
        dask = Path(sys.executable).with_name("dask")
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [dask, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env={**os.environ, "PYTHONPATH": f"{code}{os.pathsep}{ROOT}"},
            )
        self._started.append(process)
        ready = b"Scheduler at:" if arguments[0] == "scheduler" else b"Registered to:"
        deadline = time.monotonic() + _READY_SECONDS
        while ready not in log.read_bytes():
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"dask {arguments[0]} did not start: {log.read_text()}")
            time.sleep(0.05)
        return process


@contextmanager
def dask_servers(
    folder: Path, tls: Sequence[str] = (), scheduler_flags: Sequence[str] = ()
) -> Iterator[DaskServers]:
    """Start a scheduler and end it, with its workers, after the block."""
    servers = DaskServers(folder, tls, scheduler_flags)
    try:
        yield servers
    finally:
        servers.stop()


@contextmanager
def forking(*modules: str) -> Iterator[None]:
    """Have workers that this process starts be copies of one that has imported some modules.

    That is the first of its kind here. A worker of its own making imports them each time, which for
    TensorFlow takes longer than a small training.
    """
    multiprocessing.set_forkserver_preload(["distributed", *modules])
    forkserver.ensure_running()
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        yield


@contextmanager
def forked_workers(count: int, *modules: str) -> Iterator[Client]:
    """Start such workers, which come back when they are killed, and end them after the block."""
    with forking(*modules), Cluster(workers=count) as cluster:
        yield cluster.client()
