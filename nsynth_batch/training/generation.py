"""What a generator sounds like on its way: clips at some temperatures, and a score."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

from nsynth_batch.models.code_generator import CodeGenerator
from nsynth_batch.models.model import Generator
from nsynth_batch.training.evaluation import UNIFORM_NLL, Lossy, model_nll
from nsynth_batch.training.listening import Listener
from nsynth_batch.training.stretches import Audio
from nsynth_batch.training.surprise import Surprise, surprise
from sequencer.clips.gate import verdict
from sequencer.clips.measures import measure

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
        Nats a sample of the sounds that are scored, teacher-forced; the loss of a model without
        codes.
    good : float
        The share of its clips that the gate lets through.
    drift : float
        How far its clip at temperature 1 is from what it was scored on, in nats a sample: far below
        them it is caught in a loop or in silence, far above it makes noise. NaN without codes.
    drawn_nll, entropy : float
        Of that clip, as in `Surprise`; NaN without codes.
    """

    scored: float
    good: float
    drift: float
    drawn_nll: float = math.nan
    entropy: float = math.nan

    @property
    def score(self) -> float:
        """What the best model is chosen by: higher is better."""
        return -self.scored


class GenerationListener(Listener[Generated]):
    """Generates a clip at each temperature, and scores the sounds, held-out ones where there are.

    Writes ``temperature-T.wav``, and a picture of the clips beside a source. The best model has the
    fewest nats, or the smallest loss; the best in free running the largest share of good clips,
    less the drift as a share of the nats of a guess that knows nothing.
    """

    def free_running(self, found: Generated) -> float:
        """Return what the best model in free running is chosen by: 1 at most."""
        return found.good - (0.0 if math.isnan(found.drift) else found.drift / UNIFORM_NLL)

    def play(self, folder: str, step: int, model: Generator) -> Generated:
        """Write a sound file a temperature and a picture of all; score model and clips."""
        rate, rows, good = model.sample_rate, list(self.sounds[:1]), 0
        own = Surprise()
        for temperature in TEMPERATURES:
            [clip] = model.generate(SECONDS, ["listening"], temperature=temperature)
            title = f"temperature-{temperature:g}"
            self.write_wav(f"{folder}/{title}.wav", clip, rate)
            rows.append((title, clip))
            good += verdict(measure(clip, rate))[0] == "good"
            if temperature == 1:
                own = surprise(model, clip)
        self.draw(f"{folder}/clips.png", rows, rate)
        samples = sum(len(audio) for _, audio in self.sounds)
        scored = sum(_score(model, audio) * len(audio) for _, audio in self.sounds) / samples
        drift = abs(own.nll - scored)
        return Generated(scored, good / len(TEMPERATURES), drift, own.nll, own.entropy)


def _score(model: Generator, audio: Audio) -> float:
    if isinstance(model, CodeGenerator):
        return model_nll(model, audio)
    return float(cast(Lossy, model).loss(audio[None])[0])
