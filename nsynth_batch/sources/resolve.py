"""Which folder of recordings a person means."""

from __future__ import annotations

from hdfs_jobs.storage import open_storage
from nsynth_batch.sources.folder import FolderSource
from nsynth_batch.sources.source import Source


def resolve(source: str) -> Source:
    """Find the source that a SOURCE argument names, unless it is on the web.

    Parameters
    ----------
    source : str
        A folder of recordings, on this machine or on HDFS.

    Raises
    ------
    UsageError
        If there is no such folder.
    """
    return FolderSource(open_storage(source))
