"""`checkpoint inspect|convert|fetch` and `train`: the model itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    pass

checkpoint = typer.Typer(
    name="checkpoint",
    help="Look into checkpoints, convert magenta's, and fetch the published one.",
)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(checkpoint)
