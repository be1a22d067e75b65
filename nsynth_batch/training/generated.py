"""What a generator sounds like on its way: clips at some temperatures, a score, the best model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hdfs_jobs.storage.open import open_storage
from nsynth_batch.models.family import family_named
from nsynth_batch.models.loading import make_engine
from nsynth_batch.models.weights import Weights, to_safetensors
from nsynth_batch.training.evaluation import model_nll
from nsynth_batch.training.listening import BEST, FOLDER, Sound, write_wav
from sequencer.clips.gate import verdict
from sequencer.clips.measures import measure
from sequencer.optional import installed
from sequencer.pictures.comparison import comparison

TEMPERATURES = (0.8, 0.9, 1.0)
"""Of the clips of a listening point."""

SECONDS = 2.0
"""How long each is."""


@dataclass(frozen=True)
class Generated:
    """A generator in numbers.

    Attributes
    ----------
    scored : float
        Nats a sample of the sounds that are scored, teacher-forced.
    good : float
        The share of its clips that the gate lets through.
    """

    scored: float
    good: float

    @property
    def score(self) -> float:
        """What the best model is chosen by: higher is better."""
        return -self.scored


class GenerationListener:
    """Generates clips with each model that it is given, and scores it on the same few sounds.

    Writes ``listening/step-N/temperature-T.wav``, a picture of them beside a source where
    matplotlib is installed, and ``best.safetensors``, the model with the fewest nats.

    Parameters
    ----------
    url : str
        The training's folder, on any storage.
    sounds : sequence of (name, float32 [n])
        What is scored, at the models' sample rate; held-out ones where there are any.
    best : float
        The score of the best model so far; NaN for none.
    """

    def __init__(self, url: str, sounds: Sequence[Sound], *, best: float = math.nan) -> None:
        self._storage = open_storage(url)
        self._sounds = sounds
        self.best = best

    def listen(self, step: int, weights: Weights[Any]) -> Generated:
        """Generate a clip at each temperature; write and measure them, and score the sounds."""
        model: Any = family_named(weights.family).model(weights, make_engine(weights, "auto"))
        rate, folder = model.sample_rate, f"{FOLDER}/step-{step:06d}"
        rows, good = list(self._sounds[:1]), 0
        for temperature in TEMPERATURES:
            [clip] = model.generate(SECONDS, ["listening"], temperature=temperature)
            title = f"temperature-{temperature:g}"
            write_wav(self._storage, f"{folder}/{title}.wav", clip, rate)
            rows.append((title, clip))
            good += verdict(measure(clip, rate))[0] == "good"
        if installed("matplotlib"):
            self._storage.replace(f"{folder}/clips.png", comparison(rows, rate))
        samples = sum(len(audio) for _, audio in self._sounds)
        nats = sum(model_nll(model, audio) * len(audio) for _, audio in self._sounds)
        found = Generated(nats / samples, good / len(TEMPERATURES))
        if not found.score <= self.best:
            self._storage.replace(BEST, to_safetensors(weights))
            self.best = found.score
        return found
