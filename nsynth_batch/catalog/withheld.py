"""Recordings that no stage may use, and why: forgotten, deleted, or of no known licence."""

from __future__ import annotations

from dataclasses import dataclass

from nsynth_batch.catalog.catalog import Recording, Recordings

FORGOTTEN = "forgotten"
DELETED = "deleted"
UNKNOWN_LICENCE = "unknown-licence"


@dataclass(frozen=True)
class WithheldReason:
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


def withheld_recordings(
    recordings: Recordings, *, allow_unknown: bool
) -> dict[str, WithheldReason]:
    """Find what may not be used now, by file id.

    Parameters
    ----------
    recordings : Recordings
        The catalog.
    allow_unknown : bool
        Whether recordings of a wiki may be used although their licence is not known.
    """
    return {
        recording.file_id: why
        for recording in recordings.withheld()
        if (why := why_withheld(recording, recordings)).reason != UNKNOWN_LICENCE
        or not allow_unknown
    }


def why_withheld(recording: Recording, recordings: Recordings) -> WithheldReason:
    """Return why a recording is withheld."""
    title = recording.title or recording.file_id
    if recording.file_id in recordings.forgotten:
        return WithheldReason(
            FORGOTTEN, f"{title} was forgotten; `nsynth-batch forget --restore` takes it back"
        )
    if recording.deleted:
        return WithheldReason(DELETED, f"{title}: its source has it no more")
    return WithheldReason(
        UNKNOWN_LICENCE, f"{title} has no known licence; --allow-unknown lets it in"
    )
