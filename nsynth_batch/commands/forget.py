"""`forget`: no use of a recording any more, and what was made of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import LEASE, STORE, STORES, DryRun, settings_from
from nsynth_batch.errors import OK, USAGE, CommandError
from nsynth_batch.text import one_line
from sequencer.text import counted

if TYPE_CHECKING:
    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.catalog.catalog import Recording
    from nsynth_batch.settings.settings import Settings
    from nsynth_batch.store.derived import Derived


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=STORES)(forget)


@settings_from(*STORE, *LEASE)
def forget(
    settings: Settings,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE", help="File ids, titles, page addresses or paths."),
    ],
    compositions: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Look here for scores that play it; may be repeated."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; kept with the tombstone.")] = "",
    erase: Annotated[
        bool, typer.Option("--erase", help="Delete its bytes under raw/ as well.")
    ] = False,
    restore: Annotated[bool, typer.Option("--restore", help="Take it back instead.")] = False,
    dry_run: DryRun = False,
) -> int:
    """Make nothing of a recording any more.

    No later step uses it and no harvest brings it back, until --restore. What was made of it
    before is listed: clips, and scores below the folders that --compositions names. Committed
    shards are never rewritten; those that still hold something of it are listed.

    Example: nsynth-batch forget "File:Owl.wav" --store my-store --compositions my-pieces
    """
    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.pipeline.session import Writer
    from nsynth_batch.reporting.terminal import report

    if erase and restore:
        raise CommandError("--erase and --restore: give one of them", USAGE)
    for folder in compositions or ():
        if not folder.is_dir():
            raise CommandError(f"--compositions {folder}: no such folder", USAGE)
    with report() as listener, Writer(settings, listener) as writer:
        store = Store.open(settings.store) if dry_run else writer.open()
        return _forget(store, files, compositions, reason, erase, restore, dry_run)


def _forget(
    store: Store,
    files: list[str],
    compositions: list[Path] | None,
    reason: str,
    erase: bool,
    restore: bool,
    dry_run: bool,
) -> int:
    from nsynth_batch.catalog.catalog import Catalog
    from nsynth_batch.catalog.tombstones import restore as take_back
    from nsynth_batch.pipeline.steps import lineage_of
    from nsynth_batch.store import forget as forgetting
    from nsynth_batch.store.derived import all_derived

    found = forgetting.find(Catalog(store.storage).recordings(), files)
    if restore:
        for recording in found:
            if not dry_run:
                take_back(store.storage, recording.file_id)
            typer.echo(f"{_done('taken back', dry_run)}: {_named(recording)}")
        return OK
    derived, notes = all_derived(store, lineage_of, found, compositions or ())
    raw = forgetting.erasable(store, found) if erase else []
    if not dry_run:
        forgetting.forget(store, found, reason)
    for recording in found:
        typer.echo(f"{_done('forgotten', dry_run)}: {_named(recording)}")
        for line in _what_is_derived(derived[recording.file_id]):
            typer.echo(f"  {line}")
    for path in raw:
        if not dry_run:
            store.storage.delete(path)
        typer.echo(f"{_done('erased', dry_run)}: {path}")
    for recording in found:
        if erase and recording.raw_url not in raw:
            typer.echo(f"not in this store, or erased already: {recording.raw_url}")
    for note in notes:
        typer.echo(note)
    if compositions is None:
        typer.echo("a store does not know compositions: --compositions DIR looks for them")
    if any(one.rows for one in derived.values()):
        typer.echo(
            "committed shards stay as they are: to be rid of what they hold, delete audio/, "
            "encodings/, mashups/, clips/, quarantine/ and runs/ and run again from raw/"
        )
    return OK


def _what_is_derived(derived: Derived) -> Iterator[str]:
    are = "is" if len(derived.clips) == 1 else "are"
    clips = counted(len(derived.clips), "clip")
    yield f"{clips} {are} derived from it{':' if derived.clips else ''}"
    yield from (f"  {clip_id}" for clip_id in derived.clips)
    yield from (f"model {model} was trained on it" for model in derived.models)
    yield from (f"composition: {path}" for path in derived.compositions)
    yield from (
        f"{counted(rows, 'row')} of it in {path}" for path, rows in sorted(derived.rows.items())
    )


def _named(recording: Recording) -> str:
    return f"{one_line(recording.title)} ({recording.file_id})"


def _done(what: str, dry_run: bool) -> str:
    return f"would be {what}" if dry_run else what
