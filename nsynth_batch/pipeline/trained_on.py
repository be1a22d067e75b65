"""Whose recordings a training learns from: the list that its model carries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.catalog.catalog import Catalog
from nsynth_batch.catalog.content import content_sha1
from nsynth_batch.models.checkpoint import POINTER, load_checkpoint
from nsynth_batch.models.model import trained_on
from nsynth_batch.models.weights import Weights
from nsynth_batch.sources.folder import FolderSource
from nsynth_batch.training.corpus import Corpus
from sequencer.clips.corpus import Corpus as Behind
from sequencer.rights.rights import Rights
from sequencer.rights.sources_csv import SourceRow


def rows_of_store(store: Store, corpus: Corpus) -> list[SourceRow]:
    """Return the recordings of a corpus that was read from a store, with what its catalog knows.

    Parameters
    ----------
    store : Store
    corpus : Corpus
        Named by file ids.
    """
    recordings = Catalog(store.storage).recordings()
    rows = []
    for file_id, seconds in _lengths(corpus):
        known = recordings.get(file_id)
        rights = Rights() if known is None else known.rights()
        categories = () if known is None else known.categories
        rows.append(SourceRow(file_id, rights, categories, seconds=seconds))
    return rows


def rows_of_folder(folder: Path, corpus: Corpus) -> list[SourceRow]:
    """Return the recordings of a corpus that was read from a folder, with what stands beside them.

    Parameters
    ----------
    folder : Path
        With a sources.csv, or several, for rights.
    corpus : Corpus
        Named by paths below the folder.

    Raises
    ------
    SequencerError
        If a table of rights is damaged.
    """
    try:
        offers = {offer.path: offer for offer in FolderSource(open_storage(str(folder))).offers()}
    except UsageError:
        # Nothing but what this program made: it has no rights of its own.
        offers = {}
    rows = []
    for name, seconds in _lengths(corpus):
        with (folder / name).open("rb") as stream:
            file_id = content_sha1(stream)
        offer = offers.get(name)
        rights = Rights(title=Path(name).stem) if offer is None else offer.rights
        categories = () if offer is None else offer.categories
        rows.append(SourceRow(file_id, rights, categories, seconds=seconds))
    return rows


def learned_before(models: Iterable[Weights[Any] | None]) -> list[SourceRow]:
    """Return the recordings that some models were trained on, as far as their files list them."""
    lists = (trained_on(weights.metadata) for weights in models if weights is not None)
    return [row for one in lists if one is not None for row in one.recordings]


def saved_model(folder: str) -> Weights[Any] | None:
    """Return the model that a training has saved in a folder; None where there is none."""
    if not open_storage(folder).exists(POINTER):
        return None
    return load_checkpoint(folder)


def united(rows: Iterable[SourceRow]) -> Behind:
    """Return some recordings as one list; of one that is there twice, the longest and first named.

    Raises
    ------
    SequencerError
        If there is none.
    """
    found: dict[str, SourceRow] = {}
    for row in rows:
        first = found.get(row.file, row)
        found[row.file] = replace(first, seconds=max(first.seconds, row.seconds))
    return Behind.of(found.values())


def _lengths(corpus: Corpus) -> Iterator[tuple[str, float]]:
    for name, samples in corpus.recordings():
        if len(samples):
            yield name, round(len(samples) / corpus.sample_rate, 3)
