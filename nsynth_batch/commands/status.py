"""`status`: what a store holds, and what is left to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import STORE, STORES, settings_from
from nsynth_batch.errors import OK
from nsynth_batch.text import one_line, size, table
from sequencer.text import clock

if TYPE_CHECKING:
    from hdfs_jobs.datasets.dataset import Dataset
    from hdfs_jobs.datasets.manifest import Note
    from nsynth_batch.settings.settings import Settings
    from nsynth_batch.store.derived import Withdrawn

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

    from hdfs_jobs.datasets.retry import notes
    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.pipeline.steps import current_datasets, lineage_of
    from nsynth_batch.sources.quarantine import HarvestQuarantine
    from nsynth_batch.store.derived import withdrawn
    from nsynth_batch.store.status import as_json as status_json
    from nsynth_batch.store.status import in_all, made_with, store_status

    store = Store.open(settings.store)
    current = current_datasets(store)
    stages = store_status(current)
    lost = withdrawn(store, lineage_of)
    if as_json:
        content = {name: status_json(parts) for name, parts in stages.items()}
        # The key is there only where a recording was withdrawn.
        more = {"gone": [asdict(one) for one in lost]} if lost else {}
        typer.echo(json.dumps({"store": store.url, "stages": content, **more}))
        return OK
    rows = [["stage", "shards", "committed", "rows", "audio", "quarantined"]]
    for name, parts in stages.items():
        shown = {name: in_all(parts)}
        if len(parts) > 1:
            shown |= {f"  {who}": part for who, part in parts.items()}
        for label, part in shown.items():
            numbers = (part.shards, part.committed, part.rows)
            rows.append([label, *map(str, numbers), clock(part.seconds), str(part.quarantined)])
    typer.echo(f"{store.url}\n{table(rows)}")
    for name, makers in current.items():
        for who, dataset in makers.items():
            label = name if len(makers) == 1 else f"{name} of {who}"
            if facts := made_with(dataset):
                shown_facts = (facts[fact] for fact in ("engine", "precision", "instruction_set"))
                typer.echo(f"{label}: made with {', '.join(shown_facts)}")
    for name, makers in current.items():
        if makers and (others := len(store.datasets(name)) - len(makers)) > 0:
            typer.echo(f"{name}: {others} more of other settings; these are of the latest")
        for who, dataset in makers.items():
            label = name if len(makers) == 1 else f"{name} of {who}"
            _show_notes(label, list(notes(dataset)), quarantine)
            if stages[name][who].quarantined:
                _show_quarantine(label, dataset, whole=quarantine)
    if refused := list(HarvestQuarantine(store.storage).known.values()):
        reasons_of_harvest = Counter(refusal.reason for refusal in refused)
        counts = ", ".join(f"{n} {reason}" for reason, n in sorted(reasons_of_harvest.items()))
        typer.echo(f"quarantine of harvest: {counts}")
        for refusal in refused if quarantine else ():
            typer.echo(f"  {one_line(refusal.name)}: {refusal.reason}: {one_line(refusal.detail)}")
    for one in lost:
        _show_withdrawn(one)
    return OK


def _show_notes(name: str, found: list[Note], every: bool) -> None:
    """Print how many notes a stage has, and each of them if asked for."""
    if found:
        more = "" if every else "; --quarantine lists them"
        typer.echo(f"notes of {name}: {len(found)}, their rows are good{more}")
    for note in found if every else ():
        typer.echo(f"  {one_line(note.title or note.key)}: {one_line(note.text)}")


def _show_quarantine(label: str, dataset: Dataset, *, whole: bool) -> None:
    from hdfs_jobs.datasets.retry import open_entries
    from nsynth_batch.store.status import reasons

    counts = ", ".join(f"{n} {reason}" for reason, n in sorted(reasons(dataset).items()))
    typer.echo(f"quarantine of {label}: {counts}")
    for _, entry in open_entries(dataset) if whole else ():
        title, detail = one_line(entry.title or entry.key), one_line(entry.detail)
        typer.echo(f"  {title}: {entry.reason}: {detail}")


def _show_withdrawn(one: Withdrawn) -> None:
    """Print which clips are derived from a recording that may not be used any more."""
    name = f"{one_line(one.title)} ({one.file_id})"
    line = f"{one.why}: {name}: {len(one.clips)} clips are derived from it"
    if one.clips:
        line += f": {', '.join(one.clips[:_SHOWN_CLIPS])}"
    if (more := len(one.clips) - _SHOWN_CLIPS) > 0:
        line += f" and {more} more, which --json lists"
    typer.echo(line)


def _show_shards(settings: Settings, as_json: bool) -> int:
    import json
    from dataclasses import asdict

    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.pipeline.steps import current_datasets
    from nsynth_batch.store.status import committed_shards

    store = Store.open(settings.store)
    rows = [["stage", "shard", "items", "rows", "audio", "work", "audio-s/s", "bytes", "bad"]]
    current = current_datasets(store)
    for name, who, one in committed_shards(current):
        label = name if len(current[name]) == 1 else f"{name} of {who}"
        if as_json:
            more = {} if len(current[name]) == 1 else {"producer": who}
            typer.echo(json.dumps({"stage": name, **more, **asdict(one)}))
            continue
        rate = f"{one.seconds / one.wall_seconds:.2f}" if one.wall_seconds else ""
        numbers = map(str, (one.shard, one.items, one.rows))
        times = (clock(one.seconds), clock(one.wall_seconds), rate)
        rows.append([label, *numbers, *times, size(one.bytes), str(one.quarantined)])
    if not as_json:
        typer.echo(f"{store.url}\n{table(rows)}")
    return OK
