"""Recordings that no stage may use, and why: forgotten, deleted, or of no known licence."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nsynth_batch.catalog.catalog import Recording, Recordings

if TYPE_CHECKING:
    import pyarrow as pa

FORGOTTEN = "forgotten"
DELETED = "deleted"
UNKNOWN_LICENCE = "unknown-licence"


@dataclass(frozen=True)
class Bar:
    """Why a recording may not be used.

    Attributes
    ----------
    reason
        `FORGOTTEN`, `DELETED` or `UNKNOWN_LICENCE`.
    detail
        One line for people.
    """

    reason: str
    detail: str


def bars(recordings: Recordings, *, allow_unknown: bool) -> dict[str, Bar]:
    """Find what may not be used now, by file id.

    Parameters
    ----------
    recordings : Recordings
        The catalog.
    allow_unknown : bool
        Whether recordings of a wiki may be used although their licence is not known.
    """
    return {
        recording.file_id: bar
        for recording in recordings.withheld()
        if (bar := bar_of(recording, recordings)).reason != UNKNOWN_LICENCE or not allow_unknown
    }


def bar_of(recording: Recording, recordings: Recordings) -> Bar:
    """Return why a recording is withheld."""
    title = recording.title or recording.file_id
    if recording.file_id in recordings.forgotten:
        return Bar(
            FORGOTTEN, f"{title} was forgotten; `nsynth-batch forget --restore` takes it back"
        )
    if recording.deleted:
        return Bar(DELETED, f"{title}: its source has it no more")
    return Bar(UNKNOWN_LICENCE, f"{title} has no known licence; --allow-unknown lets it in")


def resting_on(file_ids: Collection[str], mashups: pa.Table) -> pa.UInt64Array:
    """Return the rows of a table of mash-ups that one of some recordings is a parent of.

    Parameters
    ----------
    file_ids : collection of str
        The recordings.
    mashups : pyarrow.Table
        With the columns ``a`` and ``b`` of a mash-ups dataset.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(list(file_ids), pa.string())
    of_a, of_b = (pc.is_in(pc.struct_field(mashups[side], "file_id"), wanted) for side in "ab")
    return pc.indices_nonzero(pc.or_(of_a, of_b))


def among(barred: dict[str, Bar], file_ids: Iterable[str]) -> dict[str, Bar]:
    """Return those bars alone that stand before some recordings: they go over the network."""
    return {file_id: barred[file_id] for file_id in file_ids if file_id in barred}
