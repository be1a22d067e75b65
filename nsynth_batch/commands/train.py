"""`train`: a model of one's own."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsynth_batch.commands.options import MODELS, STORE, settings_from
from nsynth_batch.errors import OK, UNEXPECTED, USAGE, CommandError
from nsynth_batch.settings.choices import Schedule
from nsynth_batch.text import table
from sequencer.text import clock

if TYPE_CHECKING:
    from nsynth_batch.settings.settings import Settings
    from nsynth_batch.training.corpus import Corpus
    from nsynth_batch.training.options import TrainingProgress


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=MODELS)(train)


@settings_from(*STORE)
def train(
    settings: Settings,
    out: Annotated[
        str,
        typer.Argument(metavar="OUT", help="Folder or URL of the training; run again, it goes on."),
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
    from nsynth_batch.models.family import family_named
    from nsynth_batch.pipeline.signals import draining
    from nsynth_batch.training.corpus import WIDE, Augmentation
    from nsynth_batch.training.options import TrainingOptions
    from nsynth_batch.training.trainer import Trainer

    family = family_named("nsynth")
    if model_size not in family.presets:
        raise CommandError(f"--size {model_size}: choose one of {', '.join(family.presets)}", 2)
    config = family.presets[model_size]
    if not 0 < learning_rate < math.inf:
        raise CommandError(f"--learning-rate {learning_rate:g}: give a number above 0", USAGE)
    to_train, to_score = _held_out(_corpus(settings, folder, config.sample_rate), held_out)
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
        trainer = Trainer(family, config, options, out)
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
    _score(out, to_score)
    return OK


def _corpus(settings: Settings, folder: Path | None, sample_rate: int) -> Corpus:
    from hdfs_jobs.datasets.store import Store
    from nsynth_batch.training.store_corpus import store_corpus

    if folder is None:
        return store_corpus(Store.open(settings.store))
    return _read(folder, "--from", sample_rate)


def _held_out(corpus: Corpus, held_out: str) -> tuple[Corpus, Corpus]:
    """Return what to train on and what to score on."""
    try:
        share = float(held_out)
    except ValueError:
        return corpus, _read(Path(held_out), "--held-out", corpus.sample_rate)
    if not 0 <= share < 1:
        raise CommandError(f"--held-out {held_out}: a share is from 0 to below 1", 2)
    return corpus.split(share)


def _read(folder: Path, flag: str, sample_rate: int) -> Corpus:
    from nsynth_batch.training.corpus import Corpus

    if not folder.is_dir():
        raise CommandError(f"{folder}: no such folder; {flag} is a folder of recordings", 2)
    corpus = Corpus.from_folder(folder, sample_rate)
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


def _score(model: str, held_out: Corpus) -> None:
    from nsynth_batch.models.loading import load_model
    from nsynth_batch.training.evaluation import UNIFORM_NLL, evaluate

    rows = [["held out", "seconds", "nats", "linear", "uniform"]]
    scores = list(evaluate(load_model(model), held_out))
    for score in scores:
        numbers = (score.nll, score.linear_nll, UNIFORM_NLL)
        rows.append([score.name, f"{score.seconds:.1f}", *(f"{n:.3f}" for n in numbers)])
    typer.echo(f"{model}: trained")
    if seconds := sum(score.seconds for score in scores):
        nll = sum(score.nll * score.seconds for score in scores) / seconds
        linear = sum(score.linear_nll * score.seconds for score in scores) / seconds
        means = (f"{n:.3f}" for n in (nll, linear, UNIFORM_NLL))
        typer.echo(table([*rows, ["all, by length", f"{seconds:.1f}", *means]]))
