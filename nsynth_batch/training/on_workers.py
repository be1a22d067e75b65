"""Training on Dask: gradients are made where there are workers, and applied together or one by one.

See `TrainingRounds` for what stays the same whatever happens to the workers.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hdfs_jobs.runs.lease import SECONDS, Lease, acquire
from hdfs_jobs.runs.options import RunOptions
from hdfs_jobs.runs.rounds import run_rounds
from hdfs_jobs.runs.updates import Applied, run_updates
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.family import learns_whole_batches
from nsynth_batch.models.weights import Weights
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.corpus_file import delete_corpora, publish_corpus
from nsynth_batch.training.gradients import Gradients, TrainingRounds
from nsynth_batch.training.options import Met, TrainingProgress, progress_of
from nsynth_batch.training.trainer import Trainer
from nsynth_batch.training.update_log import NAME, Began, UpdateLog, read_updates
from nsynth_batch.training.whole_batches import WholeBatches

if TYPE_CHECKING:
    from distributed import Client

    from hdfs_jobs.runs.events import Event
    from hdfs_jobs.runs.lease import Holder

MOST_STALE = 16
"""Gradients of others between the weights that one of ``async`` began from and itself."""


def train_on_workers(
    trainer: Trainer,
    corpus: Corpus,
    client: Client,
    *,
    run: RunOptions,
    most_stale: int = MOST_STALE,
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
        A training, begun or not; its options' exchange is not ``alone``. Its folder is where every
        worker can read and write; it is leased, as a store is. An ``async`` one has its log there.
    corpus : Corpus
        Copied beside the training, for the workers, and deleted at the end.
    client : distributed.Client
        Connected.
    run : RunOptions
        The code that workers must run, and how long to wait for them.
    most_stale : int
        How many gradients of others may be applied between the weights that one of ``async`` began
        from and itself.
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
    CheckpointError
        The log of an ``async`` training is missing, or older than the model.
    InfrastructureError
        Another driver is at work; no worker is left, or they are lost too fast. The same call goes
        on.
    FloatingPointError
        If a loss or gradient stops being finite: it names step and crop.
    """
    trainer.batches(corpus)
    storage = open_storage(trainer.url)
    with leased(storage, lease_seconds, stop, on_wait) as lease:
        if lease is None:
            return
        trainer.save()
        corpus_name = publish_corpus(corpus, storage)
        whole = learns_whole_batches(trainer.family, trainer.config)
        work = (WholeBatches if whole else Gradients).of(trainer, corpus_name)
        reports = Reports(trainer, lease, _at_once(client, work, most_stale), report_steps)
        reports.on_progress = on_progress
        saved = time.monotonic()
        seen = trainer.step

        def saves(number: int) -> bool:
            nonlocal saved
            listens = on_listen and passes(work.step(number - 1), work.step(number), listen_steps)
            if not listens and time.monotonic() - saved < save_seconds:
                return False
            saved = time.monotonic()
            return True

        def take(number: int, report: tuple[Met, float], staleness: int | None = None) -> None:
            nonlocal seen
            before, seen = seen, work.step(number)
            reports.add(seen, *report, staleness)
            listens = on_listen and passes(before, seen, listen_steps)
            if on_listen and listens and seen < trainer.options.steps:
                with reports.paused():
                    on_listen(seen, load_checkpoint(trainer.url))

        if isinstance(work, Gradients) and trainer.options.exchange == "async":
            log = log_of(trainer, storage, work.number(trainer.step), corpus_name)

            def write(updates: Sequence[Applied]) -> None:
                replace(log, updates=updates).write(storage)

            run_updates(
                work,
                client=client,
                updates=work.number(trainer.options.steps),
                most_stale=most_stale,
                log=log.updates,
                lanes=work.lanes,
                on_save=write,
                name=trainer.url,
                on_report=take,
                saves=saves,
                options=run,
                on_event=on_event,
                stop=stop,
            )
        else:
            run_rounds(
                work,
                client=client,
                rounds=work.number(trainer.options.steps),
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


def log_of(trainer: Trainer, storage: Storage, number: int, corpus: str) -> UpdateLog:
    """Return the log of a training that begins or goes on after so many gradients."""
    log = UpdateLog(trainer.made_by, [], [])
    if number:
        source = f"{storage.url}/{NAME}"
        log = read_updates(source).upto(number, source)
    options = trainer.options
    return log.going_on(Began(number, corpus, options.steps, options.decay_steps))


def _at_once(client: Client, work: TrainingRounds, most_stale: int) -> Callable[[], int]:
    """Return how many threads can be at work; workers come and go."""
    most = work.parts
    if work.options.exchange == "async":
        most = min(most_stale + 1, work.lanes or most_stale + 1)
    return lambda: min(most, max(1, sum(client.nthreads().values())))


def passes(before: int, step: int, every: int) -> bool:
    """Whether between two steps there is a multiple of a number, the second one included.

    Examples
    --------
    >>> [step for step in range(3, 30, 3) if passes(step - 3, step, 10)]
    [12, 21]
    """
    return every > 0 and step // every > before // every


class Reports:
    """What steps met since the last report, for the next.

    Parameters
    ----------
    trainer : Trainer
    lease : Lease
        Checked with each step.
    at_once : callable
        Returns how many threads make gradients.
    report_steps : int
        After how many steps there is a report.

    Attributes
    ----------
    on_progress : callable or None
        Called with each report.
    """

    on_progress: Callable[[TrainingProgress], None] | None = None

    def __init__(
        self, trainer: Trainer, lease: Lease, at_once: Callable[[], int], report_steps: int
    ) -> None:
        self._options, self._lease = trainer.options, lease
        self._at_once = at_once
        self._report_steps = report_steps
        self._step = trainer.step
        self._begin(trainer.step)

    def _begin(self, step: int) -> None:
        self._begun = step
        self._met: list[Met] = []
        self._stale: Counter[int] = Counter()
        self._seconds = 0.0
        self._since = time.monotonic()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave a block's time out of the speed."""
        begun = time.monotonic()
        yield
        self._since += time.monotonic() - begun

    def add(self, step: int, met: Met, seconds: float, staleness: int | None = None) -> None:
        """Take what was met up to a step, or to a piece of the next, and report when it is time."""
        self._lease.check()
        self._met.append(met)
        self._seconds += seconds
        if staleness is not None:
            self._stale[staleness] += 1
        before, self._step = self._step, step
        if self.on_progress is None or not passes(before, step, self._report_steps):
            return
        options = self._options
        wall = time.monotonic() - self._since
        share = min(1.0, max(0.0, 1.0 - self._seconds / (self._at_once() * wall)))
        speed = (step - self._begun) * options.batch * options.crop_samples / wall
        self.on_progress(
            progress_of(
                step,
                options.steps,
                self._met,
                speed,
                share,
                dict(sorted(self._stale.items())),
            )
        )
        self._begin(step)


@contextmanager
def leased(
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
