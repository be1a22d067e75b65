"""`status`: what a store holds, and what is left to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import STORE, STORES, settings_from
from nsynth_batch.errors import OK, USAGE, CommandError
from nsynth_batch.text import one_line, size, table
from sequencer.text import clock, counted

if TYPE_CHECKING:
    from hdfs_jobs.canonical_json import Json
    from hdfs_jobs.datasets.dataset import Dataset
    from hdfs_jobs.datasets.manifest import Note
    from hdfs_jobs.datasets.store import Store
    from hdfs_jobs.runs.lease import Held
    from nsynth_batch.settings.settings import Settings
    from nsynth_batch.store.derived import Withdrawn

_SHOWN_CLIPS = 5
_SHOWN_DIGITS = 12


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=STORES)(status)


@settings_from(*STORE, "quiet")
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
    datasets: Annotated[
        bool,
        typer.Option(
            "--datasets", help="One line a dataset, of earlier settings too; also --json."
        ),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page for a browser: progress, runs, workers."),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(metavar="S", min=1, help="Of --html: write the page again so often."),
    ] = None,
) -> int:
    """Show what is done and what is left.

    With the last run, and the one that holds the store. Needs no scheduler. With --html the same
    is a page, from the store's files alone, that works without a network; --every writes it anew
    until Ctrl-C, and a browser then loads it again by itself.

    Example: nsynth-batch status --store my-store --json
    """
    if html is not None:
        from nsynth_batch.commands.status_html import write_status

        write_status(settings.store, html, every, quiet=settings.quiet)
        return OK
    if every is not None:
        raise CommandError("--every is of a page: give --html FILE too", USAGE)
    if shards:
        return _show_shards(settings, as_json)
    if datasets:
        return _show_datasets(settings, as_json)
    import json
    from dataclasses import asdict

    from hdfs_jobs.datasets.retry import notes
    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.pipeline.steps import current_datasets, label_of, lineage_of
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
        runs = _runs_as_json(store)
        typer.echo(json.dumps({"store": store.url, "stages": content, **more, **runs}))
        return OK
    rows = [["stage", "shards", "committed", "rows", "audio", "quarantined", "bytes"]]
    for name, parts in stages.items():
        taken = {who: dataset.totals().bytes for who, dataset in current[name].items()}
        shown = {name: (in_all(parts), sum(taken.values()))}
        if len(parts) > 1:
            shown |= {f"  {who}": (part, taken[who]) for who, part in parts.items()}
        for label, (part, count) in shown.items():
            numbers = (part.shards, part.committed, part.rows)
            amounts = (clock(part.seconds), str(part.quarantined), size(count))
            rows.append([label, *map(str, numbers), *amounts])
    typer.echo(f"{store.url}\n{table(rows)}")
    _show_runs(store)
    for name, makers in current.items():
        for who, dataset in makers.items():
            label = label_of(name, who, makers)
            if facts := made_with(dataset):
                shown_facts = (facts[fact] for fact in ("engine", "precision", "instruction_set"))
                typer.echo(f"{label}: made with {', '.join(shown_facts)}")
    for name, makers in current.items():
        if makers and (others := len(store.datasets(name)) - len(makers)) > 0:
            typer.echo(f"{name}: {others} more of other settings; these are of the latest")
        for who, dataset in makers.items():
            label = label_of(name, who, makers)
            _show_notes(label, list(notes(dataset)), quarantine)
            if stages[name][who].quarantined:
                _show_quarantine(label, dataset, whole=quarantine)
    of_harvest = HarvestQuarantine(store.storage)
    if refused := of_harvest.known.values():
        counts = ", ".join(f"{n} {reason}" for reason, n in sorted(of_harvest.reasons().items()))
        typer.echo(f"quarantine of harvest: {counts}")
        for refusal in refused if quarantine else ():
            typer.echo(f"  {one_line(refusal.name)}: {refusal.reason}: {one_line(refusal.detail)}")
    for one in lost:
        _show_withdrawn(one)
    return OK


def _show_runs(store: Store) -> None:
    """Print who holds the store, and how the last run ended."""
    from hdfs_jobs.runs.lease import current_holder
    from nsynth_batch.reporting.past_runs import last_run, state_of

    if (held := current_holder(store.storage)) is not None:
        beat = _beat(held)
        shown = "no heartbeat yet" if beat is None else f"last heartbeat {beat}"
        typer.echo(f"held by {one_line(str(held.holder))}, {shown}")
    if (run := last_run(store.storage)) is not None:
        state = state_of(run, held)
        code = f"exit code {state}" if run.exit_code is not None else state
        what = one_line(run.command) or "a run"
        line = f"last run: {what}, {run.started:%Y-%m-%dT%H:%M:%SZ}, {clock(run.seconds)}, {code}"
        typer.echo(f"{line}: {one_line(run.error)}" if run.error else line)


def _runs_as_json(store: Store) -> dict[str, Json]:
    """Return who holds the store, and the last run, where there are any."""
    from dataclasses import asdict

    from hdfs_jobs.runs.lease import current_holder
    from nsynth_batch.reporting.past_runs import as_json as run_json
    from nsynth_batch.reporting.past_runs import last_run

    held, run = current_holder(store.storage), last_run(store.storage)
    found: dict[str, Json] = {}
    if held is not None:
        found["held_by"] = {**asdict(held.holder), "last_heartbeat": _beat(held)}
    if run is not None:
        # What it committed is in parts of its log that are not read here.
        counts = ("committed", "quarantined")
        fields = run_json(run, held).items()
        found["last_run"] = {name: value for name, value in fields if name not in counts}
    return found


def _beat(held: Held) -> str | None:
    from datetime import UTC, datetime

    if held.beat is None:
        return None
    return f"{datetime.fromtimestamp(held.beat, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _show_datasets(settings: Settings, as_json: bool) -> int:
    import json
    from dataclasses import asdict

    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.pipeline.steps import dataset_names
    from nsynth_batch.store.status import every_dataset

    store = Store.open(settings.store)
    rows = [["dataset", "digest", "", "seed", "checkpoint", "rows", "audio", "bytes", "since"]]
    for one in every_dataset(store, dataset_names()):
        if as_json:
            typer.echo(json.dumps(asdict(one)))
            continue
        names = (one.name, one.digest, "current" if one.current else "", one.seed)
        numbers = (str(one.rows), clock(one.seconds), size(one.bytes), one.since[:16])
        rows.append([*names, one.checkpoint[:_SHOWN_DIGITS], *numbers])
    if not as_json:
        typer.echo(f"{store.url}\n{table(rows, words=rows[0][:5])}")
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
    """Print which clips and models rest on a recording that may not be used any more."""
    name = f"{one_line(one.title)} ({one.file_id})"
    line = f"{one.why}: {name}: {counted(len(one.clips), 'clip')} derived from it"
    if one.clips:
        line += f": {', '.join(one.clips[:_SHOWN_CLIPS])}"
    if (more := len(one.clips) - _SHOWN_CLIPS) > 0:
        line += f" and {more} more, which --json lists"
    for model in one.models:
        line += f"; model {model} was trained on it"
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
