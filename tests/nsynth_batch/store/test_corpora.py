"""The lists of recordings behind models, as a store keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from nsynth_batch.store.corpora import load_corpus, save_corpus
from nsynth_batch.store.lineage import corpus_path
from sequencer.clips.corpus import Corpus
from sequencer.rights.rights import Rights
from sequencer.rights.sources_csv import SourceRow

BEHIND = Corpus.of(
    [
        SourceRow("1" * 40, Rights("Rain", "Ann", "CC-BY-4.0"), ("rain;", "wood"), "", 12.5),
        SourceRow("2" * 40, Rights("Wind\nand more", "Bob", "CC0-1.0"), seconds=30.0),
    ]
)


def test_the_list_behind_clips_comes_back_and_another_is_refused(tmp_path: Path) -> None:
    storage = Store.open(str(tmp_path / "store"), create=True).storage
    save_corpus(storage, BEHIND)
    save_corpus(storage, BEHIND)
    assert load_corpus(storage, BEHIND.digest) == BEHIND
    with pytest.raises(UsageError, match="is missing"):
        load_corpus(storage, "0" * 64)
    data = storage.read_bytes(corpus_path(BEHIND.digest))
    storage.replace(corpus_path("0" * 64), data)
    with pytest.raises(UsageError, match="is not the list that was kept"):
        load_corpus(storage, "0" * 64)
