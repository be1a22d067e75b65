"""The lists of recordings that models were trained on, as a store keeps them for its clips."""

from __future__ import annotations

from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage
from nsynth_batch.catalog.tables import read_table
from nsynth_batch.store.lineage import corpus_path
from sequencer.clips.corpus import Corpus
from sequencer.rights.rights import Rights
from sequencer.rights.sources_csv import SourceRow

_RIGHTS = tuple(Rights().to_json())
_SCHEMA = pa.schema(
    [
        ("file_id", pa.string()),
        *((name, pa.string()) for name in _RIGHTS),
        ("categories", pa.list_(pa.string())),
        ("url", pa.string()),
        ("seconds", pa.float64()),
    ]
)
_REMEDY = "restore it from a copy, or generate again with the model"


def save_corpus(storage: Storage, corpus: Corpus) -> None:
    """Keep the list of recordings behind a model in a store, unless it is there."""
    path = corpus_path(corpus.digest)
    if storage.exists(path):
        return
    rows = [
        {
            "file_id": row.file,
            **row.rights.to_json(),
            "categories": list(row.categories),
            "url": row.url,
            "seconds": row.seconds,
        }
        for row in corpus.recordings
    ]
    # Another process may write the same list.
    with suppress(FileExistsError), storage.create(path) as stream:
        pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), stream, compression="zstd")


def load_corpus(storage: Storage, digest: str) -> Corpus:
    """Return the list of recordings behind a model.

    Raises
    ------
    UsageError
        If it is missing, or is not the list of this digest.
    """
    path = corpus_path(digest)
    try:
        table = read_table(storage, path, _REMEDY)
    except FileNotFoundError:
        raise UsageError(f"{storage.url}/{path} is missing: {_REMEDY}") from None
    if not table.schema.equals(_SCHEMA):
        raise UsageError(f"{storage.url}/{path} is no list of this version: {_REMEDY}")
    corpus = Corpus.of(
        SourceRow(
            row["file_id"],
            Rights(**{name: row[name] for name in _RIGHTS}),
            tuple(row["categories"]),
            row["url"],
            row["seconds"],
        )
        for row in table.to_pylist()
    )
    if corpus.digest != digest:
        raise UsageError(f"{storage.url}/{path} is not the list that was kept: {_REMEDY}")
    return corpus
