"""`train`: a model of one's own."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nsynth_batch.commands.options import MODELS, STORE, settings_from
from nsynth_batch.errors import OK, UNEXPECTED, USAGE, CommandError
from nsynth_batch.settings.choices import Schedule
from nsynth_batch.text import table
from sequencer.optional import installed
from sequencer.text import clock

if TYPE_CHECKING:
    from nsynth_batch.models.family import Family
    from nsynth_batch.models.weights import Weights
    from nsynth_batch.settings.settings import Settings
    from nsynth_batch.training.corpus import Corpus
    from nsynth_batch.training.listening import Listener
    from nsynth_batch.training.log import TrainingLog
    from nsynth_batch.training.options import TrainingProgress
    from nsynth_batch.training.trainer import Trainer

RecipeName = Literal["free-running", "published"]

STEPS, STEPS_ON = 20_000, 16_000
"""Of a model from the beginning, and of one that goes on from another."""

DECAY, DECAY_ON = 2_000, 5_000
"""Steps at the end of the two in which the learning rate falls."""

_POINT_BYTES = 2_000_000
"""Of the wav files and pictures of a listening point, about."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=MODELS)(train)


@settings_from(*STORE)
def train(
    settings: Settings,
    out: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Folder or URL of the model; run again, its training goes on."
        ),
    ],
    folder: Annotated[
        Path | None,
        typer.Option("--from", metavar="FOLDER", help="Recordings. [default: the store's audio]"),
    ] = None,
    family_name: Annotated[
        str, typer.Option("--family", metavar="NAME", help="What kind of model: nsynth.")
    ] = "nsynth",
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Its sizes by name. [default: small]", show_default=False
        ),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="CHECKPOINT",
            help="Begin with this model: small, a file, a folder or a URL. Its sizes are taken.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Train until this step. [default: {STEPS}; {STEPS_ON} with --init]",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        RecipeName,
        typer.Option(
            help="How it is taught. free-running: with noise on the decoder's inputs and an "
            "auxiliary loss on encodings, so that it holds a pitch when it decodes by itself; "
            "published: as the published model was, without."
        ),
    ] = "free-running",
    batch: Annotated[int, typer.Option(min=1, help="Crops a step.")] = 2,
    crop_samples: Annotated[
        int | None,
        typer.Option(
            min=512,
            help="Samples a crop. [default: those of the past that the model reads]",
            show_default=False,
        ),
    ] = None,
    schedule: Annotated[
        Schedule,
        typer.Option(help="Up, level and down to zero; or the published model's levels."),
    ] = "trapezoid",
    learning_rate: Annotated[float, typer.Option(help="Of the trapezoid.")] = 2e-3,
    decay_steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Steps at the end in which the rate falls to zero. "
            f"[default: {DECAY}; {DECAY_ON} with --init]",
            show_default=False,
        ),
    ] = None,
    augment: Annotated[
        bool,
        typer.Option(
            "--augment",
            help="Learn from crops at -12 to +6 dB, up to 3 semitones off, and turned over.",
        ),
    ] = False,
    held_out: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|SHARE",
            help="A folder of recordings to score on, or the share of the recordings to hold out. "
            "[default: 0.1; 0 with --init]",
            show_default=False,
        ),
    ] = None,
    listen_steps: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Every N steps decode a few sounds in free running: wav files, pictures, "
            "measures, and the best model kept; 0 at the end alone.",
        ),
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Of the initial weights and the crops.")] = 0,
) -> int:
    """Train a model on a store's audio or a folder.

    Whole recordings are held out. On the way a few sounds are decoded in free running and measured:
    how many frames keep their pitch, how alike the partials are. At the end the held-out recordings
    are scored in nats a sample, beside a linear predictor and a guess that knows nothing (5.55).

    With --init a bundled model is brought to sounds of your own, in under an hour on two cores.

    Example: nsynth-batch train my-model --init small --from ~/recordings
    """
    from nsynth_batch.models.recipe import FREE_RUNNING, Recipe
    from nsynth_batch.training.corpus import WIDE, Augmentation
    from nsynth_batch.training.options import TrainingOptions
    from nsynth_batch.training.trainer import Trainer

    if not 0 < learning_rate < math.inf:
        raise CommandError(f"--learning-rate {learning_rate:g}: give a number above 0", USAGE)
    family, config, initial = _sizes(family_name, preset, init)
    to_train, to_score = _held_out(
        _corpus(settings, folder, config.sample_rate), held_out or ("0" if init else "0.1")
    )
    if not to_train.seconds:
        raise CommandError("nothing to train on: give more recordings or a smaller --held-out", 2)
    taught = FREE_RUNNING if recipe == "free-running" else Recipe()
    options = TrainingOptions(
        steps=steps or (STEPS_ON if init else STEPS),
        batch=batch,
        crop_samples=crop_samples or family.crop_samples(config),
        schedule=schedule,
        learning_rate=learning_rate,
        decay_steps=decay_steps or (DECAY_ON if init else DECAY),
        seed=seed,
        augmentation=WIDE if augment else Augmentation(),
        recipe=taught,
    )
    try:
        trainer = Trainer(family, config, options, out, initial)
    except ValueError as error:
        raise CommandError(str(error), 2) from None
    _announce(trainer, to_train, to_score, listen_steps, out)
    return _train(trainer, to_train, to_score, listen_steps, out)


def _sizes(
    family_name: str, preset: str | None, init: str | None
) -> tuple[Family[Any], Any, Weights[Any] | None]:
    """Return the family, the sizes, and the model to begin with."""
    from nsynth_batch.models.checkpoint import load_checkpoint
    from nsynth_batch.models.family import FAMILIES, family_named

    if family_name not in FAMILIES:
        raise CommandError(f"--family {family_name}: choose one of {', '.join(FAMILIES)}", USAGE)
    family = family_named(family_name)
    if init is not None:
        if preset is not None:
            raise CommandError("--preset does not go with --init, whose sizes are taken", USAGE)
        initial = load_checkpoint(init)
        if initial.family != family_name:
            raise CommandError(f"--init {init}: is of the family {initial.family}", USAGE)
        return family, initial.config, initial
    preset = preset or "small"
    if preset not in family.presets:
        raise CommandError(f"--preset {preset}: choose one of {', '.join(family.presets)}", USAGE)
    return family, family.presets[preset], None


def _announce(
    trainer: Trainer, to_train: Corpus, to_score: Corpus, listen_steps: int, out: str
) -> None:
    """Print what is learned from, how much of it, and what it takes, before it begins."""
    options = trainer.options
    typer.echo(
        f"{len(to_train)} recordings ({clock(to_train.seconds)}) to train on, {len(to_score)} "
        f"({clock(to_score.seconds)}) held out",
        err=True,
    )
    if not to_score.seconds:
        typer.echo(
            "no recording is held out: what is measured and listened to is what the model learned "
            "from. --held-out FOLDER, or a larger share, shows what it makes of other sounds",
            err=True,
        )
    samples = (options.steps - trainer.step) * options.batch * options.crop_samples
    passes = samples / trainer.config.sample_rate / to_train.seconds
    points = 1 + (options.steps - trainer.step) // listen_steps if listen_steps else 1
    size = trainer.saved_bytes + points * _POINT_BYTES
    typer.echo(
        f"{samples / 1e6:.1f} million samples to go through, the recordings {passes:.1f} times; "
        f"{out} takes up to {size / 1e6:.0f} MB; how long it takes is printed every 100 steps",
        err=True,
    )
    if not installed("matplotlib"):
        typer.echo(
            "no pictures are drawn: matplotlib is not installed (pip install matplotlib)", err=True
        )


def _train(
    trainer: Trainer, to_train: Corpus, to_score: Corpus, listen_steps: int, out: str
) -> int:
    from nsynth_batch.pipeline.signals import draining
    from nsynth_batch.training.listening import Listener, stretches
    from nsynth_batch.training.log import TrainingLog

    log = TrainingLog(out, trainer.step)
    listened = to_score if to_score.seconds else to_train
    sounds = stretches(listened, trainer.config.hop)
    listener = Listener(out, sounds, best=_best(log)) if sounds else None
    samples_a_step = trainer.options.batch * trainer.options.crop_samples

    def show(progress: TrainingProgress) -> None:
        log.add(samples=progress.step * samples_a_step, **asdict(progress))
        _show(progress, samples_a_step)

    def listen(step: int, weights: Weights[Any]) -> None:
        if listener:
            _listen(listener, log, step, step * samples_a_step, weights)

    with draining() as drain:
        try:
            trainer.train(
                to_train,
                on_progress=show,
                listen_steps=listen_steps,
                on_listen=listen,
                stop=drain.asked,
            )
        except FloatingPointError as error:
            raise CommandError(str(error), UNEXPECTED) from error
        if drain.asked.is_set():
            typer.echo(f"{out}: saved at step {trainer.step}; run again to go on", err=True)
            return drain.exit_code
    _score(out, to_score)
    return OK


def _best(log: TrainingLog) -> float:
    return max((record["score"] for record in log.records if "score" in record), default=math.nan)


def _listen(
    listener: Listener, log: TrainingLog, step: int, samples: int, weights: Weights[Any]
) -> None:
    from nsynth_batch.training.listening import score

    found = listener.listen(step, weights)
    known = {name: value for name, value in asdict(found).items() if not math.isnan(value)}
    log.add(step=step, samples=samples, score=score(found), **known)
    if installed("matplotlib"):
        log.draw()
    numbers = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in known.items())
    typer.echo(f"step {step}, free running: {numbers}", err=True)


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
    losses = [] if progress.nll is None else [f"{progress.nll:.3f} nats"]
    if progress.auxiliary is not None:
        losses.append(f"auxiliary error {progress.auxiliary:.3f}")
    typer.echo(
        f"step {progress.step} of {progress.steps}: {', '.join(losses)}, "
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
