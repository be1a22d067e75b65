"""`train`: a model of one's own."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nsynth_batch.commands.options import MODELS, STORE, settings_from
from nsynth_batch.commands.train_inputs import TrimSilence
from nsynth_batch.errors import OK, UNEXPECTED, USAGE, CommandError
from nsynth_batch.settings.choices import Schedule
from sequencer.optional import installed
from sequencer.text import clock

if TYPE_CHECKING:
    from nsynth_batch.models.weights import Weights
    from nsynth_batch.settings.settings import Settings
    from nsynth_batch.training.corpus import Corpus
    from nsynth_batch.training.listening import Listener
    from nsynth_batch.training.log import TrainingLog
    from nsynth_batch.training.options import TrainingProgress
    from nsynth_batch.training.trainer import Trainer

FamilyName = Literal["nsynth", "wavenet", "samplernn", "spectral", "frames"]
QuantiserName = Literal["mu-law", "mu-law-nsynth", "linear", "none"]
HeadName = Literal["mean", "gaussian"]
PastName = Literal["carried", "window"]
RecipeName = Literal["free-running", "published"]

STEPS, STEPS_ON = 20_000, 16_000
"""Of a model from the beginning, and of one that goes on from another."""

DECAY, DECAY_ON = 2_000, 5_000
"""Steps at the end of the two in which the learning rate falls."""

BATCH = {"crops": 2, "streams": 16}
"""Crops a step, or streams side by side, by the order in which a family learns."""

_SHORTEST = 256
"""Samples: the length of a sound to listen to is a multiple of it."""

_POINT_BYTES = 2_000_000
"""Of the wav files and pictures of a listening point, about."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=MODELS)(train)


@settings_from(*STORE, "sample_rate")
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
        FamilyName,
        typer.Option(
            "--family",
            help="What kind of model: nsynth encodes and decodes, spectral does so with spectra, "
            "fast; wavenet and samplernn generate, samplernn from minutes of sound; frames "
            "generates a thousand times as fast as it sounds.",
        ),
    ] = "nsynth",
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Its sizes: small, or h512_bo16 of nsynth, tiny or paper of wavenet, tiny, "
            "poster, poster-8-2, paper-2 or paper-3 of samplernn, tiny or F_S (1000_100 …) of "
            "frames. "
            "[default: small]",
            show_default=False,
        ),
    ] = None,
    sizes: Annotated[
        list[str] | None,
        typer.Option(
            "--size",
            metavar="NAME=VALUE",
            help="Change one of the preset's sizes, as frames=64,16,4 or hidden=512 of samplernn; "
            "may be given again.",
        ),
    ] = None,
    quantiser: Annotated[
        QuantiserName | None,
        typer.Option(
            help="Codes of a wavenet or samplernn: mu-law as most have it, or NSynth's, or steps "
            "of one size for the corpus's peak. frames has none. [default: mu-law; linear of "
            "samplernn]",
            show_default=False,
        ),
    ] = None,
    head: Annotated[
        HeadName | None,
        typer.Option(
            help="What frames predicts of a sample: its mean by squared error, or a normal "
            "distribution. [default: gaussian; mean of F_S]",
            show_default=False,
        ),
    ] = None,
    past: Annotated[
        PastName | None,
        typer.Option(
            help="What frames goes on from: a state carried since the recording began, or a "
            "sliding window of its last S frames. [default: carried]",
            show_default=False,
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
        RecipeName | None,
        typer.Option(
            help="How it is taught. free-running: with noise on the network's inputs and, of "
            "nsynth, an auxiliary loss on encodings, so that it holds a pitch when it decodes by "
            "itself; published: as the published models were, without. [default: free-running; "
            "published of wavenet, samplernn and frames]",
            show_default=False,
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Crops a step. [default: {BATCH['crops']}; {BATCH['streams']} of frames "
            "and samplernn]",
            show_default=False,
        ),
    ] = None,
    crop_samples: Annotated[
        int | None,
        typer.Option(
            min=512,
            help="Samples a crop. [default: those of the past that the model reads; 6144 more of "
            "wavenet; a sequence and a frame of frames and samplernn]",
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
    trim_silence: TrimSilence = None,
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
    tensorboard: Annotated[
        bool,
        typer.Option(
            "--tensorboard", help="Write what log.jsonl has for TensorBoard too: MODEL/tensorboard."
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the initial weights and the crops.")] = 0,
) -> int:
    """Train a model on a store's audio or a folder.

    Whole recordings are held out. On the way a few sounds are decoded in free running and measured:
    how many frames keep their pitch, how alike the partials are; a model that generates makes clips
    at three temperatures. At the end the held-out recordings are scored in nats a sample, beside a
    linear predictor and a guess that knows nothing (5.55).

    With --init a bundled model is brought to sounds of your own, in under an hour on two cores.
    With --family wavenet, samplernn or frames a model of its own kind is begun, which `generate`
    makes clips with. A model carries the list of the recordings that it was trained on, with their
    rights.

    Example: nsynth-batch train my-model --init small --from ~/recordings
    """
    from nsynth_batch.commands.train_inputs import inputs_of
    from nsynth_batch.training.corpus import WIDE, Augmentation
    from nsynth_batch.training.options import TrainingOptions
    from nsynth_batch.training.plan import refusal
    from nsynth_batch.training.trainer import Trainer

    if not 0 < learning_rate < math.inf:
        raise CommandError(f"--learning-rate {learning_rate:g}: give a number above 0", USAGE)
    given = inputs_of(
        settings,
        out,
        folder,
        family_name=family_name,
        preset=preset,
        sizes=sizes or [],
        init=init,
        quantiser=quantiser,
        head=head,
        past=past,
        held_out=held_out,
        trim_silence=trim_silence,
    )
    recipes = given.family.recipes
    if recipe and recipe not in recipes:
        raise CommandError(
            f"--recipe {recipe}: the family {family_name} has {', '.join(recipes)}", USAGE
        )
    options = TrainingOptions(
        steps=steps or (STEPS_ON if init else STEPS),
        batch=batch or BATCH[given.family.order],
        crop_samples=crop_samples or given.family.crop_samples(given.config),
        schedule=schedule,
        learning_rate=learning_rate,
        decay_steps=decay_steps or (DECAY_ON if init else DECAY),
        seed=seed,
        augmentation=WIDE if augment else Augmentation(),
        recipe=recipes[recipe] if recipe else next(iter(recipes.values())),
    )
    why = refusal(given.family, given.config, options, own_crop=crop_samples is None)
    if why is not None:
        raise CommandError(why, USAGE)
    try:
        trainer = Trainer(
            given.family, given.config, options, out, given.initial, metadata=given.metadata
        )
        trainer.check_corpus(given.to_train)
    except ValueError as error:
        raise CommandError(str(error), USAGE) from None
    _announce(trainer, given.to_train, given.to_score, listen_steps, out)
    return _train(
        trainer, given.to_train, given.to_score, listen_steps, out, tensorboard=tensorboard
    )


def _announce(
    trainer: Trainer, to_train: Corpus, to_score: Corpus, listen_steps: int, out: str
) -> None:
    """Print what is learned from, how much of it, and what it takes, before it begins."""
    from nsynth_batch.training.plan import plan_training, products_a_second

    options = trainer.options
    if words := getattr(trainer.config, "in_words", None):
        typer.echo(words, err=True)
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
    plan = plan_training(trainer.family, trainer.config, options, trainer.step)
    passes = plan.samples / trainer.config.sample_rate / to_train.seconds
    points = 1 + (options.steps - trainer.step) // listen_steps if listen_steps else 1
    size = trainer.saved_bytes + points * _POINT_BYTES
    typer.echo(
        f"{plan.samples / 1e6:.1f} million samples to go through, the recordings {passes:.1f} "
        f"times, in about {clock(plan.seconds(products_a_second()))} by the speed of a product "
        "here (what is left is printed every 100 steps); "
        f"it takes about {plan.memory / 1e9:.1f} GB of memory, and {out} up to {size / 1e6:.0f} MB",
        err=True,
    )
    if not installed("matplotlib"):
        typer.echo(
            "no pictures are drawn: matplotlib is not installed (pip install matplotlib)", err=True
        )


def _train(
    trainer: Trainer,
    to_train: Corpus,
    to_score: Corpus,
    listen_steps: int,
    out: str,
    *,
    tensorboard: bool,
) -> int:
    from nsynth_batch.commands.train_scores import progress_line, scores
    from nsynth_batch.models.loading import load_model
    from nsynth_batch.pipeline.signals import draining
    from nsynth_batch.training.generation import GenerationListener
    from nsynth_batch.training.log import TrainingLog
    from nsynth_batch.training.reconstruction import ReconstructionListener
    from nsynth_batch.training.stretches import stretches

    log = TrainingLog(out, trainer.step, tensorboard=tensorboard)
    listened = to_score if to_score.seconds else to_train
    sounds = stretches(listened, max(trainer.config.hop, _SHORTEST))
    encodes = trainer.family.cost(trainer.config).encode > 0
    kind = ReconstructionListener if encodes else GenerationListener
    listener: Listener[Any] | None = None
    if sounds:
        best, free = _best(log, "score"), _best(log, "free_running")
        listener = kind(out, sounds, best=best, best_free_running=free)
    samples_a_step = trainer.options.batch * trainer.options.crop_samples

    def show(progress: TrainingProgress) -> None:
        values = asdict(progress)
        log.add(samples=progress.step * samples_a_step, **values.pop("beside"), **values)
        typer.echo(progress_line(progress, samples_a_step, trainer.family.unit), err=True)

    def listen(step: int, weights: Weights[Any]) -> None:
        if listener:
            _listen(listener, log, step, step * samples_a_step, weights)

    with draining() as drain:
        goes_on = 0 < trainer.step < trainer.options.steps
        at_point = bool(listen_steps) and trainer.step % listen_steps == 0
        if goes_on and at_point and not log.scored(trainer.step):
            # It was killed after a save, before it had listened.
            listen(trainer.step, trainer.averaged())
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
    typer.echo(f"{out}: trained")
    if to_score.seconds:
        typer.echo(scores(load_model(out), to_score, trainer.family.unit))
    return OK


def _best(log: TrainingLog, name: str) -> float:
    return max((record[name] for record in log.records if name in record), default=math.nan)


def _listen(
    listener: Listener[Any],
    log: TrainingLog,
    step: int,
    samples: int,
    weights: Weights[Any],
) -> None:
    found = listener.listen(step, weights)
    values = {**asdict(found), "free_running": listener.free_running(found)}
    known = {name: value for name, value in values.items() if not math.isnan(value)}
    log.add(step=step, samples=samples, score=found.score, **known)
    if installed("matplotlib"):
        log.draw()
    numbers = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in known.items())
    typer.echo(f"step {step}, free running: {numbers}", err=True)
