"""A task that runs twice at the same time: one of two commits wins, the other does nothing."""

from __future__ import annotations

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.gc import collect_garbage
from hdfs_jobs.runs.worker import do_shard
from hdfs_jobs.storage.local import LocalStorage
from tests.hdfs_jobs.builders import SETTINGS, begun, job_of, planned, wrong
from tests.hdfs_jobs.job_stages import Plain

ROUNDS = 12


def test_two_processes_at_one_shard_commit_it_once(store: Store) -> None:
    items = [
        wrong(f"{n}{key}", what) for n in range(ROUNDS) for key, what in (("a", ""), ("b", "bad"))
    ]
    dataset = planned(store, items, 2)
    for shard in dataset.shards():
        both = [begun(do_shard, job_of(dataset, Plain(), shard=shard), 1) for _ in range(2)]
        for process in both:
            process.join(60)
        assert [process.exitcode for process in both] == [0, 0]
    assert sorted(dataset.committed()) == list(range(ROUNDS))
    assert dataset.totals().quarantined == ROUNDS
    assert list(dataset.verify()) == []
    # The one that came too late took its own file away, and nothing else.
    assert collect_garbage(store, older_than=-1) == []
    files = {f"{dataset.path}/{summary.file}" for summary in dataset.summaries()}
    found = {e.path for e in store.storage.list(dataset.path) if e.path.endswith(".parquet")}
    assert found == files
    assert len(list(store.storage.list(dataset.quarantine))) == ROUNDS


class LostAnswer(LocalStorage):
    """Publishes a manifest, and then hears that somebody else did."""

    def publish(self, path: str, data: bytes) -> bool:
        published = super().publish(path, data)
        return published and "/manifests/" not in path


def test_a_commit_whose_answer_was_lost_is_no_defeat(store: Store) -> None:
    planned(store, [wrong("a"), wrong("b", "bad")])
    dataset = Dataset(LostAnswer(store.url), "plain", SETTINGS)
    result = do_shard(job_of(dataset, Plain()), 1)
    assert result is not None
    assert result.summary == dataset.manifest(0).summary()
    assert dataset.read(0).num_rows == 5
    assert len(list(store.storage.list(dataset.quarantine))) == 1
    assert list(dataset.verify()) == []
