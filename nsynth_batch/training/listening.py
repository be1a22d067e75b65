"""What a training sounds like on its way: sound, pictures, measures, and the best model kept."""

from __future__ import annotations

import io
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

import soundfile

from hdfs_jobs.storage.open import open_storage
from nsynth_batch.models.family import family_named
from nsynth_batch.models.loading import make_engine
from nsynth_batch.models.weights import Weights, to_safetensors
from nsynth_batch.training.stretches import Audio, Sound
from sequencer.optional import installed
from sequencer.pictures.comparison import comparison

BEST = "best.safetensors"
BEST_FREE_RUNNING = "best-free-running.safetensors"
FOLDER = "listening"


class Scored(Protocol):
    """A model in numbers: a dataclass of measures."""

    @property
    def score(self) -> float:
        """What the best model is chosen by: higher is better."""
        ...


Found = TypeVar("Found", bound=Scored)


class Listener(ABC, Generic[Found]):
    """Plays the same few sounds with each model that it is given, and measures what comes out.

    Writes sound into ``listening/step-N/``, a picture beside it where matplotlib is installed, and
    ``best.safetensors``, the model with the highest score; and where another score tells how it
    runs freely, ``best-free-running.safetensors`` by that one.

    Parameters
    ----------
    url : str
        The training's folder, on any storage.
    sounds : sequence of (name, float32 [n])
        At the models' sample rate; `stretches` picks them.
    best : float
        The score of the best model so far; NaN for none.
    best_free_running : float
        Of the best in free running; NaN for none.
    """

    def __init__(
        self,
        url: str,
        sounds: Sequence[Sound],
        *,
        best: float = math.nan,
        best_free_running: float = math.nan,
    ) -> None:
        self._storage = open_storage(url)
        self.sounds = sounds
        self.best = best
        self.best_free_running = best_free_running

    def listen(self, step: int, weights: Weights[Any]) -> Found:
        """Play, write and measure what a model makes at this step; keep it if it is the best."""
        model = family_named(weights.family).model(weights, make_engine(weights, "auto"))
        found = self.play(f"{FOLDER}/step-{step:06d}", step, model)
        if not found.score <= self.best:
            self._storage.replace(BEST, to_safetensors(weights))
            self.best = found.score
        free = self.free_running(found)
        if not math.isnan(free) and not free <= self.best_free_running:
            self._storage.replace(BEST_FREE_RUNNING, to_safetensors(weights))
            self.best_free_running = free
        return found

    def free_running(self, found: Found) -> float:
        """Return the score that is for free running alone; NaN where there is none."""
        return math.nan

    @abstractmethod
    def play(self, folder: str, step: int, model: Any) -> Found:
        """Write what a model makes into a folder of the training's, and measure it."""

    def write_wav(self, path: str, audio: Audio, sample_rate: int) -> None:
        """Write audio float32 [n] as a wav file."""
        wav = io.BytesIO()
        soundfile.write(wav, audio, sample_rate, format="WAV")
        self._storage.replace(path, wav.getvalue())

    def draw(self, path: str, rows: Sequence[Sound], sample_rate: int) -> None:
        """Draw sounds below each other, where matplotlib is installed."""
        if installed("matplotlib"):
            self._storage.replace(path, comparison(rows, sample_rate))
