from __future__ import annotations

import os
import signal
import socket

import pytest

from hdfs_jobs.errors import InfrastructureError, UsageError
from hdfs_jobs.runs.cluster import Cluster


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
