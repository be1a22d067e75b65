"""The flags of what is fetched from the web."""

from __future__ import annotations

from typing import Annotated, Any

import typer

HARVEST_FLAGS: dict[str, Any] = {
    "contact": Annotated[
        str | None,
        typer.Option(help="Your e-mail address or page, for the operators of web servers."),
    ],
    "types": Annotated[
        str | None,
        typer.Option(help="Of wav, flac, ogg, opus, mp3, from the web. [default: wav]"),
    ],
    "depth": Annotated[
        int | None, typer.Option(metavar="N", help="Levels of subcategories. [default: 3]")
    ],
    "min_seconds": Annotated[
        float | None, typer.Option(metavar="S", help="Leave out shorter ones of the web.")
    ],
    "max_seconds": Annotated[
        float | None, typer.Option(metavar="S", help="Leave out longer ones of the web.")
    ],
    "max_bytes": Annotated[
        str | None, typer.Option(metavar="SIZE", help="Leave out larger ones of the web: 50MB.")
    ],
    "licence": Annotated[
        str | None,
        typer.Option(metavar="SPDX", help="Take only these of the web: CC0-1.0,CC-BY-4.0,CC-BY-*."),
    ],
    "since": Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Take what was uploaded since then: 2026-01-31."),
    ],
    "limit": Annotated[
        int | None, typer.Option(metavar="N", help="Take so many recordings of the web at most.")
    ],
}
"""Flags by the name of their setting."""
