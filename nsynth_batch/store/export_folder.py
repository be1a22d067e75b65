"""The folder of an export of clips: a new one, or one that the same store was exported to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from hdfs_jobs.datasets.store import MARKER, Store
from hdfs_jobs.errors import UsageError
from nsynth_batch.store.clip_names import ID_IN_NAME
from nsynth_batch.store.parent_sounds import PARENTS
from sequencer.clips.clips import CLIPS_NAME, read_clips_jsonl, sound_files
from sequencer.errors import SequencerError
from sequencer.rights.source_names import is_sources_name
from sequencer.text import counted

_ADVICE = "give clips an empty or a new folder"
_SHOWN = 3
_PARENT = re.compile(rf"{PARENTS}/.+-[0-9a-f]{{12}}\.flac")


def listed_before(folder: Path, store: Store) -> dict[str, str]:
    """Return the clips that an earlier export of the store listed in a folder: file by id.

    With the index gone, what a killed export wrote is known by the ids in its names.

    Raises
    ------
    UsageError
        If the folder is a file or a store; lists clips that the store does not hold; or holds
        sounds or rights of another kind, which an index of clips would hide.
    """
    if folder.is_file() or (folder / MARKER).exists():
        kind = "file" if folder.is_file() else "store"
        raise UsageError(f"{folder} is a {kind}: {_ADVICE}")
    if not folder.is_dir():
        return {}
    index = folder / CLIPS_NAME
    if index.is_file():
        listed = _listed(index)
        if strange := _not_of(store, listed):
            raise UsageError(
                f"{index} lists {counted(len(strange), 'clip')} that {store.url} does not hold, as "
                f"{min(listed[clip_id] for clip_id in strange)}: {_ADVICE}"
            )
        return listed
    tables = [path.name for path in sorted(folder.iterdir()) if is_sources_name(path.name)]
    if others := [*tables, *_other_sounds(folder, store)]:
        more = f" and {len(others) - _SHOWN:,} more" if len(others) > _SHOWN else ""
        raise UsageError(
            f"{folder} holds {', '.join(others[:_SHOWN])}{more}, which {CLIPS_NAME} would hide: "
            f"{_ADVICE}"
        )
    return {}


def _listed(index: Path) -> dict[str, str]:
    try:
        return {clip.clip_id: clip.file for clip in read_clips_jsonl(index)}
    except SequencerError as error:
        raise UsageError(f"{error}: {_ADVICE}") from error


def _not_of(store: Store, clip_ids: Iterable[str]) -> set[str]:
    left = set(clip_ids)
    for clip_id in _ids(store):
        if not left:
            break
        left.discard(clip_id)
    return left


def _ids(store: Store) -> Iterator[str]:
    for dataset in store.datasets("clips"):
        for _, table in dataset.tables(["clip_id"]):
            yield from table.column("clip_id").to_pylist()


def _other_sounds(folder: Path, store: Store) -> list[str]:
    names = sorted(str(path) for path in sound_files(folder))
    named = {name: found[1] for name in names if (found := ID_IN_NAME.fullmatch(name))}
    unknown = set(named.values())
    lengths = {len(digits) for digits in unknown}
    for clip_id in _ids(store) if unknown else ():
        unknown -= {clip_id[:length] for length in lengths}
    return [
        name
        for name in names
        if named.get(name, "") in unknown | {""} and not _PARENT.fullmatch(name)
    ]
