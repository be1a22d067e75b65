"""What rests on some recordings: rows of datasets, clips, and compositions."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hdfs_jobs.datasets.dataset import Dataset
from hdfs_jobs.datasets.store import Store
from nsynth_batch.catalog.catalog import Catalog, Recording
from nsynth_batch.catalog.withheld import DELETED, FORGOTTEN, bar_of, resting_on
from nsynth_batch.store.layout import planned
from sequencer.clips.clips import SCORE_SUFFIX


@dataclass
class Resting:
    """What rests on one recording.

    Attributes
    ----------
    clips : list of str
        Ids of clips, of every seed and setting.
    rows : dict of str to int
        How many committed rows hold something of it, by the dataset's path in the store.
    compositions : list of Path
        Scores that play it.
    """

    clips: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    compositions: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Gone:
    """A recording that may not be used any more, and the clips that were made of it.

    Attributes
    ----------
    file_id, title
        Of the recording.
    why
        ``forgotten`` or ``deleted``.
    clips
        Ids, of every seed and setting.
    """

    file_id: str
    title: str
    why: str
    clips: tuple[str, ...]


def gone(store: Store) -> list[Gone]:
    """Find the recordings of a store that were forgotten, or deleted by their source.

    Raises
    ------
    UsageError
        If a dataset that clips were made from is missing.
    """
    recordings = Catalog(store.storage).recordings()
    found = [
        (recording, why)
        for recording in recordings.withheld()
        if (why := bar_of(recording, recordings).reason) in (FORGOTTEN, DELETED)
    ]
    resting = clips_resting_on(store, {recording.file_id for recording, _ in found})
    return [
        Gone(recording.file_id, recording.title, why, tuple(resting[recording.file_id].clips))
        for recording, why in found
    ]


def clips_resting_on(store: Store, file_ids: Collection[str]) -> dict[str, Resting]:
    """Find mash-ups and clips that are made of some recordings.

    Returns
    -------
    dict of str to Resting
        By file id, one for each that was asked about; their clips are sorted.

    Raises
    ------
    UsageError
        If a dataset that clips were made from is missing.
    """
    found = {file_id: Resting() for file_id in file_ids}
    if not found:
        return found
    mashed = {dataset.digest: _mashed(dataset, found) for dataset in store.datasets("mashups")}
    for dataset in store.datasets("clips"):
        parents = mashed[planned(store, "mashups", str(dataset.settings["mashups"])).digest]
        for _, table in dataset.tables(["clip_id", "mash_id"]) if parents else ():
            for row in table.to_pylist():
                for file_id in parents.get(row["mash_id"], ()):
                    found[file_id].clips.append(row["clip_id"])
                    _count(found[file_id], dataset)
    for resting in found.values():
        resting.clips = sorted(set(resting.clips))
    return found


def all_resting_on(
    store: Store, recordings: Iterable[Recording], folders: Iterable[Path]
) -> tuple[dict[str, Resting], list[str]]:
    """Find everything that rests on some recordings.

    Parameters
    ----------
    store : Store
        Whose datasets are looked through.
    recordings : iterable of Recording
        What is looked for.
    folders : iterable of Path
        Where compositions are, those in folders below too.

    Returns
    -------
    (dict of str to Resting, list of str)
        By file id; and notes on scores that could not be read, and so may rest on any of them.
    """
    found = clips_resting_on(store, {recording.file_id for recording in recordings})
    for name in ("audio", "encodings"):
        for dataset in store.datasets(name):
            for _, table in dataset.tables(["file_id"]):
                for file_id in table.column("file_id").to_pylist():
                    if file_id in found:
                        _count(found[file_id], dataset)
    notes = []
    for path in sorted({score for folder in folders for score in folder.rglob(f"*{SCORE_SUFFIX}")}):
        try:
            played = set(_file_ids(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, RecursionError) as error:
            notes.append(f"{path} cannot be read, and may rest on it: {error}")
            continue
        for file_id in played & found.keys():
            found[file_id].compositions.append(path)
    return found, notes


def _mashed(mashups: Dataset, found: dict[str, Resting]) -> dict[str, list[str]]:
    """Give the parents, among what is looked for, of each mash-up that has some."""
    parents: dict[str, list[str]] = {}
    for _, table in mashups.tables(["mash_id", "a", "b"]):
        for row in table.take(resting_on(found.keys(), table)).to_pylist():
            names = {row["a"]["file_id"], row["b"]["file_id"]} & found.keys()
            parents[row["mash_id"]] = sorted(names)
            for file_id in names:
                _count(found[file_id], mashups)
    return parents


def _count(resting: Resting, dataset: Dataset) -> None:
    resting.rows[dataset.path] = resting.rows.get(dataset.path, 0) + 1


def _file_ids(content: Any) -> Iterator[str]:
    """Give every file id that a score names, whatever version it is of."""
    if isinstance(content, dict):
        if isinstance(content.get("file_id"), str):
            yield content["file_id"]
        content = list(content.values())
    if isinstance(content, list):
        for value in content:
            yield from _file_ids(value)
