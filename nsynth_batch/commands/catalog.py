"""`catalog show` and `catalog export`: what is known of recordings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import STORE, STORES, settings_from
from nsynth_batch.errors import OK
from nsynth_batch.settings.choices import CatalogState
from nsynth_batch.text import one_line, table
from sequencer.commands.help_panels import Program
from sequencer.text import clock, counted

if TYPE_CHECKING:
    from nsynth_batch.catalog.listing import Filters, Listed
    from nsynth_batch.settings.settings import Settings

catalog = Program(name="catalog", help="Show and export what is known of recordings.")

Title = Annotated[str | None, typer.Option(metavar="WORDS", help="Words in the title.")]
Author = Annotated[str | None, typer.Option(metavar="WORDS", help="Words in the author's name.")]
Licence = Annotated[str | None, typer.Option(metavar="WORDS", help="Part of the licence: BY-SA.")]
Category = Annotated[str | None, typer.Option(help="A category or a theme.")]
State = Annotated[
    CatalogState | None,
    typer.Option(help="Those that may be used, or why not."),
]

_ID_DIGITS = 10


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (show, export):
        catalog.command()(command)
    app.add_typer(catalog, rich_help_panel=STORES)


@settings_from(*STORE, "themes")
def show(
    settings: Settings,
    title: Title = None,
    author: Author = None,
    licence: Licence = None,
    category: Category = None,
    state: State = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, for programs.")
    ] = False,
) -> int:
    """List the latest that is known of each recording.

    Example: nsynth-batch catalog show --store my-store --category nature --licence CC-BY
    """
    import json

    rows = _listed(settings, _filters(title, author, licence, category, state))
    if as_json:
        for one in rows:
            typer.echo(json.dumps(one.columns(), default=str, ensure_ascii=False))
        return OK
    lines = [["title", "author", "licence", "length", "state", "file id"]]
    for one in rows:
        row = one.recording
        length = "" if row.duration is None else clock(row.duration)
        words = (one_line(row.title or row.file_id), one_line(row.author or "-"), row.licence)
        lines.append([*words, length, one.state, row.file_id[:_ID_DIGITS]])
    typer.echo(table(lines, words=lines[0][:3]) if len(lines) > 1 else "no recording is like this")
    return OK


@settings_from(*STORE, "themes")
def export(
    settings: Settings,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="OUT.parquet or OUT.csv.")],
    title: Title = None,
    author: Author = None,
    licence: Licence = None,
    category: Category = None,
    state: State = None,
    force: Annotated[
        bool,
        typer.Option("--replace", "-f", "--force", help="Replace a file of other origin, too."),
    ] = False,
) -> int:
    """Write the latest that is known of each recording to a file.

    Deleted and forgotten ones are marked. OUT is replaced where this command wrote it. In CSV, a
    text that a spreadsheet would take for a formula has an apostrophe before it.

    Example: nsynth-batch catalog export catalog.csv --store my-store
    """
    from nsynth_batch.catalog.listing import export as write

    filters = _filters(title, author, licence, category, state)
    count = write(_listed(settings, filters), out, replace=force)
    typer.echo(f"{out}: {counted(count, 'recording')}")
    return OK


def _filters(
    title: str | None,
    author: str | None,
    licence: str | None,
    category: str | None,
    state: CatalogState | None,
) -> Filters:
    from nsynth_batch.catalog.listing import Filters

    return Filters(title, author, licence, category, state)


def _listed(settings: Settings, filters: Filters) -> Iterator[Listed]:
    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.catalog.catalog import Catalog
    from nsynth_batch.catalog.listing import listed
    from nsynth_batch.catalog.themes import load_themes

    recordings = Catalog(Store.open(settings.store).storage).recordings()
    return listed(recordings, load_themes(settings.themes), filters)
