"""Remove what killed attempts left behind."""

from __future__ import annotations

from dataclasses import dataclass

from hdfs_jobs.store import Store

DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Garbage:
    """A file that nothing needs: where, how large, why."""

    path: str
    size: int
    why: str


def collect_garbage(store: Store, *, older_than: float = DAY, dry_run: bool = False) -> list[Garbage]:
    """Delete, or in a dry run only list, orphaned attempts, temporary files and stale partials older than some seconds."""
    ...
