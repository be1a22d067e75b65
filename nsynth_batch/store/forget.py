"""Forget recordings: nothing is made of them any more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from nsynth_batch.catalog.catalog import Recording, Recordings
from nsynth_batch.catalog.content import RAW
from nsynth_batch.catalog.tombstones import Tombstone, add_tombstone
from nsynth_batch.store.lineage import ItemKey, pending_recordings
from nsynth_batch.text import command_line, one_line

_SHORTEST_PREFIX = 7
_SHOWN = 10


def find(recordings: Recordings, names: Sequence[str]) -> list[Recording]:
    """Find the recordings that a person means.

    Parameters
    ----------
    recordings : Recordings
        The catalog.
    names : sequence of str
        Each a file id or the first digits of one, at least seven; a title, a page's address, or
        the path that the source had it under. A file of a wiki is meant with all its versions.

    Raises
    ------
    UsageError
        If a name fits no recording, or several.
    """
    wanted: dict[str, list[Recording]] = {name: [] for name in names}
    keys = {name: (name.removeprefix("File:"), _page(name)) for name in names}
    for recording in recordings.rows():
        page = _page(recording.page_url)
        for name, (title, address) in keys.items():
            if (
                name in (recording.title, recording.source_path)
                or title in (recording.title, recording.source_path)
                or recording.source_path == f"File:{title}"
                or (address and address == page)
                or _is_prefix(name, recording.file_id)
            ):
                wanted[name].append(recording)
    meant = (row for name, found in wanted.items() for row in _meant(name, found))
    return list({row.file_id: row for row in meant}.values())


def forget(store: Store, recordings: Sequence[Recording], reason: str) -> None:
    """Add a tombstone for each recording; from a wiki, for its page as well."""
    for recording in recordings:
        page = recording.page_url if recording.revision is not None else ""
        add_tombstone(store.storage, Tombstone(recording.file_id, recording.title, page, reason))


def erasable(store: Store, recordings: Sequence[Recording]) -> list[str]:
    """Return the paths in the store that hold the bytes of recordings as they came.

    Raises
    ------
    UsageError
        If shards that are to be cut from them are planned and not committed, for those could
        never be completed.
    """
    ids = {recording.file_id for recording in recordings}
    for dataset in store.datasets("audio"):
        if waiting := ids & pending_recordings(dataset, None, ItemKey()):
            raise UsageError(
                f"{', '.join(sorted(waiting))} is planned in {dataset.path} and not cut yet: "
                f"forget it first, complete that by {command_line('shard', store.url)}, which "
                "quarantines it, and erase it then; or delete that dataset and its plan under "
                "runs/plans"
            )
    paths = (recording.raw_url for recording in recordings)
    return [path for path in paths if path.startswith(f"{RAW}/") and store.storage.exists(path)]


def _is_prefix(name: str, file_id: str) -> bool:
    pattern = rf"[0-9a-fA-F]{{{_SHORTEST_PREFIX},40}}"
    return bool(re.fullmatch(pattern, name)) and file_id.startswith(name.lower())


def _page(address: str) -> str:
    """Return a page's address in one spelling; empty for what is no address."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https"):
        return ""
    query = f"?{parts.query}" if parts.query else ""
    return f"//{parts.netloc.lower()}{unquote(parts.path).replace(' ', '_').rstrip('/')}{query}"


def _meant(name: str, found: Sequence[Recording]) -> Sequence[Recording]:
    pages = {row.page_url if row.revision is not None else row.file_id for row in found}
    if len(pages) == 1:
        # One, or the versions of one file of a wiki.
        return found
    if not found:
        raise UsageError(
            f"{name}: no recording of this file id, title, page or path; "
            "`nsynth-batch catalog show` lists them"
        )
    listed = ", ".join(
        f"{row.file_id} ({one_line(row.source_path or row.title)})" for row in found[:_SHOWN]
    )
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise UsageError(f"{name} may mean {len(found)} recordings; give a file id: {listed}{more}")
