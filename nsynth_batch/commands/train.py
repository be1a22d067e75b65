"""`train`: a model of one's own."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nsynth_batch.commands.options import LEASE, METRICS, MODELS, SCHEDULER, STORE, settings_from
from nsynth_batch.commands.train_inputs import TrimSilence
from nsynth_batch.errors import USAGE, CommandError
from nsynth_batch.settings.choices import Exchange, Rule, Schedule

if TYPE_CHECKING:
    from nsynth_batch.settings.settings import Settings

FamilyName = Literal["nsynth", "wavenet", "samplernn", "spectral", "frames"]
QuantiserName = Literal["mu-law", "mu-law-nsynth", "linear", "none"]
HeadName = Literal["mean", "gaussian"]
PastName = Literal["carried", "window"]
RecipeName = Literal["free-running", "published", "copies"]

STEPS, STEPS_ON = 20_000, 16_000
"""Of a model from the beginning, and of one that goes on from another."""

DECAY, DECAY_ON = 2_000, 5_000
"""Steps at the end of the two in which the learning rate falls."""

LOCAL_STEPS = 10
"""Of a round."""

MOST_STALE = 16
"""Gradients of others that come between, at most."""

BATCH = {"crops": 2, "streams": 16}
"""Crops a step, or streams side by side, by the order in which a family learns."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel=MODELS)(train)


@settings_from(*STORE, "sample_rate", *SCHEDULER, "workers", *LEASE, *METRICS)
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
            "frames, published of spectral. "
            "[default: small]",
            show_default=False,
        ),
    ] = None,
    sizes: Annotated[
        list[str] | None,
        typer.Option(
            "--size",
            metavar="NAME=VALUE",
            help="Change one of the sizes, as frames=64,16,4 or hidden=512 of samplernn; may be "
            "given again.",
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
            help="Begin with this model: small, a file, a folder or a URL. Its sizes are taken; "
            "what --size changes begins anew.",
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
            "itself; published: as the published models were, without; copies, of samplernn and "
            "frames: cut anew at drawn places in each pass. [default: free-running; published of "
            "wavenet, samplernn and frames]",
            show_default=False,
        ),
    ] = None,
    encoder_steps: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="First steps in which the encoder of nsynth learns alone, from the auxiliary loss "
            "of --recipe free-running, more than twice as fast. [default: 1000]",
            show_default=False,
        ),
    ] = None,
    keep_encoder: Annotated[
        bool,
        typer.Option(
            "--keep-encoder",
            help="Leave the encoder of nsynth as it is, after --encoder-steps if any are given: "
            "the decoder learns alone.",
        ),
    ] = False,
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
    centre_crops: Annotated[
        bool,
        typer.Option(
            "--centre-crops",
            help="Score the middle --crop-samples of each held-out recording alone, as NSynth's "
            "notes are.",
        ),
    ] = False,
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
    exchange: Annotated[
        Exchange | None,
        typer.Option(
            help="alone: this process learns. sync: workers do, a crop or four streams each, "
            "and the weights are the same, bit for bit, whatever their number. rounds: each crop "
            "or four streams has weights of its own for some steps, which are averaged then. "
            "async: each worker learns a whole batch, or four streams, from the newest weights, "
            "and what it found is applied when it comes. "
            "[default: sync with --workers or --scheduler, else alone]",
            show_default=False,
        ),
    ] = None,
    local_steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="K",
            help="Steps of --exchange rounds after which weights and moments are averaged. "
            f"[default: {LOCAL_STEPS}]",
            show_default=False,
        ),
    ] = None,
    most_stale: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Gradients of others that --exchange async applies at most between the weights "
            f"that one began from and itself. [default: {MOST_STALE}]",
            show_default=False,
        ),
    ] = None,
    replay: Annotated[
        str | None,
        typer.Option(
            metavar="LOG",
            help="Make an asynchronous training again in this process, to the same bytes: LOG is "
            "the updates.jsonl beside its model; other flags and recordings are those that it had.",
            show_default=False,
        ),
    ] = None,
    rule: Annotated[
        Rule,
        typer.Option("--optimiser", help="Adam, or the gradient times the learning rate alone."),
    ] = "adam",
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
    from sequencer.optional import installed

    if not installed("tensorflow"):
        raise CommandError("train needs TensorFlow: pip install 'nsynth-batch[tensorflow]'", USAGE)
    from nsynth_batch.commands.train_run import announce, run_training
    from nsynth_batch.training.corpus import WIDE, Augmentation
    from nsynth_batch.training.options import TrainingOptions
    from nsynth_batch.training.plan import refusal
    from nsynth_batch.training.trainer import Trainer
    from nsynth_batch.training.update_log import read_updates

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
        seed=seed,
        quantiser=quantiser,
        head=head,
        past=past,
        held_out=held_out,
        trim_silence=trim_silence,
    )
    recipes = given.family.recipes
    if recipe and recipe not in recipes:
        anyway = ", and begins crops at drawn places anyway" if recipe == "copies" else ""
        raise CommandError(
            f"--recipe {recipe}: the family {family_name} has {', '.join(recipes)}{anyway}", USAGE
        )
    taught = recipes[recipe] if recipe else next(iter(recipes.values()))
    if encoder_steps is not None or keep_encoder:
        if not taught.spectral_weight:
            flag = "--keep-encoder" if keep_encoder else "--encoder-steps"
            raise CommandError(f"{flag} is of nsynth's --recipe free-running alone", USAGE)
        taught = replace(taught, encoder_steps=encoder_steps or 0, keep_encoder=keep_encoder)
    options = TrainingOptions(
        steps=steps or (STEPS_ON if init else STEPS),
        batch=batch or BATCH[given.family.order],
        crop_samples=crop_samples or given.family.crop_samples(given.config),
        schedule=schedule,
        learning_rate=learning_rate,
        decay_steps=decay_steps or (DECAY_ON if init else DECAY),
        seed=seed,
        augmentation=WIDE if augment else Augmentation(),
        recipe=taught,
        exchange=exchange or ("async" if replay else _exchange_of(settings)),
        local_steps=local_steps or LOCAL_STEPS,
        rule=rule,
    )
    if local_steps and options.exchange != "rounds":
        raise CommandError("--local-steps is of --exchange rounds alone", USAGE)
    if options.exchange != "async" and (most_stale is not None or replay):
        flag = "--replay" if replay else "--most-stale"
        raise CommandError(f"{flag} is of --exchange async alone", USAGE)
    if replay and settings.model_fields_set & {"workers", "scheduler"}:
        raise CommandError("--replay is done by this process: leave out its workers", USAGE)
    if replay:
        read_updates(replay)
    alone = options.exchange == "alone" or bool(replay)
    why = refusal(
        given.family,
        given.config,
        options,
        own_crop=crop_samples is None,
        workers=1 if alone else settings.workers,
    )
    # What the machines of a cluster have is not known here.
    if why is not None and (alone or not settings.scheduler):
        raise CommandError(why, USAGE)
    try:
        trainer = Trainer(
            given.family, given.config, options, out, given.initial, metadata=given.metadata
        )
        trainer.batches(given.to_train)
    except ValueError as error:
        raise CommandError(str(error), USAGE) from None
    announce(settings, trainer, given.to_train, given.to_score, listen_steps)
    return run_training(
        settings,
        trainer,
        given.to_train,
        given.to_score,
        listen_steps,
        centre_crops=centre_crops,
        tensorboard=tensorboard,
        most_stale=MOST_STALE if most_stale is None else most_stale,
        log_to_replay=replay,
    )


def _exchange_of(settings: Settings) -> Exchange:
    return "sync" if settings.model_fields_set & {"workers", "scheduler"} else "alone"
