"""What was made from some recordings: clips, rows of datasets, and compositions."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hdfs_jobs.datasets.store import Store
from nsynth_batch.catalog.catalog import Catalog, Recording
from nsynth_batch.catalog.withheld import DELETED, FORGOTTEN, why_withheld
from nsynth_batch.store.lineage import Derivations, LineageOf
from sequencer.clips.clips import SCORE_SUFFIX


@dataclass
class Derived:
    """What was made from one recording.

    Attributes
    ----------
    clips : list of str
        Ids of clips, of every seed and setting.
    rows : dict of str to int
        How many committed rows are derived from it, by the dataset's path in the store.
    compositions : list of Path
        Scores that play it.
    models : list of str
        Digests of the models that were trained on it and made clips here.
    """

    clips: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    compositions: list[Path] = field(default_factory=list)
    models: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Withdrawn:
    """A recording that may not be used any more, and the clips that were made from it.

    Attributes
    ----------
    file_id, title
        Of the recording.
    why
        ``forgotten`` or ``deleted``.
    clips
        Ids, of every seed and setting.
    models
        Digests of the models that were trained on it and made clips here.
    """

    file_id: str
    title: str
    why: str
    clips: tuple[str, ...]
    models: tuple[str, ...] = ()


def withdrawn(store: Store, lineage_of: LineageOf) -> list[Withdrawn]:
    """Return the recordings of a store that were forgotten, or deleted by their source.

    Parameters
    ----------
    store : Store
        Whose catalog and clips are read.
    lineage_of : callable
        Returns the rule of the step that made a dataset.

    Raises
    ------
    UsageError
        If a dataset that clips were made from is missing.
    """
    recordings = Catalog(store.storage).recordings()
    found = [
        (recording, why)
        for recording in recordings.withheld()
        if (why := why_withheld(recording, recordings).reason) in (FORGOTTEN, DELETED)
    ]
    derived = derived_rows(store, lineage_of, {row.file_id for row, _ in found}, ["clips"])
    return [
        Withdrawn(row.file_id, row.title, why, tuple(one.clips), tuple(one.models))
        for row, why in found
        for one in [derived[row.file_id]]
    ]


def derived_rows(
    store: Store, lineage_of: LineageOf, file_ids: Collection[str], names: Iterable[str]
) -> dict[str, Derived]:
    """Find the committed rows that are derived from some recordings.

    Parameters
    ----------
    store : Store
        Whose datasets are read, those of all settings.
    lineage_of : callable
        Returns the rule of the step that made a dataset.
    file_ids : collection of str
        The recordings.
    names : iterable of str
        The datasets.

    Returns
    -------
    dict of str to Derived
        By file id, one for each that was asked about; their clips and models are sorted.

    Raises
    ------
    UsageError
        If a dataset that another one was made from is missing.
    """
    found = {file_id: Derived() for file_id in file_ids}
    derivations = Derivations(store, lineage_of, found.keys())
    for dataset in (dataset for name in names if found for dataset in store.datasets(name)):
        model, trained_on = derivations.model_of(dataset)
        for file_id in trained_on:
            found[file_id].models.append(model)
        for row_id, parents in derivations.rows(dataset):
            for derived in (found[file_id] for file_id in parents):
                derived.rows[dataset.path] = derived.rows.get(dataset.path, 0) + 1
                if row_id:
                    derived.clips.append(row_id)
    for derived in found.values():
        derived.clips = sorted(set(derived.clips))
        derived.models = sorted(set(derived.models))
    return found


def all_derived(
    store: Store,
    lineage_of: LineageOf,
    recordings: Iterable[Recording],
    folders: Iterable[Path],
) -> tuple[dict[str, Derived], list[str]]:
    """Find everything that was made from some recordings.

    Parameters
    ----------
    store : Store
        Whose datasets are read, all of them.
    lineage_of : callable
        Returns the rule of the step that made a dataset.
    recordings : iterable of Recording
        What is looked for.
    folders : iterable of Path
        Where compositions are, those in folders below too.

    Returns
    -------
    (dict of str to Derived, list of str)
        By file id; and notes on scores that could not be read, which may play any of them.
    """
    file_ids = {recording.file_id for recording in recordings}
    found = derived_rows(store, lineage_of, file_ids, store.names())
    notes = []
    for path in sorted({score for folder in folders for score in folder.rglob(f"*{SCORE_SUFFIX}")}):
        try:
            played = set(_file_ids(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, RecursionError) as error:
            notes.append(f"{path} cannot be read, and may play it: {error}")
            continue
        for file_id in played & found.keys():
            found[file_id].compositions.append(path)
    return found, notes


def _file_ids(content: Any) -> Iterator[str]:
    """Yield every file id that a score names, whatever version it is of."""
    if isinstance(content, dict):
        if isinstance(content.get("file_id"), str):
            yield content["file_id"]
        content = list(content.values())
    if isinstance(content, list):
        for value in content:
            yield from _file_ids(value)
