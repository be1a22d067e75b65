"""`runs` and `logs`: what earlier runs on a store did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import STORE, STORES, settings_from
from nsynth_batch.errors import OK
from nsynth_batch.settings.choices import LogLevel
from nsynth_batch.text import one_line, table
from sequencer.text import clock

if TYPE_CHECKING:
    from nsynth_batch.reporting.past_runs import PastRun
    from nsynth_batch.settings.settings import Settings

_LAST = 20


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (runs, logs):
        app.command(rich_help_panel=STORES)(command)


@settings_from(*STORE)
def runs(
    settings: Settings,
    last: Annotated[int, typer.Option(metavar="N", min=1, help="Show so many.")] = _LAST,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, for programs.")
    ] = False,
) -> int:
    """List the last runs, the latest first.

    Each with its start (UTC), length, exit code, what it committed and quarantined, and where
    it ran, with its command as it was typed, and below it the error that it ended with. Without
    an exit code: `at work`; `silent` if it holds the store and gives no sign of life; `no end` if
    it was killed, or waits for the store. `logs RUN` prints what it did.

    Example: nsynth-batch runs --store my-store
    """
    import json

    from hdfs_jobs.datasets.store import Store
    from hdfs_jobs.runs.lease import current_holder
    from nsynth_batch.reporting.past_runs import as_json as run_json
    from nsynth_batch.reporting.past_runs import past_runs, state_of

    storage = Store.open(settings.store).storage
    found, held = past_runs(storage, last), current_holder(storage)
    rows = [["run", "start", "length", "exit", "committed", "quarantined", "host", "command"]]
    for one in found:
        if as_json:
            typer.echo(json.dumps(run_json(one, held)))
            continue
        numbers = (clock(one.seconds), state_of(one, held), one.committed, one.quarantined)
        command = one_line(f"{one.command} {one.arguments}").strip()
        place = (one_line(one.host) or "-", command or "-")
        rows.append([one.id, f"{one.started:%Y-%m-%d %H:%M:%S}", *map(str, numbers), *place])
    if not as_json:
        typer.echo(_with_errors(rows, found) if found else f"{storage.url} has no log of a run yet")
    return OK


def _with_errors(rows: list[list[str]], found: Sequence[PastRun]) -> str:
    """Return the table of some runs, with the error of each below its row."""
    header, *lines = table(rows, words=("start", "host", "command")).splitlines()
    shown = [header]
    for line, one in zip(lines, found, strict=True):
        shown += [line, *([f"  {one_line(one.error)}"] if one.error else [])]
    return "\n".join(shown)


@settings_from(*STORE)
def logs(
    settings: Settings,
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="Of `runs`, or a part of it; else the last."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run ends, or Ctrl-C.")
    ] = False,
    level: Annotated[LogLevel, typer.Option(help="Leave out what matters less.")] = "info",
    as_json: Annotated[bool, typer.Option("--json", help="Print the lines as stored.")] = False,
) -> int:
    """Print the log of a run.

    Lines are in the store half a minute after they came about at the latest, or when the run ends.

    Example: nsynth-batch logs --store my-store --level warning
    """
    import json

    from hdfs_jobs.datasets.store import Store
    from hdfs_jobs.runs.log_reader import find_run, follow_log, read_log
    from nsynth_batch.reporting.log_lines import at_least, text_of
    from nsynth_batch.reporting.past_runs import is_end

    storage = Store.open(settings.store).storage
    wanted = find_run(storage, run)
    lines = follow_log(storage, wanted, is_end) if follow else read_log(storage, wanted)
    for fields in lines:
        if at_least(fields, level):
            typer.echo(json.dumps(fields, ensure_ascii=False) if as_json else text_of(fields))
    return OK
