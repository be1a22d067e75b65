"""How much of a stage's input was lost: what the exit code and the status count."""

from __future__ import annotations

import pickle
from pathlib import Path

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.plan import Item, RowRange
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.runs.job import ShardJob
from hdfs_jobs.runs.worker import do_shard
from nsynth_batch.pipeline.mash import mash_items
from nsynth_batch.pipeline.pairs import PoolSegment
from nsynth_batch.pipeline.run import excess
from nsynth_batch.pipeline.steps import step_named
from nsynth_batch.settings.settings import load_settings
from nsynth_batch.store.status import reasons, status_of
from tests.hdfs_jobs.job_stages import Plain


def done(dataset: Dataset, items: list[Item], upstream: Dataset | None = None) -> Dataset:
    dataset.plan(items, len(items))
    shard = next(iter(dataset.pending()))
    paths = upstream.data_paths() if upstream else {}
    storage = upstream.storage if upstream else None
    stage = pickle.dumps(Plain(rows=8))
    do_shard(ShardJob(dataset, shard, stage, storage, paths, {}, None, False, "no", {}), 1)
    return dataset


def test_every_mash_up_of_a_lost_batch_counts(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path), create=True)
    mashups = done(store.dataset("mashups", {}), [Item(str(n)) for n in range(10)])
    batches = [
        Item(f"batch {n}", rows=(RowRange(0, 8 * n, 8 * n + 8),), extra={"wrong": wrong})
        for n, wrong in enumerate(["", *["bad"] * 9])
    ]
    clips = done(store.dataset("clips", {}), batches, mashups)
    assert status_of(clips).rows == 8
    assert status_of(clips).quarantined == 72
    assert reasons(clips) == {"odd": 72}
    settings = load_settings({"store": "my-store", "max_bad_fraction": 0.5})
    [problem] = excess(step_named("decode"), clips, settings)
    assert problem.exit_code == 3
    assert problem.message.startswith("72 of 80 in clips were quarantined")
    assert "`nsynth-batch status --quarantine --store my-store` lists them" in problem.message
    assert not list(excess(step_named("decode"), clips, load_settings({"max_bad_fraction": 0.9})))


def test_a_lost_mash_up_counts_once_though_it_has_two_parents() -> None:
    a, b = PoolSegment("a", 1, 2, 3, 195), PoolSegment("b", 4, 5, 6, 195)
    assert [item.lost_rows for item in mash_items([(a, b)])] == [1]
