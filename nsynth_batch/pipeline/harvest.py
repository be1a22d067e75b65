"""What `harvest` does, and `run` first: a source into the store, and what came of it in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import typer

from nsynth_batch.errors import INFRASTRUCTURE, QUARANTINE, CommandError
from nsynth_batch.pipeline.signals import Drain
from nsynth_batch.text import size
from sequencer.text import clock

if TYPE_CHECKING:
    from nsynth_batch.pipeline.session import Writer
    from nsynth_batch.reporting.terminal import Report
    from nsynth_batch.settings import Settings
    from nsynth_batch.sources.catalog_writer import Harvest

_SECONDS_BETWEEN_LINES = 5.0


def harvest_source(
    settings: Settings, source: str, writer: Writer, progress: Report, drain: Drain
) -> Harvest:
    """Harvest a source into a store and say what came."""
    from nsynth_batch.reporting.events import harvest_progress
    from nsynth_batch.sources.catalog_writer import Harvest
    from nsynth_batch.sources.harvest import harvest
    from nsynth_batch.sources.on_the_web import is_on_the_web, web_source
    from nsynth_batch.sources.resolve import resolve

    on_progress = _now_and_then(progress, writer)
    progress(harvest_progress(Harvest()))
    if is_on_the_web(source):
        from nsynth_batch.sources.web.harvest import harvest_web
        from nsynth_batch.sources.web.host_lock import alone_with

        place, client = web_source(source, settings, drain.asked)
        with alone_with(place.hosts):
            done = harvest_web(
                place, client, lambda: writer.open(create=True).storage, on_progress=on_progress
            )
    else:
        done = harvest(
            resolve(source),
            lambda: writer.open(create=True).storage,
            on_progress=on_progress,
            stop=drain.asked,
        )
    progress(harvest_progress(done, ended=True))
    progress.say(
        f"harvest: {done.found} recordings, {done.added} new ({size(done.bytes)}), "
        f"{done.updated} updated, {done.duplicates} duplicates, {done.other_files} other files"
    )
    for line in _remarks(done, "go on as LicenseRef-unknown" + _way_out(source)):
        progress.say(f"harvest: {line}")
    return done


def verdict(settings: Settings, done: Harvest) -> CommandError | None:
    """Give what a harvest ends with that is not all well; none otherwise."""
    if done.unfetched:
        return CommandError(
            f"{done.unfetched} of {done.found} recordings could not be fetched: run the same "
            "command again to go on",
            INFRASTRUCTURE,
        )
    # Filters do not judge what is refused for its own sake, so what they left out counts as well.
    offered = done.found + done.left_out.total()
    if (refused := done.refused.total()) > settings.max_bad_fraction * offered:
        return CommandError(
            f"{refused} of {offered} recordings of the source were quarantined, more than "
            f"--max-bad-fraction {settings.max_bad_fraction:g} allows: "
            "`nsynth-batch status --quarantine` lists them",
            QUARANTINE,
        )
    return None


def show_harvest(settings: Settings, source: str) -> tuple[int, float]:
    """Print what a harvest would find; give recordings that may be new, and their seconds."""
    from nsynth_batch.sources.harvest import preview
    from nsynth_batch.sources.on_the_web import is_on_the_web
    from nsynth_batch.sources.resolve import resolve

    if is_on_the_web(source):
        return _show_web(settings, source)
    found, seconds = preview(resolve(source))
    typer.echo(
        f"harvest: {found.found} recordings ({size(found.bytes)}, {clock(seconds)} of audio as "
        f"far as headers tell), {found.other_files} other files, "
        f"{found.without_rights} without a licence"
    )
    for note in found.notes:
        typer.echo(f"harvest: warning: {note}")
    return found.found, seconds


def _show_web(settings: Settings, source: str) -> tuple[int, float]:
    from hdfs_jobs.datasets.store import MARKER, Store
    from hdfs_jobs.storage.open import open_storage
    from nsynth_batch.sources.on_the_web import web_source
    from nsynth_batch.sources.web.preview import preview_web

    place, _ = web_source(source, settings)
    there = open_storage(settings.store).exists(MARKER)
    found, seconds = preview_web(place, Store.open(settings.store).storage if there else None)
    rate = settings.harvest_megabits
    typer.echo(
        f"harvest: {found.found} recordings, {found.added} to fetch ({size(found.bytes)}, "
        f"{clock(seconds)} of audio) in {clock(found.bytes * 8 / (rate * 1e6))} at {rate:g} "
        f"Mbit/s, {found.other_files} other files"
    )
    for line in _remarks(found, "would go on as LicenseRef-unknown" + _way_out(source)):
        typer.echo(f"harvest: {line}")
    return found.added, seconds


def _way_out(source: str) -> str:
    if source.startswith("commons:"):
        return ", which `mash` takes with --allow-unknown alone"
    if source.startswith("urls:"):
        return "; the list's column licence gives one"
    return "; a sources.csv beside them gives rights"


def _remarks(done: Harvest, unknown: str) -> list[str]:
    lines = []
    if done.left_out:
        lines.append(f"{done.left_out.total()} left out: {_counts(done.left_out)}")
    if done.deleted:
        lines.append(f"{done.deleted} marked as deleted: their source has them no more")
    if done.forgotten:
        lines.append(f"{done.forgotten} were forgotten and are not taken again")
    if done.refused:
        lines.append(f"{done.refused.total()} quarantined: {_counts(done.refused)}")
    if done.trouble:
        lines.append(f"{done.unfetched} not fetched, the last of them for: {done.trouble}")
    if done.without_rights:
        lines.append(f"warning: {done.without_rights} recordings have no licence and {unknown}")
    return [*lines, *(f"warning: {note}" for note in done.notes)]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def _now_and_then(progress: Report, writer: Writer) -> Callable[[Harvest], None]:
    """Say how far a harvest is, once in a while, and end it where it may write no more."""
    from nsynth_batch.reporting.events import harvest_progress

    last = time.monotonic()

    def tell(so_far: Harvest) -> None:
        nonlocal last
        writer.check()
        if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            progress(harvest_progress(so_far))

    return tell
