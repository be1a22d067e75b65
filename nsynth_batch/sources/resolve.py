"""Which source a SOURCE argument names, on the web or a folder, and what asks there."""

from __future__ import annotations

import re
import threading
from pathlib import Path

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.settings import Settings
from nsynth_batch.sources import url_list
from nsynth_batch.sources.folder import FolderSource
from nsynth_batch.sources.source import Source, WebSource
from nsynth_batch.sources.web.client import Client, ClientPolicy
from nsynth_batch.sources.web.filters import HarvestFilter
from nsynth_batch.sources.web.throttle import require_allowed
from nsynth_batch.sources.wiki import commons
from nsynth_batch.sources.wiki.mediawiki import MediaWiki

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


def is_on_the_web(source: str) -> bool:
    """Whether a SOURCE argument means a place on the web."""
    return source.startswith((commons.PREFIX, url_list.PREFIX))


def web_source(
    source: str, settings: Settings, stop: threading.Event | None = None
) -> tuple[WebSource, Client]:
    """Find the source on the web that a SOURCE argument names; nothing is asked yet.

    Parameters
    ----------
    source : str
        ``commons:…`` or ``urls:PATH``.
    settings : Settings
        Who asks, for what, and how much.
    stop : threading.Event, optional
        Set to end what is done with it.

    Raises
    ------
    UsageError
        If there is no contact, no such source, or its hosts do not allow as much.
    """
    if settings.contact is None:
        raise UsageError(
            f"{source}: the operators of web servers want to know whom to reach: give --contact "
            "you@example.org, or contact in nsynth-batch.toml"
        )
    policy = ClientPolicy(
        settings.contact,
        megabits=settings.harvest_megabits,
        timeout=settings.harvest_timeout,
        retries=settings.retries,
        backoff=settings.harvest_backoff,
    )
    client = Client(policy, stop or threading.Event())
    wanted = HarvestFilter(
        types=settings.types,
        min_seconds=settings.min_seconds,
        max_seconds=settings.max_seconds,
        max_bytes=settings.max_bytes,
        licences=settings.licence,
        since=settings.since_time,
        limit=settings.limit,
    )
    if source.startswith(url_list.PREFIX):
        listed = url_list.UrlListSource(Path(source.removeprefix(url_list.PREFIX)), wanted)
        require_allowed(settings.harvest_megabits, listed.hosts)
        return listed, client
    wiki = MediaWiki(client, settings.commons_api)
    require_allowed(settings.harvest_megabits, {wiki.host, *settings.upload_hosts})
    return commons.CommonsSource(
        wiki, source, wanted, settings.upload_hosts, depth=settings.depth
    ), client
