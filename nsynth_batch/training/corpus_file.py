"""A corpus beside a training, on its storage, for workers that learn from the same samples."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import numpy as np

from hdfs_jobs.canonical_json import Json, canonical_json
from hdfs_jobs.storage.base import Storage
from nsynth_batch.training.corpus import Corpus, Samples

_BLOCK = 1 << 20
"""Samples that are read or written at once."""


def publish_corpus(corpus: Corpus, storage: Storage) -> str:
    """Write a corpus, unless it is there already; return its name.

    It takes two bytes a sample. Its name is made from its content.
    """
    digest = hashlib.sha256(str(corpus.sample_rate).encode())
    for name, samples in corpus.recordings():
        digest.update(f"\0{name}\0{len(samples)}\0".encode())
        for block in _blocks(samples):
            digest.update(block.data)
    corpus_name = f"corpus-{digest.hexdigest()[:16]}"
    if storage.exists(f"{corpus_name}.json"):
        return corpus_name
    storage.delete(f"{corpus_name}.s16")
    with storage.create(f"{corpus_name}.s16") as stream:
        for _, samples in corpus.recordings():
            for block in _blocks(samples):
                stream.write(block.tobytes())
    recordings: Json = [[name, len(samples)] for name, samples in corpus.recordings()]
    listed: Json = {"sample_rate": corpus.sample_rate, "recordings": recordings}
    storage.publish(f"{corpus_name}.json", canonical_json(listed))
    return corpus_name


def published_corpus(storage: Storage, name: str) -> Corpus:
    """Read a corpus back."""
    listed = json.loads(storage.read_bytes(f"{name}.json"))
    with storage.open(f"{name}.s16") as stream:

        def blocks(samples: int) -> Iterator[Samples]:
            for at in range(0, samples, _BLOCK):
                data = stream.read(2 * min(_BLOCK, samples - at))
                yield np.frombuffer(data, dtype="<i2")

        recordings = ((title, blocks(samples)) for title, samples in listed["recordings"])
        return Corpus(recordings, listed["sample_rate"])


def delete_corpora(storage: Storage) -> None:
    """Delete what `publish_corpus` wrote beside a training."""
    for entry in list(storage.list()):
        if entry.name.startswith("corpus-") and entry.name.endswith((".json", ".s16")):
            storage.delete(entry.name)


def _blocks(samples: Samples) -> Iterator[Samples]:
    for at in range(0, len(samples), _BLOCK):
        yield np.ascontiguousarray(samples[at : at + _BLOCK], dtype="<i2")
