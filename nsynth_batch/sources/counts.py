"""What a harvest counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Harvest:
    """What a harvest found and did, in recordings unless noted otherwise.

    Attributes
    ----------
    found
        Recordings that the source offered.
    added, bytes
        Those whose content is new to the store, and their size.
    updated
        Those that the store had and whose rights or title changed.
    duplicates
        Those whose content another one of the same source has; the first one stands, but for
        one without a known licence, and the stricter of rights that contradict each other.
    without_rights
        Those that are left with no known licence, duplicates not counted again; in a preview,
        which reads no content, all that are offered without one.
    other_files
        Files that are no recordings.
    notes
        Warnings about the source, a sentence each.
    drained
        Whether it was asked to stop before it was through.
    skipped
        Those that a filter skipped, by the filter, and entries of a folder that cannot be taken,
        by the reason.
    quarantined
        Those quarantined, by the reason; the quarantine has each of them.
    without_author
        Those whose licence asks for an author, without a known one.
    contradictions
        Those in whose content several claim different rights; the stricter hold.
    deleted
        Those of the store that their source no longer has, or not with this content.
    forgotten
        Those that were forgotten and are not taken again.
    received_bytes
        Bytes received over the network so far.
    paced_seconds
        How long all streams together waited so as to keep to the rate.
    busy_answers
        How often a server asked to try later.
    unfetched
        Those that are still to be fetched: the network, or a server, failed.
    postponed
        Those that wait for another day: as many as a day allows were begun.
    last_error
        Why the last of them could not be fetched; empty where all were.
    """

    found: int = 0
    added: int = 0
    bytes: int = 0
    updated: int = 0
    duplicates: int = 0
    without_rights: int = 0
    other_files: int = 0
    notes: tuple[str, ...] = ()
    drained: bool = False
    skipped: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    without_author: int = 0
    contradictions: int = 0
    deleted: int = 0
    forgotten: int = 0
    received_bytes: int = 0
    paced_seconds: float = 0.0
    busy_answers: int = 0
    unfetched: int = 0
    postponed: int = 0
    last_error: str = ""
