"""`figures`: sources against outputs, as pictures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import STORES
from nsynth_batch.errors import OK, USAGE, CommandError
from sequencer.text import counted

if TYPE_CHECKING:
    from nsynth_batch.pipeline.figures import Figure


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=STORES)(figures)


def figures(
    of: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|STORE", help="A store, a training's folder, or any --checkpoint."
        ),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="DIR", help="Folder for the pictures.")
    ],
    clips: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Of a store: the first N clips of each producer."),
    ] = 12,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FOLDER",
            help="Of a model: recordings to try it on. [default: what its training played, else "
            "the bundled ones]",
            show_default=False,
        ),
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="Of a training's folder: draw the losses of another one beside its own, in "
            "losses.png; may be given again.",
        ),
    ] = None,
) -> int:
    """Draw waveform and spectrogram, source against output.

    Of a store each picture has a clip below the segments that were cross-faded, or below its prime.
    Of a training's folder it has a sound that the training played, below its source, at up to five
    listening points; of any other model, or with --from, what it makes of recordings. With --beside
    the losses of trainings stand in one picture, by samples and by time. It needs matplotlib.

    Example: nsynth-batch figures my-store -o my-figures --clips 6
    """
    from sequencer.optional import extra

    extra("matplotlib", "matplotlib")
    if out.is_file():
        raise CommandError(f"{out} is a file; -o names a folder", USAGE)
    if folder is not None and not folder.is_dir():
        raise CommandError(f"{folder}: no such folder; --from is a folder of recordings", USAGE)
    if beside:
        _draw_losses([of, *beside], out)
    drawn = bool(beside) + _draw(_figures(of, out, clips, folder), out)
    typer.echo(f"{out}: {counted(drawn, 'figure')}")
    return OK


def _figures(of: str, out: Path, clips: int, folder: Path | None) -> Iterable[Figure]:
    from hdfs_jobs.datasets.store import MARKER, Store
    from hdfs_jobs.storage.open import open_storage
    from nsynth_batch.models.checkpoint import bundled_names
    from nsynth_batch.models.loading import load_model
    from nsynth_batch.pipeline.figures import (
        figures_of_model,
        figures_of_points,
        figures_of_store,
    )

    bundled = of in bundled_names()
    if not bundled and open_storage(of).exists(MARKER):
        if folder is not None:
            raise CommandError("--from is for models: clips of a store have their sources", USAGE)
        return figures_of_store(Store.open(of), out, clips)
    model = load_model(of)
    if folder is None and not bundled:
        encodes = not hasattr(model, "generate")
        if played := figures_of_points(of, model.sample_rate, encodes=encodes):
            return played
    return figures_of_model(model, folder)


def _draw(figures: Iterable[Figure], out: Path) -> int:
    from sequencer.files import write_output
    from sequencer.pictures.comparison import comparison

    out.mkdir(parents=True, exist_ok=True)
    drawn = 0
    for figure in figures:
        write_output(out / f"{figure.name}.png", comparison(figure.rows, figure.sample_rate))
        drawn += 1
    return drawn


def _draw_losses(trainings: list[str], out: Path) -> None:
    from nsynth_batch.training.log import draw_beside
    from sequencer.files import write_output

    try:
        picture = draw_beside(trainings)
    except ValueError as error:
        raise CommandError(str(error), USAGE) from None
    out.mkdir(parents=True, exist_ok=True)
    write_output(out / "losses.png", picture)
