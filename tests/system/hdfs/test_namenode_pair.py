"""A pair of NameNodes, of which the active one dies in the middle of writes."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hdfs_jobs.runs.cluster import Cluster
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from hdfs_jobs.storage.remote import PassingError
from tests.components.hadoop import SCHEMES, Hdfs
from tests.components.needs import need
from tests.system.hdfs.trials import hashes, planned, with_an_event
from tests.waiting import until


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


def write_large(storage: Storage, at: Callable[[int], None]) -> bytes:
    """Write 100 MiB, which is on its way before it is whole; give its digest."""
    sent = hashlib.sha256()
    with storage.create("large") as stream:
        for number in range(100):
            at(number)
            block = bytes([number]) * (1 << 20)
            stream.write(block)
            sent.update(block)
    return sent.digest()


def written_again(storage: Storage) -> bytes | None:
    """Write it again; return None where that fails for what passes."""
    try:
        return write_large(storage, lambda number: None)
    except PassingError:
        assert not storage.exists("large")
        return None


@pytest.mark.parametrize("scheme", SCHEMES)
def test_writes_go_on_with_the_other_one(
    pair: Hdfs, scheme: str, hdfs_folder: str, lose_the_active_one: Callable[[], None]
) -> None:
    storage = open_storage(pair.url(scheme) + hdfs_folder)
    large = hashlib.sha256()
    published: list[bool] = []
    over = threading.Event()

    def publish() -> None:
        while not over.is_set():
            name = f"small/{len(published)}"
            published.append(storage.publish(name, name.encode()))

    def event(number: int) -> None:
        if number == 80:
            writer.start()
            lose_the_active_one()

    writer = threading.Thread(target=publish)
    try:
        sent = write_large(storage, event)
    except OSError:
        # What was sent cannot be sent again: an attempt at a shard fails then, and leaves nothing
        # that counts.
        assert not storage.exists("large")
        # The only DataNode may be left out until it has reported to the other NameNode; a shard is
        # tried again as well.
        sent = until(lambda: written_again(storage))
    over.set()
    writer.join()
    with storage.open("large") as stream:
        while block := stream.read(1 << 20):
            large.update(block)
    assert large.digest() == sent
    assert published and all(published)
    names = {entry.path for entry in storage.walk()}
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
