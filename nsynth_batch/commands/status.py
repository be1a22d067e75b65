"""`status`: what a store holds, and what is left to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import STORE, STORES, settings_from
from nsynth_batch.errors import OK
from nsynth_batch.text import one_line, size, table
from sequencer.text import clock

if TYPE_CHECKING:
    from hdfs_jobs.datasets.manifest import Note
    from nsynth_batch.settings import Settings
    from nsynth_batch.store.lineage import Gone

_SHOWN_CLIPS = 5


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=STORES)(status)


@settings_from(*STORE)
def status(
    settings: Settings,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    quarantine: Annotated[
        bool,
        typer.Option(
            "--quarantine", help="List every quarantined item with its reason, and notes."
        ),
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

    from hdfs_jobs.datasets.retry import notes, open_entries
    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.sources.quarantine import HarvestQuarantine
    from nsynth_batch.store.lineage import gone
    from nsynth_batch.store.status import made_with, reasons, store_status

    store = Store.open(settings.store)
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
        if dataset is not None:
            _show_notes(name, list(notes(dataset)), quarantine)
        if dataset is None or not stage.quarantined:
            continue
        counts = ", ".join(f"{n} {reason}" for reason, n in sorted(reasons(dataset).items()))
        typer.echo(f"quarantine of {name}: {counts}")
        if quarantine:
            for _, entry in open_entries(dataset):
                title, detail = one_line(entry.title or entry.key), one_line(entry.detail)
                typer.echo(f"  {title}: {entry.reason}: {detail}")
    if refused := list(HarvestQuarantine(store.storage).known.values()):
        reasons_of_harvest = Counter(refusal.reason for refusal in refused)
        counts = ", ".join(f"{n} {reason}" for reason, n in sorted(reasons_of_harvest.items()))
        typer.echo(f"quarantine of harvest: {counts}")
        for refusal in refused if quarantine else ():
            typer.echo(f"  {one_line(refusal.name)}: {refusal.reason}: {one_line(refusal.detail)}")
    for one in lost:
        _show_gone(one)
    return OK


def _show_notes(name: str, found: list[Note], every: bool) -> None:
    """Print how many notes a stage has, and each of them if asked for."""
    if found:
        more = "" if every else "; --quarantine lists them"
        typer.echo(f"notes of {name}: {len(found)}, their rows are good{more}")
    for note in found if every else ():
        typer.echo(f"  {one_line(note.title or note.key)}: {one_line(note.text)}")


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

    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.store.status import committed_shards

    store = Store.open(settings.store)
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
