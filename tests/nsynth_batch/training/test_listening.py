from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.wavenet.family import random_weights
from nsynth_batch.training.listening import BEST, BEST_FREE_RUNNING, Listener
from tests.nsynth_batch.builders import ODD


@dataclass(frozen=True)
class Found:
    score: float


class Listens(Listener[Found]):
    """Finds the scores that it is given, one after the other."""

    scores: tuple[float, ...] = ()

    def play(self, folder: str, step: int, model: Any) -> Found:
        return Found(self.scores[step])


def test_the_best_model_stays_until_a_better_one_comes(tmp_path: Path) -> None:
    listener = Listens(str(tmp_path), [])
    listener.scores = (-1.0, -2.0, -1.0, -0.5)
    models = [random_weights(ODD, seed) for seed in range(4)]
    kept = []
    for step, weights in enumerate(models):
        assert listener.listen(step, weights).score == listener.scores[step]
        kept.append(load_checkpoint(tmp_path / BEST).digest())
    assert kept == [models[best].digest() for best in (0, 0, 0, 3)]


def test_a_training_that_goes_on_remembers_its_best(tmp_path: Path) -> None:
    listener = Listens(str(tmp_path), [], best=2.0)
    listener.scores = (1.0,)
    listener.listen(0, random_weights(ODD, 1))
    assert not (tmp_path / BEST).exists()


class ListensTwice(Listens):
    """Has another score for free running: the opposite one."""

    def free_running(self, found: Found) -> float:
        return -found.score


def test_the_best_in_free_running_is_another_model(tmp_path: Path) -> None:
    listener = ListensTwice(str(tmp_path), [], best_free_running=0.5)
    listener.scores = (-0.25, -2.0, -1.0)
    models = [random_weights(ODD, seed) for seed in range(3)]
    kept = []
    for step, weights in enumerate(models):
        listener.listen(step, weights)
        there = (tmp_path / BEST_FREE_RUNNING).exists()
        kept.append(load_checkpoint(tmp_path / BEST_FREE_RUNNING).digest() if there else None)
    assert kept == [None, models[1].digest(), models[1].digest()]
    assert load_checkpoint(tmp_path / BEST).digest() == models[0].digest()


def test_without_another_score_there_is_no_other_best(tmp_path: Path) -> None:
    listener = Listens(str(tmp_path), [])
    listener.scores = (1.0,)
    listener.listen(0, random_weights(ODD, 1))
    assert not (tmp_path / BEST_FREE_RUNNING).exists()
