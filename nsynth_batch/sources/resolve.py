"""Which folder of recordings a person means."""

from __future__ import annotations

import re
from pathlib import Path

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.sources.folder import FolderSource
from nsynth_batch.sources.source import Source

_OF_THE_WEB = re.compile(r"https?://|(category|file):(?!//)", re.IGNORECASE)


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
    if _OF_THE_WEB.match(source) and not Path(source).exists():
        raise UsageError(
            f"{source}: no folder; recordings of a wiki are commons:Category:NAME or "
            "commons:File:NAME, and urls:PATH is a list of addresses with their rights"
        )
    return FolderSource(open_storage(source))
