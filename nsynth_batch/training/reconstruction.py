"""What an autoencoder sounds like on its way: sources against what it decodes of them."""

from __future__ import annotations

import re

import numpy as np

from nsynth_batch.models.autoencoder import Autoencoder
from nsynth_batch.training.fidelity import Measures, measures, reconstructed_and_scored
from nsynth_batch.training.listening import Listener
from nsynth_batch.training.surprise import Surprise

SCORED_SECONDS = 0.5
"""Of each clip's beginning: 2 s cost two thirds of what drawing them does."""


class ReconstructionListener(Listener[Measures]):
    """Decodes sounds from their encodings, temperature 1.

    Writes ``NAME.wav`` (the source, half a second of silence, the output) and a picture of the two.
    The best model has the highest mean of pitch kept and partials.
    """

    def play(self, folder: str, step: int, model: Autoencoder) -> Measures:
        """Write a sound file and a picture a sound, and measure all together."""
        outputs, surprises = reconstructed_and_scored(model, self.sounds, seconds=SCORED_SECONDS)
        rate = model.sample_rate
        pause = np.zeros(rate // 2, np.float32)
        for number, (sound, output) in enumerate(zip(self.sounds, outputs, strict=True), 1):
            title, source = sound
            name = re.sub(r"[^\w.-]+", "_", title)[-60:]
            path = f"{folder}/{number}-{name}"
            self.write_wav(f"{path}.wav", np.concatenate([source, pause, output]), rate)
            rows = [(f"{title}: source", source), (f"decoded after {step} steps", output)]
            self.draw(f"{path}.png", rows, rate)
        sources = [source for _, source in self.sounds]
        return measures(sources, outputs, rate, sum(surprises, Surprise()))
