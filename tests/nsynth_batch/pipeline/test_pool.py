"""The pool of a seed as a file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from nsynth_batch.pipeline.pairs import PoolSegment
from nsynth_batch.pipeline.pool import Pool, load_pool, pool_path, save_pool

POOL = Pool((PoolSegment("ab" * 20, 1, 2, 3, 195, ("music", "nature")),), 4)


@pytest.fixture
def mashups(tmp_path: Path) -> Dataset:
    return Store.open(str(tmp_path), create=True).dataset("mashups", {})


def test_a_pool_comes_back_as_it_was_kept(mashups: Dataset) -> None:
    assert load_pool(mashups) is None
    save_pool(mashups, POOL)
    assert load_pool(mashups) == POOL


def test_a_damaged_pool_is_named_and_not_to_be_tried_again(
    mashups: Dataset, tmp_path: Path
) -> None:
    save_pool(mashups, POOL)
    file = tmp_path / pool_path(mashups)
    whole = file.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"PAR1" + bytes(len(whole) - 8) + b"PAR1"):
        file.write_bytes(content)
        with pytest.raises(UsageError, match=rf"{file} cannot be read \(.*\): restore it .*--seed"):
            load_pool(mashups)


def test_another_table_is_no_pool(mashups: Dataset, tmp_path: Path) -> None:
    save_pool(mashups, POOL)
    file = tmp_path / pool_path(mashups)
    without_count = pq.read_table(file).replace_schema_metadata({})
    for table in (pa.table({"a": [1]}), without_count):
        pq.write_table(table, file)
        with pytest.raises(UsageError, match=rf"{file} is no pool"):
            load_pool(mashups)
