"""`checkpoint inspect|convert|fetch` and `train`: the model itself."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.choices import Schedule
from nsynth_batch.commands.options import MODELS, STORE, Verbose, settings_from
from nsynth_batch.errors import OK, UNEXPECTED, USAGE, CommandError
from nsynth_batch.text import size, table
from sequencer.help_panels import Program
from sequencer.text import clock

if TYPE_CHECKING:
    from nsynth_batch.settings import Settings
    from nsynth_batch.training.corpus import Corpus
    from nsynth_batch.training.trainer import TrainingProgress

checkpoint = Program(name="checkpoint", help="Inspect, convert and fetch checkpoints.")

Ema = Annotated[bool, typer.Option("--ema", help="Take magenta's moving averages of the weights.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    checkpoint.command()(inspect)
    checkpoint.command()(convert)
    checkpoint.command()(fetch)
    app.add_typer(checkpoint, rich_help_panel=MODELS)
    app.command(rich_help_panel=MODELS)(train)


def inspect(
    path: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="As --checkpoint takes it.")],
    verbose: Verbose = False,
) -> int:
    """Show what is inside a checkpoint.

    Example: nsynth-batch checkpoint inspect small
    """
    from nsynth_batch.models.checkpoint import inspect as describe
    from nsynth_batch.models.loading import default_precision

    found = describe(path)
    typer.echo(f"{found.path}: {found.kind}, {found.parameters:,} parameters in float32")
    for name, value in {**found.config.to_dict(), **found.metadata}.items():
        typer.echo(f"{name}: {value}")
    typer.echo(f"decoded here by --precision auto: {default_precision('auto')}")
    if found.averaged:
        typer.echo("averaged weights are stored too: convert takes them with --ema")
    rows = [["tensor", "shape"]]
    rows += [[name, " x ".join(map(str, shape))] for name, shape in found.tensors.items()]
    typer.echo(table(rows))
    return OK


def convert(
    source: Annotated[str, typer.Argument(metavar="MAGENTA", help="Its prefix: …/model.ckpt-1.")],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The .safetensors to write.")],
    ema: Ema = False,
    verbose: Verbose = False,
) -> int:
    """Convert a magenta checkpoint to .safetensors.

    Reading magenta's form needs TensorFlow; what is written does not.

    Example: nsynth-batch checkpoint convert wavenet-ckpt/model.ckpt-200000 nsynth.safetensors
    """
    from nsynth_batch.models.checkpoint import convert as write

    write(source, target, ema=ema)
    typer.echo(f"{target}: {size(target.stat().st_size)}")
    return OK


def fetch(
    url: Annotated[
        str | None, typer.Argument(metavar="[URL]", help="Of a tar. [default: the published one]")
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


@settings_from(*STORE)
def train(
    settings: Settings,
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder of the training; run again, it goes on.")
    ],
    folder: Annotated[
        Path | None,
        typer.Option("--from", metavar="FOLDER", help="Recordings. [default: the store's audio]"),
    ] = None,
    model_size: Annotated[
        str, typer.Option("--size", metavar="NAME", help="Sizes by name: small or h512_bo16.")
    ] = "small",
    steps: Annotated[int, typer.Option(min=1, help="Train until this step.")] = 20_000,
    batch: Annotated[int, typer.Option(min=1, help="Crops a step.")] = 2,
    crop_samples: Annotated[int, typer.Option(min=512, help="Samples a crop.")] = 6144,
    schedule: Annotated[
        Schedule,
        typer.Option(help="Up, level and down to zero; or the published model's levels."),
    ] = "trapezoid",
    learning_rate: Annotated[float, typer.Option(help="Of the trapezoid.")] = 2e-3,
    decay_steps: Annotated[
        int, typer.Option(min=1, help="Steps at the end in which the rate falls to zero.")
    ] = 2000,
    augment: Annotated[
        bool,
        typer.Option(
            "--augment",
            help="Learn from crops at -12 to +6 dB, up to 3 semitones off, and turned over.",
        ),
    ] = False,
    held_out: Annotated[
        str,
        typer.Option(
            metavar="FOLDER|SHARE",
            help="A folder of recordings to score on, or the share of the recordings to hold out.",
        ),
    ] = "0.1",
    seed: Annotated[int, typer.Option(help="Of the initial weights and the crops.")] = 0,
) -> int:
    """Train a model on a store's audio or a folder.

    Whole recordings are held out and scored at the end, in nats a sample, beside a linear
    predictor and a guess that knows nothing (5.55).

    Example: nsynth-batch train my-model --from ~/recordings --steps 20000
    """
    from nsynth_batch.models.wavenet.config import CONFIGS
    from nsynth_batch.pipeline.signals import draining
    from nsynth_batch.training.corpus import WIDE, Augmentation
    from nsynth_batch.training.trainer import Trainer, TrainingOptions

    if model_size not in CONFIGS:
        raise CommandError(f"--size {model_size}: choose one of {', '.join(CONFIGS)}", 2)
    if not 0 < learning_rate < math.inf:
        raise CommandError(f"--learning-rate {learning_rate:g}: give a number above 0", USAGE)
    to_train, to_score = _held_out(_corpus(settings, folder), held_out)
    if not to_train.seconds:
        raise CommandError("nothing to train on: give more recordings or a smaller --held-out", 2)
    options = TrainingOptions(
        steps=steps,
        batch=batch,
        crop_samples=crop_samples,
        schedule=schedule,
        learning_rate=learning_rate,
        decay_steps=decay_steps,
        seed=seed,
        augmentation=WIDE if augment else Augmentation(),
    )
    typer.echo(
        f"{len(to_train)} recordings ({clock(to_train.seconds)}) to train on, {len(to_score)} "
        f"({clock(to_score.seconds)}) held out",
        err=True,
    )
    show = partial(_show, samples_a_step=batch * crop_samples)
    try:
        trainer = Trainer(CONFIGS[model_size], options, out)
    except ValueError as error:
        raise CommandError(str(error), 2) from None
    with draining() as drain:
        try:
            trainer.train(to_train, on_progress=show, stop=drain.asked)
        except FloatingPointError as error:
            raise CommandError(str(error), UNEXPECTED) from error
        if drain.asked.is_set():
            typer.echo(f"{out}: saved at step {trainer.step}; run again to go on", err=True)
            return drain.exit_code
    _score(out / "model.safetensors", to_score)
    return OK


def _corpus(settings: Settings, folder: Path | None) -> Corpus:
    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.training.store_corpus import store_corpus

    if folder is None:
        return store_corpus(Store.open(settings.store))
    return _read(folder, "--from")


def _held_out(corpus: Corpus, held_out: str) -> tuple[Corpus, Corpus]:
    """Return what to train on and what to score on."""
    try:
        share = float(held_out)
    except ValueError:
        return corpus, _read(Path(held_out), "--held-out")
    if not 0 <= share < 1:
        raise CommandError(f"--held-out {held_out}: a share is from 0 to below 1", 2)
    return corpus.split(share)


def _read(folder: Path, flag: str) -> Corpus:
    from nsynth_batch.training.corpus import Corpus

    if not folder.is_dir():
        raise CommandError(f"{folder}: no such folder; {flag} is a folder of recordings", 2)
    corpus = Corpus.from_folder(folder)
    for name, reason in corpus.rejected.items():
        typer.echo(f"left out {name}: {reason}", err=True)
    return corpus


def _show(progress: TrainingProgress, samples_a_step: int) -> None:
    left = (progress.steps - progress.step) * samples_a_step / progress.samples_per_second
    typer.echo(
        f"step {progress.step} of {progress.steps}: {progress.nll:.3f} nats, "
        f"{progress.samples_per_second:,.0f} samples/s, {clock(left)} left",
        err=True,
    )


def _score(model: Path, held_out: Corpus) -> None:
    from nsynth_batch.models.loading import load_model
    from nsynth_batch.training.evaluation import UNIFORM_NLL, evaluate

    rows = [["held out", "seconds", "nats", "linear", "uniform"]]
    scores = list(evaluate(load_model(str(model)), held_out))
    for score in scores:
        numbers = (score.nll, score.linear_nll, UNIFORM_NLL)
        rows.append([score.name, f"{score.seconds:.1f}", *(f"{n:.3f}" for n in numbers)])
    typer.echo(f"{model}: trained")
    if seconds := sum(score.seconds for score in scores):
        nll = sum(score.nll * score.seconds for score in scores) / seconds
        linear = sum(score.linear_nll * score.seconds for score in scores) / seconds
        means = (f"{n:.3f}" for n in (nll, linear, UNIFORM_NLL))
        typer.echo(table([*rows, ["all, by length", f"{seconds:.1f}", *means]]))
