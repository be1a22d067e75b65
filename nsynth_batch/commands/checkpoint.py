"""`checkpoint inspect|convert|fetch`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from nsynth_batch.commands.options import MODELS, Verbose
from nsynth_batch.errors import OK, USAGE, CommandError
from nsynth_batch.text import size, table
from sequencer.commands.help_panels import Program
from sequencer.text import clock, counted

checkpoint = Program(name="checkpoint", help="Inspect, convert and fetch checkpoints.")

OF_TORCH = "What a file of samplernn-pytorch does not say"

Ema = Annotated[bool, typer.Option("--ema", help="Take magenta's moving averages of the weights.")]


_FACTS = ("licence", "learned_from", "keeps")
"""What the file of a bundled model says of it, from its card."""


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    checkpoint.command()(inspect)
    checkpoint.command()(convert)
    checkpoint.command()(fetch)
    app.add_typer(checkpoint, rich_help_panel=MODELS)


def inspect(
    path: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="As --checkpoint takes it.")],
    tensors: Annotated[bool, typer.Option("--tensors", help="List each tensor, too.")] = False,
    verbose: Verbose = False,
) -> int:
    """Show what is inside a checkpoint.

    Its licence, what it learned from and keeps of a sound where its file says so, sizes, how far
    it sees, and how much it was trained on; each tensor if asked.

    Example: nsynth-batch checkpoint inspect small --tensors
    """
    from nsynth_batch.models.checkpoint import inspect as describe
    from nsynth_batch.models.loading import default_precision
    from nsynth_batch.models.model import TRAINED_ON, trained_on

    found = describe(path)
    typer.echo(
        f"{found.path}: {found.kind}, family {found.family}, {found.parameters:,} parameters in "
        f"float32, {found.config.sample_rate} Hz"
    )
    if (sees := getattr(found.config, "receptive_field", None)) is not None:
        typer.echo(f"sees {counted(sees, 'sample')} ({sees / found.config.sample_rate:.3f} s) back")
    behind = trained_on(found.metadata)
    facts = {name: found.metadata[name] for name in _FACTS if name in found.metadata}
    for name, value in facts.items():
        typer.echo(f"{name.replace('_', ' ')}: {value}")
    for name, value in {**found.config.to_dict(), **found.metadata}.items():
        if name != TRAINED_ON and name not in facts:
            typer.echo(f"{name}: {value}")
    if behind is not None:
        number = counted(len(behind.recordings), "recording")
        typer.echo(f"trained on {number}, {clock(behind.seconds)}, which its file lists")
    typer.echo(
        f"decoded here by --precision auto: {default_precision('auto', family=found.family)}"
    )
    if found.averaged:
        typer.echo("averaged weights are stored too: convert takes them with --ema")
    if tensors:
        rows = [["tensor", "shape"]]
        rows += [[name, " x ".join(map(str, shape))] for name, shape in found.tensors.items()]
        typer.echo(table(rows, words=("shape",)))
    else:
        typer.echo(f"{counted(len(found.tensors), 'tensor')}: --tensors lists them")
    return OK


def convert(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Magenta's prefix, …/model.ckpt-1, or a file of samplernn-pytorch.",
        ),
    ],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The .safetensors to write.")],
    ema: Ema = False,
    frames: Annotated[
        str | None,
        typer.Option(
            metavar="N,N",
            help="What its frames' lengths must be, the longest first: samples, not ratios.",
            rich_help_panel=OF_TORCH,
        ),
    ] = None,
    sample_rate: Annotated[
        int | None,
        typer.Option(
            metavar="HZ",
            min=1,
            help="Of its recordings. [default: 16000]",
            rich_help_panel=OF_TORCH,
        ),
    ] = None,
    quantiser: Annotated[
        Literal["linear", "mu-law"] | None,
        typer.Option(help="Of its codes. [default: linear]", rich_help_panel=OF_TORCH),
    ] = None,
    verbose: Verbose = False,
) -> int:
    """Convert magenta's or samplernn-pytorch's checkpoints.

    What is written is a .safetensors that needs neither. Reading magenta's form needs TensorFlow,
    and PyTorch's nothing.

    Example: nsynth-batch checkpoint convert wavenet-ckpt/model.ckpt-200000 nsynth.safetensors
    """
    from nsynth_batch.models.checkpoint import convert as write

    given = {"frames": _lengths(frames), "sample_rate": sample_rate, "quantiser": quantiser}
    given = {name: value for name, value in given.items() if value is not None}
    weights = write(source, target, ema=ema, **given)
    if sizes := getattr(weights.config, "in_words", None):
        typer.echo(sizes)
    typer.echo(f"{target}: {size(target.stat().st_size)}")
    return OK


def _lengths(frames: str | None) -> tuple[int, ...] | None:
    if frames is None:
        return None
    try:
        return tuple(int(part) for part in frames.replace(",", " ").split())
    except ValueError:
        raise CommandError(f"--frames {frames}: give lengths in samples, as 64,16", USAGE) from None


def fetch(
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help="Of a tar. [default: the published one]")
    ] = None,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where it is unpacked.")] = Path(
        "checkpoints"
    ),
    sha256: Annotated[
        str | None, typer.Option(metavar="HEX", help="What the tar's SHA-256 must be.")
    ] = None,
    verbose: Verbose = False,
) -> int:
    """Download the published checkpoint.

    A download that broke off is taken up where it ended.

    Example: nsynth-batch checkpoint fetch --to checkpoints
    """
    from nsynth_batch.models.fetch import PUBLISHED_URL, fetch_checkpoint
    from nsynth_batch.reporting.download import download_report

    if url is not None and not url.startswith(("http://", "https://", "file://")):
        raise CommandError(f"{url}: give the address of a tar, with http:// or https://", USAGE)
    with download_report() as on_progress:
        found = fetch_checkpoint(
            to, url=url or PUBLISHED_URL, sha256=sha256, on_progress=on_progress
        )
    checked = "as it must be" if found.checked else "kept, to be compared with next time"
    typer.echo(f"{found.prefix}: SHA-256 {found.sha256}, {checked}")
    typer.echo(f"use it with --checkpoint {found.prefix}")
    return OK
