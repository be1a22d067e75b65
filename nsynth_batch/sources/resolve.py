"""Which source a person means."""

from __future__ import annotations

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage import open_storage
from nsynth_batch.sources.folder import FolderSource
from nsynth_batch.sources.source import Source


def resolve(source: str) -> Source:
    """Find the source that a SOURCE argument names.

    Parameters
    ----------
    source : str
        A folder of recordings, on this machine or on HDFS.

    Raises
    ------
    UsageError
        If no source of this version knows it, or there is no such folder.
    """
    if source.startswith("commons:"):
        raise UsageError(
            f"{source}: harvesting Wikimedia Commons is not part of this version; download the "
            "files into a folder with a sources.csv beside them and harvest the folder"
        )
    return FolderSource(open_storage(source))
