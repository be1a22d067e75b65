from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from distributed import Client
from distributed.versions import VersionMismatchWarning

from hdfs_jobs.errors import InfrastructureError, UsageError
from hdfs_jobs.runs.cluster import Cluster
from tests.components.daskcluster import dask_servers


@pytest.mark.parametrize("address", ["localhost:8786", "http://host:1", "host", ""])
def test_an_address_of_another_form_is_a_usage_error(address: str) -> None:
    with pytest.raises(UsageError, match="tcp://"):
        Cluster(address)


def test_at_least_one_worker() -> None:
    with pytest.raises(UsageError, match="at least one"):
        Cluster(workers=0)


def test_nothing_at_the_address_is_infrastructure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with (
            Cluster(address, connect_seconds=1.0) as cluster,
            pytest.raises(InfrastructureError, match="no Dask scheduler answers") as error,
        ):
            cluster.client()
    assert "\n" not in str(error.value)


def test_dasks_table_of_versions_is_not_printed(tmp_path: Path) -> None:
    other = tmp_path / "code" / "numpy-0.0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.0.1\n")
    with dask_servers(tmp_path) as servers, warnings.catch_warnings(record=True) as seen:
        servers.start_worker(code=other.parent)
        warnings.simplefilter("always")
        # Dask alone warns: there is a table to print.
        Client(servers.address, set_as_default=False).close()
        assert [each.category for each in seen].count(VersionMismatchWarning) == 1
        with Cluster(servers.address) as cluster:
            cluster.find()
            cluster.client()
        assert [each.category for each in seen].count(VersionMismatchWarning) == 1


def test_workers_are_processes_of_one_thread_on_the_loopback(cluster: Cluster) -> None:
    client = cluster.client()
    workers = client.scheduler_info()["workers"]
    assert len(workers) == 2
    assert {worker["nthreads"] for worker in workers.values()} == {1}
    assert all(address.startswith("tcp://127.0.0.1:") for address in workers)
    pids = set(client.run(os.getpid).values())
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert cluster.client() is client


def test_ctrl_c_is_left_to_the_command(cluster: Cluster) -> None:
    def blocks_it() -> bool:
        return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())

    client = cluster.client()
    pids = client.run(os.getpid)
    assert set(client.run(blocks_it).values()) == {True}
    assert not blocks_it()
    for pid in pids.values():
        os.kill(pid, signal.SIGINT)
    assert client.run(os.getpid) == pids
    # So do those that take the place of workers that died.
    client.restart()
    assert set(client.run(blocks_it).values()) == {True}
    assert not set(client.run(os.getpid).values()) & set(pids.values())


START = """
import signal
import sys
from hdfs_jobs.runs.cluster import Cluster

if __name__ == "__main__":
    # A process that is started in the background has Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Cluster(workers=2) as cluster:
            print("starting", flush=True)
            cluster.client()
            print("started", flush=True)
            sys.stdin.read()
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize("after", [0.0, 0.3, 0.7, 1.2, 2.0, 4.0])
def test_ctrl_c_while_workers_start_ends_the_command_and_them(tmp_path: Path, after: float) -> None:
    """A terminal's goes to the command and to the workers, whatever they are at by then."""
    script = tmp_path / "start.py"
    script.write_text(START)
    command = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    assert command.stdout is not None
    assert command.stdout.readline() == "starting\n"
    time.sleep(after)  # the moment is what is tried
    os.killpg(command.pid, signal.SIGINT)
    _, errors = command.communicate(timeout=120)
    assert (command.returncode, errors) == (130, "")
    with pytest.raises(ProcessLookupError):
        while True:  # what was reparented is waited for by another process
            os.killpg(command.pid, 0)
            time.sleep(0.05)
