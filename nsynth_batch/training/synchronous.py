"""Synchronous training on Dask: gradients are made where there are workers, their sum applied once.

See `Gradients` for what stays the same whatever happens to the workers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from hdfs_jobs.runs.lease import SECONDS, Lease, acquire
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.rounds import run_rounds
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.machine import processor_instruction_set
from nsynth_batch.models.weights import Weights
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.corpus_file import delete_corpora, publish_corpus
from nsynth_batch.training.gradients import Gradients
from nsynth_batch.training.options import Met, TrainingProgress, progress_of
from nsynth_batch.training.trainer import Trainer

if TYPE_CHECKING:
    from distributed import Client

    from hdfs_jobs.runs.events import Event
    from hdfs_jobs.runs.lease import Holder


def train_synchronously(
    trainer: Trainer,
    corpus: Corpus,
    client: Client,
    *,
    run: RunOptions,
    report_steps: int = 100,
    save_seconds: float = 300.0,
    on_progress: Callable[[TrainingProgress], None] | None = None,
    listen_steps: int = 0,
    on_listen: Callable[[int, Weights[Any]], None] | None = None,
    on_event: Callable[[Event], None] | None = None,
    stop: threading.Event | None = None,
    lease_seconds: float = SECONDS,
    on_wait: Callable[[Holder], None] | None = None,
) -> None:
    """Train up to `options.steps` on the workers of a cluster; see `Trainer.train`.

    Parameters
    ----------
    trainer : Trainer
        A training, begun or not; its options' exchange is ``sync`` or ``rounds``. Its folder is
        where every worker can read and write; it is leased, as a store is.
    corpus : Corpus
        Copied beside the training, for the workers, and deleted at the end.
    client : distributed.Client
        Connected.
    run : RunOptions
        The code that workers must run, and how long to wait for them.
    report_steps, save_seconds, on_progress, listen_steps, on_listen, stop
        As of `Trainer.train`.
    on_event : callable, optional
        Called with what happens to workers.
    lease_seconds : float
        After how long without a heartbeat another driver takes this one for dead.
    on_wait : callable, optional
        Called with the driver that has the lease, while it is found out whether that one lives.

    Raises
    ------
    ValueError
        If there is nothing to learn; see `Batches`.
    UsageError
        A worker has another TensorFlow, instruction set or code.
    InfrastructureError
        Another driver is at work; no worker is left, or they are lost too fast. The same call goes
        on.
    FloatingPointError
        If a loss or gradient stops being finite: it names step and crop.
    """
    trainer.batches(corpus)
    storage = open_storage(trainer.url)
    with _leased(storage, lease_seconds, stop, on_wait) as lease:
        if lease is None:
            return
        trainer.save()
        work = gradients_of(trainer, publish_corpus(corpus, storage))
        reports = _Reports(trainer, client, lease, work.parts, report_steps, on_progress)
        saved = time.monotonic()

        stride = trainer.options.stride

        def listens(number: int) -> bool:
            return bool(on_listen and passes(number, stride, listen_steps))

        def saves(number: int) -> bool:
            nonlocal saved
            if not listens(number) and time.monotonic() - saved < save_seconds:
                return False
            saved = time.monotonic()
            return True

        def take(number: int, report: tuple[Met, float]) -> None:
            reports.add(number, *report)
            step = number * stride
            if on_listen and listens(number) and step < trainer.options.steps:
                on_listen(step, load_checkpoint(trainer.url))
                # Listening is not training: the speed leaves it out.
                reports.begin()

        run_rounds(
            work,
            client=client,
            rounds=trainer.options.steps // stride,
            name=trainer.url,
            on_report=take,
            saves=saves,
            options=run,
            on_event=on_event,
            stop=stop,
        )
        trainer.restore()
        if trainer.step >= trainer.options.steps:
            delete_corpora(storage)
            if on_listen:
                on_listen(trainer.step, trainer.averaged())


def gradients_of(trainer: Trainer, corpus: str) -> Gradients:
    """Return what the workers of a training do; they are to have this process's TensorFlow.

    Parameters
    ----------
    trainer : Trainer
        Saved.
    corpus : str
        What `publish_corpus` called the corpus in its folder.
    """
    return Gradients(
        family=trainer.family.name,
        config=trainer.config,
        options=trainer.options,
        url=trainer.url,
        corpus=corpus,
        made_by=trainer.made_by,
        metadata=trainer.metadata,
        tensorflow=str(tf.__version__),
        instruction_set=processor_instruction_set(),
    )


def passes(number: int, stride: int, every: int) -> bool:
    """Whether round `number`, of so many steps, ends at a multiple of a number or goes beyond it.

    Examples
    --------
    >>> [number for number in range(1, 10) if passes(number, 3, 10)]
    [4, 7]
    """
    return every > 0 and number * stride // every > (number - 1) * stride // every


class _Reports:
    """What steps met since the last report, for the next."""

    def __init__(
        self,
        trainer: Trainer,
        client: Client,
        lease: Lease,
        parts: int,
        report_steps: int,
        on_progress: Callable[[TrainingProgress], None] | None,
    ) -> None:
        self._trainer, self._client, self._lease = trainer, client, lease
        self._parts = parts
        self._report_steps = report_steps
        self._on_progress = on_progress
        self.begin()

    def begin(self) -> None:
        """Count from now on."""
        self._met: list[Met] = []
        self._seconds = 0.0
        self._since = time.monotonic()

    def add(self, number: int, met: Met, seconds: float) -> None:
        """Take a round's report, and report in turn when it is time."""
        self._lease.check()
        self._met.append(met)
        self._seconds += seconds
        options = self._trainer.options
        if self._on_progress is None or not passes(number, options.stride, self._report_steps):
            return
        wall = time.monotonic() - self._since
        threads = min(self._parts, max(1, sum(self._client.nthreads().values())))
        share = min(1.0, max(0.0, 1.0 - self._seconds / (threads * wall)))
        steps = len(self._met) * options.stride
        speed = steps * options.batch * options.crop_samples / wall
        step = number * options.stride
        self._on_progress(progress_of(step, options.steps, self._met, speed, share))
        self.begin()


@contextmanager
def _leased(
    storage: Storage,
    seconds: float,
    stop: threading.Event | None,
    on_wait: Callable[[Holder], None] | None,
) -> Iterator[Lease | None]:
    """Hold a training's folder to the end of the block; None if `stop` was set before."""
    lease = acquire(storage, "nsynth-batch train", seconds=seconds, stop=stop, on_wait=on_wait)
    try:
        yield lease
    finally:
        if lease is not None:
            lease.release()
