from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.storage.local import LocalStorage
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.corpus_file import delete_corpora, publish_corpus, published_corpus


@given(lengths=st.lists(st.integers(0, 3000), max_size=4), rate=st.sampled_from([8000, 44_100]))
def test_a_corpus_comes_back_as_it_was(lengths: list[int], rate: int) -> None:

    draw = np.random.default_rng(1)
    recordings = [(f"ä {k}", draw.integers(-9, 9, n).astype("<i2")) for k, n in enumerate(lengths)]
    corpus = Corpus([(name, [samples]) for name, samples in recordings], rate)
    with tempfile.TemporaryDirectory() as folder:
        storage = LocalStorage(folder)
        name = publish_corpus(corpus, storage)
        found = published_corpus(storage, name)
        assert found.sample_rate == rate
        assert [title for title, _ in found.recordings()] == corpus.names
        for (_, before), (_, after) in zip(recordings, found.recordings(), strict=True):
            assert np.array_equal(before, after)
        assert publish_corpus(found, storage) == name
        Path(folder, "model.json").touch()
        delete_corpora(storage)
        assert [path.name for path in Path(folder).iterdir()] == ["model.json"]
