"""`status`, `verify`, `clips` and `gc`: what a store holds, whether it is whole, and out of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import LEASE, STORE, DryRun, settings_from
from nsynth_batch.errors import OK, UNEXPECTED, USAGE, CommandError
from nsynth_batch.pipeline.run import open_store
from nsynth_batch.text import one_line, size, table
from sequencer.text import clock

if TYPE_CHECKING:
    from nsynth_batch.settings import Settings
    from nsynth_batch.store.lineage import Gone

_DAY_HOURS = 24.0
_SHOWN_CLIPS = 5


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (status, verify, clips, gc):
        app.command()(command)


@settings_from(*STORE)
def status(
    settings: Settings,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="List every quarantined item with its reason.")
    ] = False,
    shards: Annotated[
        bool,
        typer.Option("--shards", help="One line a committed shard; with --json one object a line."),
    ] = False,
) -> int:
    """Show what is done and what is left.

    Needs no scheduler.

    Example: nsynth-batch status --store my-store --json
    """
    if shards:
        return _show_shards(settings, as_json)
    import json
    from collections import Counter
    from dataclasses import asdict

    from hdfs_jobs.datasets.retry import open_entries
    from nsynth_batch.sources.quarantine import Refusals
    from nsynth_batch.store.lineage import gone
    from nsynth_batch.store.status import made_with, reasons, store_status

    store = open_store(settings)
    stages = store_status(store)
    lost = gone(store)
    if as_json:
        content = {name: asdict(stage) for name, stage in stages.items()}
        # The key is there only where there is something to say.
        more = {"gone": [asdict(one) for one in lost]} if lost else {}
        typer.echo(json.dumps({"store": store.url, "stages": content, **more}))
        return OK
    rows = [["stage", "shards", "committed", "rows", "audio", "quarantined"]]
    for name, stage in stages.items():
        numbers = (stage.shards, stage.committed, stage.rows)
        rows.append([name, *map(str, numbers), clock(stage.seconds), str(stage.quarantined)])
    typer.echo(f"{store.url}\n{table(rows)}")
    for name, facts in made_with(store).items():
        told = ("engine", "precision", "instruction_set")
        typer.echo(f"{name}: made with {', '.join(facts[fact] for fact in told)}")
    for name, stage in stages.items():
        dataset = store.current_of(name)
        if others := len(store.datasets(name)) - 1 if dataset else 0:
            typer.echo(f"{name}: {others} more of other settings; these are of the latest")
        if dataset is None or not stage.quarantined:
            continue
        counts = ", ".join(f"{n} {reason}" for reason, n in sorted(reasons(dataset).items()))
        typer.echo(f"quarantine of {name}: {counts}")
        if quarantine:
            for _, entry in open_entries(dataset):
                title, detail = one_line(entry.title or entry.key), one_line(entry.detail)
                typer.echo(f"  {title}: {entry.reason}: {detail}")
    if refused := list(Refusals(store.storage).known.values()):
        reasons_of_harvest = Counter(refusal.reason for refusal in refused)
        counts = ", ".join(f"{n} {reason}" for reason, n in sorted(reasons_of_harvest.items()))
        typer.echo(f"quarantine of harvest: {counts}")
        for refusal in refused if quarantine else ():
            typer.echo(f"  {one_line(refusal.name)}: {refusal.reason}: {one_line(refusal.detail)}")
    for one in lost:
        _show_gone(one)
    return OK


def _show_gone(one: Gone) -> None:
    """Say which clips rest on a recording that may not be used any more."""
    line = f"{one.why}: {one_line(one.title)} ({one.file_id}): {len(one.clips)} clips rest on it"
    if one.clips:
        line += f": {', '.join(one.clips[:_SHOWN_CLIPS])}"
    if (more := len(one.clips) - _SHOWN_CLIPS) > 0:
        line += f" and {more} more, which --json lists"
    typer.echo(line)


def _show_shards(settings: Settings, as_json: bool) -> int:
    import json
    from dataclasses import asdict

    from nsynth_batch.store.status import committed_shards

    store = open_store(settings)
    rows = [["stage", "shard", "items", "rows", "audio", "work", "audio-s/s", "bytes", "bad"]]
    for name, one in committed_shards(store):
        if as_json:
            typer.echo(json.dumps({"stage": name, **asdict(one)}))
            continue
        rate = f"{one.seconds / one.wall_seconds:.2f}" if one.wall_seconds else ""
        numbers = map(str, (one.shard, one.items, one.rows))
        times = (clock(one.seconds), clock(one.wall_seconds), rate)
        rows.append([name, *numbers, *times, size(one.bytes), str(one.quarantined)])
    if not as_json:
        typer.echo(f"{store.url}\n{table(rows)}")
    return OK


@settings_from(*STORE)
def verify(settings: Settings) -> int:
    """Check all that is committed.

    Everything is read again and compared with its manifests; recordings are compared with the
    SHA-1 that they are named by.

    Example: nsynth-batch verify --store my-store
    """
    from nsynth_batch.store.verify import verify_store

    store = open_store(settings)
    found = 0
    for problem in verify_store(store):
        found += 1
        typer.echo(one_line(f"{problem.path}: {problem.what}"))
    if found:
        raise CommandError(
            f"{found} problems in {store.url}: restore these files from a copy; a shard of a "
            "dataset is made again if its manifest is deleted",
            UNEXPECTED,
        )
    typer.echo(f"{store.url}: all that is committed is whole")
    return OK


@settings_from(*STORE)
def clips(
    settings: Settings,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder for the wav files.")],
    every: Annotated[
        bool, typer.Option("--all", help="Clips of every seed and setting, not the latest alone.")
    ] = False,
) -> int:
    """Write clips as wav files.

    clips.jsonl beside them has parents, their rights, and the verdicts.

    Example: nsynth-batch clips --store my-store --to my-clips
    """
    from nsynth_batch.store.clip_export import export_clips

    done = export_clips(open_store(settings), to, every=every)
    verdicts = ", ".join(f"{n} {word}" for word, n in sorted(done.verdicts.items()))
    typer.echo(
        f"{to}: {done.clips} clips, {clock(done.seconds)} of audio, {done.written} files written"
        f" ({verdicts})"
    )
    if done.left_out:
        typer.echo(f"{done.left_out} clips rest on forgotten recordings and are left out")
    if done.stale:
        typer.echo(
            f"an earlier export left {len(done.stale)} wav files of them, which no clips.jsonl "
            f"names any more; delete them: {' '.join(done.stale)}"
        )
    return OK


@settings_from(*STORE, *LEASE)
def gc(
    settings: Settings,
    older_than: Annotated[
        float,
        typer.Option(metavar="HOURS", help="Leave younger files to runs that may need them."),
    ] = _DAY_HOURS,
    dry_run: DryRun = False,
) -> int:
    """Remove what killed runs left behind.

    These are files that no manifest names. Attempts that may still be at work are left for a day.

    Example: nsynth-batch gc --store my-store --dry-run
    """
    from hdfs_jobs.runs.gc import collect_garbage
    from nsynth_batch.pipeline.session import Writer
    from nsynth_batch.reporting.terminal import report

    if not older_than >= 0:
        raise CommandError(f"--older-than is {older_than:g}: hours are 0 or more", USAGE)
    with Writer(settings, report()) as writer:
        store = open_store(settings) if dry_run else writer.open()
        garbage = collect_garbage(store, older_than=older_than * 3600, dry_run=dry_run)
    for file in garbage:
        typer.echo(f"{file.path}: {file.why}")
    verb = "would be removed" if dry_run else "removed"
    typer.echo(f"{len(garbage)} files, {size(sum(f.size for f in garbage))}, {verb}")
    return OK
