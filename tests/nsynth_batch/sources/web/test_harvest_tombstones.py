"""Recordings that were forgotten, and harvests of the wiki that still has them."""

from __future__ import annotations

from pathlib import Path

from hdfs_jobs.datasets.store import Store
from nsynth_batch.catalog.tombstones import Tombstone, add_tombstone
from tests.components.faults import FaultProxy
from tests.nsynth_batch.sources import wikis


def test_a_wikis_file_is_not_fetched_again_whatever_its_version(
    front: FaultProxy, tmp_path: Path
) -> None:
    source = "commons:Category:Gulls"
    wikis.harvest(front, tmp_path, source, depth=0)
    gull = wikis.catalog(tmp_path)["File:Gull two.wav"]
    store = Store.open(str(tmp_path))
    # As if what was forgotten had been another version of the file.
    add_tombstone(store.storage, Tombstone("ab" * 20, page_url=gull.page_url))
    store.storage.delete(gull.raw_url)
    front.reset()
    done = wikis.harvest(front, tmp_path, source, depth=0)
    assert (done.found, done.forgotten, done.added) == (2, 1, 0)
    assert not store.storage.exists(gull.raw_url)
    assert not any("two" in request.path for request in front.seen)
