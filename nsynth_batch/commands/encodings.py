"""`encodings`: the encodings of a store as arrays, and arrays back to sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import STORE, STORES, settings_from
from nsynth_batch.errors import OK, USAGE, CommandError
from nsynth_batch.settings.choices import ArrayForm
from sequencer.text import clock, counted

if TYPE_CHECKING:
    from nsynth_batch.settings.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=STORES)(encodings)


@settings_from(*STORE)
def encodings(
    settings: Settings,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder for the arrays.")],
    form: Annotated[
        ArrayForm,
        typer.Option("--format", help="A .npy a recording, or one .npz or .parquet of all."),
    ] = "npy",
    picture: Annotated[
        bool, typer.Option("--picture", help="Draw each over time beside, a colour a channel.")
    ] = False,
) -> int:
    """Write encodings as arrays.

    One array a recording, [frames, width], its segments joined; sources.csv beside has titles and
    rights. What is there already is left as it is. Worked on in NumPy, decode --from makes sound of
    them.

    Example: nsynth-batch encodings --store my-store --to my-encodings
    """
    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.store.encoding_files import draw_encodings, export_encodings
    from sequencer.optional import extra

    if picture:
        extra("matplotlib", "matplotlib")
    done = export_encodings(Store.open(settings.store), to, form)
    if picture:
        drawn = draw_encodings(to)
        typer.echo(f"{to}: {counted(drawn, 'picture')}")
    typer.echo(
        f"{to}: {counted(done.recordings, 'encoding')}, {counted(done.frames, 'frame')}, "
        f"{done.written} written; "
        f"`nsynth-batch decode --from {to} --to DIR` makes sound of them"
    )
    return OK


def decode_files(settings: Settings, folder: Path, to: Path | None) -> int:
    """Decode the arrays of a folder to wav files of another.

    Raises
    ------
    CommandError
        If there is no other folder, a file in it is not one of these, or they are of another model.
    """
    import numpy as np

    from nsynth_batch.models.loading import memory_errors_as_usage
    from nsynth_batch.pipeline.model import open_autoencoder
    from nsynth_batch.pipeline.without_store import decode_arrays, is_ours, write_sound
    from nsynth_batch.store.encoding_files import ABOUT, checkpoint_of, read_encodings

    if to is None:
        raise CommandError("--from needs --to, a folder for the wav files", USAGE)
    model = open_autoencoder(settings)
    made_by = checkpoint_of(folder)
    if made_by is not None and made_by != model.facts()["checkpoint"]:
        raise CommandError(
            f"{folder} holds encodings of another model than {settings.checkpoint}, which cannot "
            f"read them: name theirs with --checkpoint (its digest is {made_by}, in {ABOUT})",
            USAGE,
        )
    width = model.encode(np.zeros((1, model.hop), np.float32)).shape[2]
    arrays = read_encodings(folder, width)
    for each in arrays:
        path = to / f"{each.name}.wav"
        if path.exists() and not is_ours(path):
            raise CommandError(f"{path} exists and was not written by this command", USAGE)
    to.mkdir(parents=True, exist_ok=True)
    seconds = 0.0
    unknown = 0
    with memory_errors_as_usage():
        for name, made in decode_arrays(
            model, arrays, seed=settings.seed or 0, temperature=settings.temperature
        ):
            licence, _ = write_sound(made, to / f"{name}.wav")
            unknown += not licence
            seconds += len(made.samples) / made.sample_rate
    typer.echo(f"{to}: {counted(len(arrays), 'sound')}, {clock(seconds)}")
    if unknown:
        typer.echo(f"the licence of {unknown} of them cannot be stated", err=True)
    return OK
