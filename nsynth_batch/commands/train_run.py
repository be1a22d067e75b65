"""What `train` does once all is known: announce what it takes, learn, listen, log and score."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from nsynth_batch.errors import OK, USAGE, CommandError
from sequencer.optional import installed
from sequencer.text import clock, counted

if TYPE_CHECKING:
    from nsynth_batch.models.weights import Weights
    from nsynth_batch.reporting.training_metrics import TrainingMetrics
    from nsynth_batch.settings.settings import Settings
    from nsynth_batch.training.corpus import Corpus
    from nsynth_batch.training.listening import Listener
    from nsynth_batch.training.log import TrainingLog
    from nsynth_batch.training.options import TrainingProgress
    from nsynth_batch.training.trainer import Trainer

_SHORTEST = 256
"""Samples: the length of a sound to listen to is a multiple of it."""

_POINT_BYTES = 2_000_000
"""Of the wav files and pictures of a listening point, about."""

_SAFE_RATE = 2e-3
"""The rate that `train` begins with by itself: no higher one is advised."""


def announce(
    settings: Settings, trainer: Trainer, to_train: Corpus, to_score: Corpus, listen_steps: int
) -> None:
    """Print what is learned from, how much of it, and what it takes, before it begins."""
    if words := getattr(trainer.config, "in_words", None):
        typer.echo(words, err=True)
    typer.echo(
        f"{counted(len(to_train), 'recording')} ({clock(to_train.seconds)}) to train on, "
        f"{len(to_score)} ({clock(to_score.seconds)}) held out",
        err=True,
    )
    if not to_score.seconds:
        typer.echo(
            "no recording is held out: what is measured and listened to is what the model learned "
            "from. --held-out FOLDER, or a larger share, shows what it makes of other sounds",
            err=True,
        )
    typer.echo(_cost(settings, trainer, to_train, listen_steps), err=True)
    if not installed("matplotlib"):
        typer.echo(
            "no pictures are drawn: matplotlib is not installed (pip install matplotlib)", err=True
        )


def _cost(settings: Settings, trainer: Trainer, corpus: Corpus, listen_steps: int) -> str:
    """Return what it takes to learn from a corpus."""
    from nsynth_batch.training.plan import plan_training, products_a_second

    options = trainer.options
    on_workers = options.exchange != "alone"
    remote = on_workers and settings.scheduler
    workers = settings.workers if on_workers and not remote else 1
    plan = plan_training(trainer.family, trainer.config, options, trainer.step, workers)
    batches = trainer.batches(corpus)
    seen = batches.seconds(options.steps) - batches.seconds(min(trainer.step, options.steps))
    points = 1 + (options.steps - trainer.step) // listen_steps if listen_steps else 1
    disk = trainer.saved_bytes + points * _POINT_BYTES
    time = clock(plan.seconds(products_a_second()))
    where = "on as fast a machine as this" if remote else "here"
    which = "each worker" if remote else "it"
    return (
        f"{plan.samples / 1e6:.1f} million samples to go through, the recordings "
        f"{seen / corpus.seconds:.1f} times, in about {time} by the speed of a product {where} "
        f"(what is left is printed every 100 steps); {which} takes about "
        f"{plan.memory / 1e9:.1f} GB of memory, and {trainer.url} up to {disk / 1e6:.0f} MB"
    )


def run_training(
    settings: Settings,
    trainer: Trainer,
    to_train: Corpus,
    to_score: Corpus,
    listen_steps: int,
    *,
    centre_crops: bool,
    tensorboard: bool,
    most_stale: int,
    log_to_replay: str | None,
) -> int:
    """Train up to the last step, listen on the way, and score at the end; return the exit code."""
    from nsynth_batch.commands.train_scores import epochs, progress_line, scores
    from nsynth_batch.models.family import LOSS_UNITS
    from nsynth_batch.models.loading import load_model
    from nsynth_batch.pipeline.signals import draining
    from nsynth_batch.reporting.metrics_server import served_metrics
    from nsynth_batch.training.fitting import fitting_sounds, with_fitted
    from nsynth_batch.training.generation import GenerationListener
    from nsynth_batch.training.log import TrainingLog
    from nsynth_batch.training.reconstruction import ReconstructionListener
    from nsynth_batch.training.stretches import stretches

    out = trainer.url
    log = TrainingLog(out, trainer.step, tensorboard=tensorboard)
    listened = to_score if to_score.seconds else to_train
    sounds = stretches(listened, max(trainer.config.hop, _SHORTEST))
    encodes = trainer.family.cost(trainer.config).encode > 0
    kind = ReconstructionListener if encodes else GenerationListener
    listener: Listener[Any] | None = None
    if sounds:
        best, free = _best(log, "score"), _best(log, "free_running")
        listener = kind(out, sounds, best=best, best_free_running=free)
    recipe, hop = trainer.options.recipe, trainer.config.hop
    to_fit = fitting_sounds(trainer.family.name, recipe, to_train, hop)
    samples_a_step = trainer.options.batch * trainer.options.crop_samples
    loss_name = trainer.family.loss_name(trainer.config)
    batches = trainer.batches(to_train)
    before = trainer.step
    wall = max((record.get("wall_seconds", 0.0) for record in log.records), default=0.0)

    def show(progress: TrainingProgress) -> None:
        nonlocal before, wall
        learned = (progress.step - before) * samples_a_step
        wall += learned / progress.samples_per_second
        before = progress.step
        for figures in metrics:
            figures.report(progress, loss_name, learned)
        values = asdict(progress) | {"wall_seconds": round(wall, 3)}
        values[loss_name] = values.pop("loss")
        # In JSON names are text; without an asynchronous training there is nothing to say.
        counts = values.pop("staleness")
        values["staleness"] = {str(by): count for by, count in counts.items()} or None
        seen = batches.seconds(progress.step)
        values |= {"seconds_seen": round(seen, 3), "epochs": round(seen / to_train.seconds, 4)}
        log.add(samples=progress.step * samples_a_step, **values.pop("beside"), **values)
        line = progress_line(progress, samples_a_step, LOSS_UNITS[loss_name])
        typer.echo(f"{line}; {epochs(seen, to_train.seconds)}", err=True)

    last: dict[int, Weights[Any]] = {}

    def fitted(step: int, weights: Weights[Any]) -> Weights[Any]:
        # The last step is listened to, and then left in the folder.
        if step not in last:
            last.clear()
            last[step] = with_fitted(weights, to_fit)
        return last[step]

    def listen(step: int, weights: Weights[Any]) -> None:
        if listener:
            measures = _listen(listener, log, step, step * samples_a_step, fitted(step, weights))
            for figures in metrics:
                figures.listened(measures)

    def metrics_of_a_training() -> TrainingMetrics:
        from nsynth_batch.reporting.training_metrics import TrainingMetrics

        return TrainingMetrics(drain.asked)

    with draining() as drain, served_metrics(settings, metrics_of_a_training) as metrics:
        goes_on = 0 < trainer.step < trainer.options.steps
        at_point = bool(listen_steps) and trainer.step % listen_steps == 0
        if goes_on and at_point and not log.scored(trainer.step):
            # It was killed after a save, before it had listened.
            listen(trainer.step, trainer.averaged())
        learn: Callable[..., object] = partial(trainer.train, to_train)
        if log_to_replay:
            learn = partial(_replay, settings, trainer, to_train, log_to_replay)
        elif trainer.options.exchange != "alone":
            learn = partial(_train_on_workers, settings, trainer, to_train, most_stale=most_stale)
        try:
            learn(on_progress=show, listen_steps=listen_steps, on_listen=listen, stop=drain.asked)
        except FloatingPointError as error:
            raise CommandError(f"{error}: {_way_on(trainer)}", USAGE) from error
        if to_fit:
            trainer.finish(fitted(trainer.step, trainer.averaged()))
        if drain.asked.is_set():
            typer.echo(f"{out}: saved at step {trainer.step}; run again to go on", err=True)
            return drain.exit_code
    ends = trainer.step < trainer.options.steps
    typer.echo(f"{out}: trained{f' to step {trainer.step}, where its log ends' if ends else ''}")
    if to_score.seconds:
        length = trainer.options.crop_samples
        scored = to_score.middles(length) if centre_crops else to_score
        typer.echo(scores(load_model(out), scored, loss_name))
    return OK


def _way_on(trainer: Trainer) -> str:
    """Return what to do after a loss that is not finite; no training takes another rate halfway."""
    options = trainer.options
    published = options.schedule == "published"
    before = options.rate(trainer.step) if published else options.learning_rate
    words = ["train", f"{trainer.url.rstrip('/')}-2", "--family", trainer.family.name]
    kept = trainer.saved_step
    if kept:
        words += ["--init", trainer.url]
    words += ["--learning-rate", f"{min(_SAFE_RATE, before / 4):.3g}"]
    command = shlex.join(["nsynth-batch", *words])
    if not kept:
        return (
            f"no step was saved. Begin anew with a smaller rate: {command}, other flags as before"
        )
    return (
        f"{trainer.url} keeps step {kept}, the last that was saved. Go on from it in a new folder "
        f"with a smaller rate: {command}, and --from, --held-out, --batch as before (sizes and "
        "codes are those of the model)"
    )


def _replay(settings: Settings, trainer: Trainer, corpus: Corpus, log: str, **options: Any) -> None:
    """Make a training again from its log."""
    from nsynth_batch.training.replay import replay

    replay(
        trainer,
        corpus,
        log,
        lease_seconds=settings.lease_seconds,
        on_wait=_waits(trainer),
        **options,
    )


def _waits(trainer: Trainer) -> Callable[[object], None]:
    """Return what says that another command has the training."""

    def say(holder: object) -> None:
        typer.echo(
            f"{trainer.url} is held by {holder}: waiting to see whether that run is alive",
            err=True,
        )

    return say


def _train_on_workers(settings: Settings, trainer: Trainer, corpus: Corpus, **options: Any) -> None:
    """Train on the workers that the settings name."""
    from hdfs_jobs.runs.cluster import Certificates, Cluster
    from hdfs_jobs.runs.options import RunOptions
    from nsynth_batch.pipeline.step import CODE
    from nsynth_batch.reporting.terminal import line_of
    from nsynth_batch.training.on_workers import train_on_workers
    from nsynth_batch.training.options import ROWS

    certificates = Certificates(settings.tls_ca, settings.tls_cert, settings.tls_key)
    with Cluster(settings.scheduler, settings.workers, certificates=certificates) as cluster:
        client = cluster.client()
        threads = sum(client.nthreads().values())
        needed = threads * ROWS[trainer.family.order]
        asynchronous = trainer.options.exchange == "async"
        if asynchronous and threads > options["most_stale"] + 1:
            typer.echo(
                f"--most-stale {options['most_stale']} lets so many gradients and one more be "
                f"under way: {counted(threads, 'thread')} take --most-stale {threads - 1}",
                err=True,
            )
        whole = asynchronous and trainer.family.order == "crops"
        if needed > trainer.options.batch and not whole:
            typer.echo(
                f"--batch {trainer.options.batch} is too small for all {threads} threads of "
                f"workers to learn at once: that takes --batch {needed}, which makes another model",
                err=True,
            )
        train_on_workers(
            trainer,
            corpus,
            client,
            run=RunOptions(code=CODE),
            on_event=lambda event: typer.echo(line_of(event), err=True),
            lease_seconds=settings.lease_seconds,
            on_wait=_waits(trainer),
            **options,
        )


def _best(log: TrainingLog, name: str) -> float:
    return max((record[name] for record in log.records if name in record), default=math.nan)


def _listen(
    listener: Listener[Any],
    log: TrainingLog,
    step: int,
    samples: int,
    weights: Weights[Any],
) -> dict[str, float]:
    """Listen to a model, log what is measured, and return it."""
    found = listener.listen(step, weights)
    values = {**asdict(found), "free_running": listener.free_running(found)}
    known = {name: value for name, value in values.items() if not math.isnan(value)}
    log.add(step=step, samples=samples, score=found.score, **known)
    if installed("matplotlib"):
        log.draw()
    numbers = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in known.items())
    typer.echo(f"step {step}, free running: {numbers}", err=True)
    return known
