"""A pair of NameNodes, of which the active one dies in the middle of writes."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hdfs_jobs.cluster import Cluster
from hdfs_jobs.storage import open_storage
from tests.components.hadoop import Hdfs
from tests.components.needs import need
from tests.hdfs_jobs.hdfs_trials import SCHEMES, hashes, planned, top, with_an_event


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hdfs]:
    need("hdfs")
    with Hdfs(tmp_path_factory.mktemp("hdfs-pair"), ha=True) as running:
        yield running


@pytest.fixture
def lose_the_active_one(pair: Hdfs) -> Iterator[Callable[[], None]]:
    dead = pair.active

    def happens() -> None:
        dead.kill()
        pair.fail_over()

    yield happens
    dead.start()  # as the one that stands by


@pytest.mark.parametrize("scheme", SCHEMES)
def test_writes_go_on_with_the_other_one(
    pair: Hdfs, scheme: str, hdfs_folder: str, lose_the_active_one: Callable[[], None]
) -> None:
    storage = open_storage(top(pair, scheme) + hdfs_folder)
    large, sent = hashlib.sha256(), hashlib.sha256()
    published: list[bool] = []
    over = threading.Event()

    def publish() -> None:
        while not over.is_set():
            name = f"small/{len(published)}"
            published.append(storage.publish(name, name.encode()))

    writer = threading.Thread(target=publish)
    with storage.create("large") as stream:
        for number in range(100):
            block = bytes([number]) * (1 << 20)
            if number == 80:  # it is on its way since it is too large to be kept here
                writer.start()
                lose_the_active_one()
            stream.write(block)
            sent.update(block)
    over.set()
    writer.join()
    with storage.open("large") as stream:
        while block := stream.read(1 << 20):
            large.update(block)
    assert large.digest() == sent.digest()
    assert published and all(published)
    names = {entry.path for entry in storage.walk(temporary=True)}
    assert names == {"large", *(f"small/{number}" for number in range(len(published)))}
    assert all(storage.read_bytes(name) == name.encode() for name in names - {"large"})


def test_a_job_goes_on_with_the_other_one(
    pair: Hdfs,
    hdfs_folder: str,
    cluster: Cluster,
    lose_the_active_one: Callable[[], None],
    traps: Path,
    undisturbed: list[str],
) -> None:
    dataset = planned(pair.webhdfs_url + hdfs_folder)
    with_an_event(dataset, cluster, traps, lose_the_active_one)
    assert hashes(dataset) == undisturbed
