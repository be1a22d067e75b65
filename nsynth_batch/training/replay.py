"""An asynchronous training made again from its log, by this process alone, to the same bytes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.lease import SECONDS
from hdfs_jobs.storage.base import Storage
from hdfs_jobs.storage.open import open_storage
from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.weights import Weights
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.corpus_file import delete_corpora, publish_corpus
from nsynth_batch.training.gradients import Gradients
from nsynth_batch.training.on_workers import Reports, leased, passes
from nsynth_batch.training.options import TrainingProgress
from nsynth_batch.training.trainer import Trainer, differing
from nsynth_batch.training.update_log import NAME, UpdateLog, read_updates

if TYPE_CHECKING:
    from hdfs_jobs.runs.lease import Holder


def replay(
    trainer: Trainer,
    corpus: Corpus,
    log: str,
    *,
    report_steps: int = 100,
    save_seconds: float = 300.0,
    on_progress: Callable[[TrainingProgress], None] | None = None,
    listen_steps: int = 0,
    on_listen: Callable[[int, Weights[Any]], None] | None = None,
    stop: threading.Event | None = None,
    lease_seconds: float = SECONDS,
    on_wait: Callable[[Holder], None] | None = None,
) -> None:
    """Apply the gradients of a log again, up to its end.

    It saves, listens and stops where no later gradient began from weights before: in any case where
    the training itself was saved.

    Parameters
    ----------
    trainer : Trainer
        Of the same family, sizes and options, in another folder; begun or not.
    corpus : Corpus
        The same recordings.
    log : str
        Path or URL of its file.
    report_steps, save_seconds, on_progress, listen_steps, on_listen, stop
        As of `Trainer.train`.
    lease_seconds, on_wait
        As of `train_on_workers`.

    Raises
    ------
    CheckpointError
        There is no such log.
    UsageError
        It is of other options or recordings, or this process has other threads than it needs.
    """
    trainer.batches(corpus)
    storage = open_storage(trainer.url)
    found = read_updates(log)
    with leased(storage, lease_seconds, stop, on_wait) as lease:
        if lease is None:
            return
        corpus_name = publish_corpus(corpus, storage)
        try:
            check_log(found, trainer, corpus_name, log)
        except UsageError:
            delete_corpora(storage)
            raise
        trainer.save()
        work = Gradients.of(trainer, corpus_name)
        reports = Reports(trainer, lease, lambda: 1, report_steps)
        reports.on_progress = on_progress
        number, state = work.load()
        updates = found.updates
        needed = _needed(found)
        if not _goes_on(storage, found, number) or needed[number] < number:
            raise UsageError(
                f"{trainer.url}: holds a training that is none of {log}; give an empty folder"
            )
        states = {number: state}
        saved, seen = time.monotonic(), trainer.step
        listens = False
        while number < len(updates):
            piece, began = updates[number]
            state = work.apply(state, number, work.part(states[began], began, piece))
            number += 1
            states = {at: kept for at, kept in states.items() if at >= needed[number]}
            states[number] = state
            before, seen = seen, work.step(number)
            reports.add(seen, *work.report(state, number), number - 1 - began)
            listens = listens or passes(before, seen, listen_steps)
            ends = stop is not None and stop.is_set()
            whole = work.number(seen) == number and needed[number] == number
            if not whole or number == len(updates):
                continue
            if listens or ends or time.monotonic() - saved > save_seconds:
                work.save(state, number)
                found.upto(number, log).write(storage)
                saved = time.monotonic()
                if on_listen and listens and not ends:
                    with reports.paused():
                        on_listen(seen, load_checkpoint(trainer.url))
                listens = False
            if ends:
                break
        else:
            work.save(state, number)
            found.write(storage)
        trainer.restore()
        if number == len(updates):
            delete_corpora(storage)
            if on_listen:
                on_listen(trainer.step, trainer.averaged())


def check_log(log: UpdateLog, trainer: Trainer, corpus: str, source: str) -> None:
    """Refuse a log that another training wrote, or that several commands wrote with other options.

    Raises
    ------
    UsageError
        It says what is not the same.
    """
    others = differing(log.made_by, trainer.made_by)
    for begun in log.begins:
        given = {
            "steps": (begun.steps, trainer.options.steps),
            "decay_steps": (begun.decay_steps, trainer.options.decay_steps),
            "recordings": (begun.corpus, corpus),
        }
        others += [name for name, (a, b) in given.items() if a != b and name not in others]
    if others:
        made = json.loads(log.made_by)
        words = [
            f"{name} {made[name]}" if isinstance(made.get(name), int | float | str) else name
            for name in others
        ]
        raise UsageError(
            f"{source}: is of a training with other sizes, options or recordings "
            f"({', '.join(words)}); give those that it had, and an empty folder"
        )


def _goes_on(storage: Storage, log: UpdateLog, number: int) -> bool:
    """Whether a folder holds the beginning of what a log says."""
    if not number:
        return True
    if number > len(log.updates) or not storage.exists(NAME):
        return False
    return read_updates(f"{storage.url}/{NAME}").updates[:number] == log.updates[:number]


def _needed(log: UpdateLog) -> list[int]:
    """Return for each number of gradients the oldest state that later ones begin from.

    Examples
    --------
    >>> from hdfs_jobs.runs.updates import Applied
    >>> _needed(UpdateLog("{}", [], [Applied(0, 0), Applied(2, 1), Applied(1, 0)]))
    [0, 0, 0, 3]
    """
    oldest = len(log.updates)
    found = [oldest]
    for one in reversed(log.updates):
        oldest = min(oldest, one.began)
        found.append(oldest)
    return found[::-1]
