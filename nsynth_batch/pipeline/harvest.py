"""A harvest: a source into the store, as the run of its own or as the first part of one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nsynth_batch.errors import INFRASTRUCTURE, QUARANTINE
from nsynth_batch.pipeline.run_report import Problem, RunReport, ended
from nsynth_batch.pipeline.session import Session, open_session
from nsynth_batch.reporting.events import Note, harvest_progress
from nsynth_batch.text import command_line, size
from sequencer.text import counted

if TYPE_CHECKING:
    from nsynth_batch.pipeline.signals import Drain
    from nsynth_batch.reporting.report import Listener
    from nsynth_batch.settings.settings import Settings
    from nsynth_batch.sources.counts import Harvest
    from nsynth_batch.sources.preview import Categories

NAME = "harvest"
"""What its notes are named."""

_SECONDS_BETWEEN_EVENTS = 5.0


def harvest(
    settings: Settings,
    source: str,
    *,
    on_event: Listener | None = None,
    drain: Drain | None = None,
) -> RunReport:
    """Take the recordings of a source into the store of the settings.

    Parameters
    ----------
    settings : Settings
        Which store, and what is taken of the web.
    source : str
        A folder, ``commons:…``, ``urls:PATH``, ``fma:PATH`` or ``nsynth:PATH``.
    on_event : callable, optional
        Gets every event.
    drain : Drain, optional
        Asks the harvest to stop.

    Returns
    -------
    RunReport

    Raises
    ------
    UsageError, InfrastructureError, OSError
        If the source or the store cannot be used.
    """
    with open_session(settings, source=source, on_event=on_event, drain=drain) as session:
        done = harvest_source(settings, source, session)
        if done.drained:
            report = RunReport(done, drain_code=session.drain.exit_code)
        else:
            report = RunReport(done, problems=tuple(problems_of(settings, done)))
        session.ended = ended(report)
    return report


def harvest_source(settings: Settings, source: str, session: Session) -> Harvest:
    """Harvest a source into the store of a session."""
    from nsynth_batch.sources.counts import Harvest
    from nsynth_batch.sources.harvest import harvest as harvest_files
    from nsynth_batch.sources.resolve import is_on_the_web, resolve, web_source

    writer, emit = session.writer, session.emit
    on_progress = _now_and_then(session)
    emit(harvest_progress(Harvest()))
    if is_on_the_web(source):
        from nsynth_batch.sources.web.harvest import harvest_web
        from nsynth_batch.sources.web.host_lock import host_lock

        place, client = web_source(source, settings, session.drain.asked)
        with host_lock(place.hosts):
            done = harvest_web(
                place, client, lambda: writer.open(create=True).storage, on_progress=on_progress
            )
    else:
        done = harvest_files(
            resolve(source, settings),
            lambda: writer.open(create=True).storage,
            on_progress=on_progress,
            stop=session.drain.asked,
            accept_missing=settings.accept_missing,
        )
    emit(harvest_progress(done, ended=True))
    counts = (
        f"{counted(done.found, 'recording')}, {done.added} new ({size(done.bytes)}), "
        f"{done.updated} updated, {counted(done.duplicates, 'duplicate')}, "
        f"{counted(done.other_files, 'other file')}"
    )
    emit(Note(counts, NAME))
    if done.postponed:
        emit(Note(_when_to_go_on(settings, done.postponed), NAME))
    for note in _remarks(done, "taken as LicenseRef-unknown" + _way_out(source)):
        emit(note)
    return done


def _when_to_go_on(settings: Settings, left: int) -> str:
    from nsynth_batch.sources.web.day import next_day

    return (
        f"{counted(left, 'recording')} left: today's {settings.per_day} of --per-day were asked "
        f"for; run the same command again from {next_day()}"
    )


def problems_of(settings: Settings, done: Harvest) -> Iterator[Problem]:
    """Yield what is missing of a harvest, or quarantined beyond what the settings allow."""
    if done.unfetched:
        yield Problem(
            f"{done.unfetched} of {done.found} recordings could not be fetched: run the same "
            "command again to go on",
            INFRASTRUCTURE,
        )
        return
    # Filters come before the quarantine: what they skip was offered all the same.
    offered = done.found + done.skipped.total()
    if (refused := done.quarantined.total()) > settings.max_bad_fraction * offered:
        status = command_line("status --quarantine", settings.store)
        yield Problem(
            f"{refused} of {offered} recordings of the source were quarantined, more than "
            f"--max-bad-fraction {settings.max_bad_fraction:g} allows: {status} lists them",
            QUARANTINE,
        )


@dataclass(frozen=True)
class HarvestPreview:
    """What a harvest would find.

    Attributes
    ----------
    counts : Harvest
        Recordings and files; ``added`` and ``bytes`` are of what is new to the store.
    seconds : float
        Of audio in what is new, as far as headers or pages declare it.
    categories : tuple of tuples of str
        Those of each new recording.
    on_the_web : bool
        Whether it would be fetched.
    notes : tuple of Note
        What a person should know.
    """

    counts: Harvest
    seconds: float
    categories: Categories
    on_the_web: bool
    notes: tuple[Note, ...]


def preview_harvest(settings: Settings, source: str) -> HarvestPreview:
    """Look at a source without taking anything."""
    from hdfs_jobs.datasets.store import MARKER, Store
    from hdfs_jobs.storage.open import open_storage
    from nsynth_batch.sources.preview import preview
    from nsynth_batch.sources.resolve import is_on_the_web, resolve, web_source
    from nsynth_batch.sources.web.preview import preview_web

    there = open_storage(settings.store).exists(MARKER)
    storage = Store.open(settings.store).storage if there else None
    if not is_on_the_web(source):
        found, seconds, categories = preview(resolve(source, settings), storage)
        notes = tuple(_remarks(found, "would be taken as LicenseRef-unknown" + _way_out(source)))
        return HarvestPreview(found, seconds, categories, False, notes)
    place, _ = web_source(source, settings)
    found, seconds, categories = preview_web(place, storage)
    notes = tuple(_remarks(found, "would be taken as LicenseRef-unknown" + _way_out(source)))
    if settings.per_day is not None and (days := -(-found.added // settings.per_day)) > 1:
        fetched = counted(found.added, "recording")
        line = f"--per-day {settings.per_day} takes {counted(days, 'day')} for {fetched}"
        notes += (Note(line, NAME),)
    return HarvestPreview(found, seconds, categories, True, notes)


def _way_out(source: str) -> str:
    if source.startswith("commons:"):
        return ", which `mash` takes with --allow-unknown alone"
    if source.startswith("urls:"):
        return "; the list's column licence gives one"
    if source.startswith("fma:"):
        return "; the dump names none that is known for them"
    return "; a sources.csv beside them gives rights"


def _remarks(done: Harvest, unknown: str) -> Iterator[Note]:
    if done.skipped:
        yield Note(f"{done.skipped.total()} skipped: {_counts(done.skipped)}", NAME)
    if done.deleted:
        yield Note(f"{done.deleted} marked as deleted: their source no longer has them", NAME)
    if done.forgotten:
        yield Note(f"{done.forgotten} were forgotten and are not taken again", NAME)
    if done.quarantined:
        counts = _counts(done.quarantined)
        yield Note(f"{done.quarantined.total()} quarantined: {counts}", NAME, "warning")
    if done.last_error:
        trouble = f"{done.unfetched} not fetched, the last of them for: {done.last_error}"
        yield Note(trouble, NAME, "warning")
    if done.without_author:
        are = "is" if done.without_author == 1 else "are"
        line = (
            f"{counted(done.without_author, 'recording')} {are} under a licence that asks for the "
            "author, and none is known: credits cannot name one"
        )
        yield Note(line, NAME, "warning")
    if done.without_rights:
        have = "has" if done.without_rights == 1 else "have"
        line = f"{counted(done.without_rights, 'recording')} {have} no licence: {unknown}"
        # Once is enough: a night that brought nothing new is nothing to be warned of.
        yield Note(line, NAME, "warning" if done.added or done.updated else "info")
    yield from (Note(text, NAME, "warning") for text in done.notes)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def _now_and_then(session: Session) -> Callable[[Harvest], None]:
    """Return what emits how far a harvest is, every few seconds, and ends it without a lease."""
    last = time.monotonic()

    def on_progress(so_far: Harvest) -> None:
        nonlocal last
        session.writer.check()
        if time.monotonic() - last >= _SECONDS_BETWEEN_EVENTS:
            last = time.monotonic()
            session.emit(harvest_progress(so_far))

    return on_progress
