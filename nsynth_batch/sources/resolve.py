"""Which source a SOURCE argument names, on the web or a folder, and what asks there."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from hdfs_jobs.errors import UsageError
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.settings.settings import Settings
from nsynth_batch.sources import fma, nsynth_dataset, url_list
from nsynth_batch.sources.filters import HarvestFilter
from nsynth_batch.sources.folder import FolderSource
from nsynth_batch.sources.source import Source, WebSource
from nsynth_batch.sources.web.client import Client
from nsynth_batch.sources.web.policy import ClientPolicy
from nsynth_batch.sources.web.throttle import require_allowed
from nsynth_batch.sources.wiki import commons
from nsynth_batch.sources.wiki.mediawiki import MediaWiki
from sequencer.audio.suffixes import is_audio_name, needs_head

_OF_THE_WEB = re.compile(r"https?://|(category|file):(?!//)", re.IGNORECASE)
_CATEGORY = re.compile(re.escape(commons.PREFIX) + r"\s*category\s*:", re.IGNORECASE)
_WITH_SPLITS = (fma.PREFIX, nsynth_dataset.PREFIX)
_OF_A_SOURCE = ("types", "max_seconds", "max_bytes", "licence", "since", "limit")


def resolve(source: str, settings: Settings | None = None) -> Source:
    """Find the source that a SOURCE argument names, unless it is on the web.

    Parameters
    ----------
    source : str
        A folder of recordings, on this machine or on HDFS, one recording, ``fma:PATH`` or
        ``nsynth:PATH``.
    settings : Settings, optional
        Which of them are taken; all by default.

    Raises
    ------
    UsageError
        If there is no such folder or recording.
    """
    if _OF_THE_WEB.match(source) and not Path(source).exists():
        raise UsageError(
            f"{source}: no folder; recordings of a wiki are commons:Category:NAME or "
            "commons:File:NAME, urls:PATH is a list of addresses with their rights, fma:PATH "
            "the Free Music Archive's dump, and nsynth:PATH the NSynth data set"
        )
    wanted = HarvestFilter(types=None)
    if settings is not None:
        types = settings.types if "types" in settings.model_fields_set else None
        wanted = replace(_filter_of(settings), types=types)
    split = None if settings is None else settings.split
    if source.startswith(fma.PREFIX):
        return fma.FmaSource(source.removeprefix(fma.PREFIX), wanted, split)
    if source.startswith(nsynth_dataset.PREFIX):
        path = source.removeprefix(nsynth_dataset.PREFIX)
        return nsynth_dataset.NSynthSource(path, wanted, split)
    storage = open_storage(source)
    parent, only = storage.parent(), storage.url.rstrip("/").rpartition("/")[2]
    if parent is None or not _is_file(storage):
        return FolderSource(storage, wanted)
    if not (is_audio_name(only) or needs_head(only)):
        raise UsageError(
            f"{source}: no recording by its suffix, such as .wav, .flac, .ogg, .mp3; SOURCE is a "
            "folder of recordings, or one recording"
        )
    return FolderSource(parent, wanted, only)


def _is_file(storage: Storage) -> bool:
    try:
        return not storage.stat("").is_dir
    except (FileNotFoundError, NotADirectoryError):
        return False


def _filter_of(settings: Settings) -> HarvestFilter:
    return HarvestFilter(
        types=settings.types,
        min_seconds=settings.min_seconds,
        max_seconds=settings.max_seconds,
        max_bytes=settings.max_bytes,
        licences=settings.licence,
        since=settings.since_time,
        limit=settings.limit,
    )


def refuse_ignored(source: str | None, given: Collection[str]) -> None:
    """Raise if a flag would do nothing with a source.

    Parameters
    ----------
    source : str or None
        The SOURCE argument of a command; None where it has none.
    given : collection of str
        The settings that its flags gave. What a settings file holds is for every source, and
        is no mistake.

    Raises
    ------
    UsageError
        If one of them is a filter that cannot be applied.
    """
    what = f"{source}: no" if source else "without a SOURCE there is no"
    if source is None and (idle := [name for name in _OF_A_SOURCE if name in given]):
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in idle)
        raise UsageError(f"{what} harvest: leave out {flags}, or give a SOURCE")
    if "depth" in given and not (source and _CATEGORY.match(source)):
        raise UsageError(
            f"{what} category of a wiki: leave out --depth, which counts the levels below "
            "commons:Category:NAME; a folder is read with all its subfolders"
        )
    if "split" in given and not (source and source.startswith(_WITH_SPLITS)):
        raise UsageError(
            f"{what} data set with splits: leave out --split, which fma:PATH and nsynth:PATH have"
        )
    if "per_day" in given and not (source and source.startswith(url_list.PREFIX)):
        raise UsageError(f"{what} list of URLs: leave out --per-day, which is for urls:PATH")
    if "accept_missing" in given and (source is None or is_on_the_web(source)):
        raise UsageError(
            f"{what} folder: leave out --accept-missing, which withdraws what a folder does not "
            "have any more"
        )


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
        The contact, the filters and the limits.
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
    stop = stop or threading.Event()
    wanted = _filter_of(settings)
    if source.startswith(url_list.PREFIX):
        path = Path(source.removeprefix(url_list.PREFIX))
        # Unless a setting names them, hosts of a wiki's files have no part in a list.
        further = settings.upload_hosts if "upload_hosts" in settings.model_fields_set else ()
        listed = url_list.UrlListSource(path, wanted, further)
        require_allowed(settings.harvest_megabits, listed.hosts)
        gradual = replace(
            policy,
            robots=True,
            per_day=settings.per_day,
            pause=settings.pause_between_files,
            seed=settings.seed or 0,
        )
        return listed, Client(gradual, stop)
    client = Client(policy, stop)
    wiki = MediaWiki(client, settings.commons_api)
    require_allowed(settings.harvest_megabits, {wiki.host, *settings.upload_hosts})
    return commons.CommonsSource(
        wiki, source, wanted, settings.upload_hosts, depth=settings.depth
    ), client
