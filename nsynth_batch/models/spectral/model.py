"""A spectral autoencoder, ready to use."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.autoencoder import Autoencoder
from nsynth_batch.models.model import checked_audio
from nsynth_batch.models.quantiser import PCM, Quantiser
from nsynth_batch.models.spectral.engine import SpectralEngine
from nsynth_batch.models.spectral.shape import AnyConfig
from nsynth_batch.models.weights import Array, Weights


class SpectralModel(Autoencoder):
    """A spectral autoencoder on one engine.

    Attributes
    ----------
    config : SpectralConfig or PublishedConfig
        Its sizes.
    engine : SpectralEngine
        What runs it.
    """

    config: AnyConfig
    engine: SpectralEngine
    has_temperature = False

    def __init__(self, weights: Weights[AnyConfig], engine: SpectralEngine) -> None:
        super().__init__(weights, engine)

    @property
    def width(self) -> int:
        """Channels of an encoding."""
        return self.config.width

    @property
    def quantiser(self) -> Quantiser:
        """Samples of 16 bits: nothing is drawn from bins."""
        return PCM

    def loss(self, audio: Array) -> npt.NDArray[np.float64]:
        """Return the mean squared error of the frames that are decoded, as in training.

        Of cube roots of magnitudes (of decibels over 120, of the published shape), those of low
        frequencies weighing more. A tail shorter than a hop is left out.

        Parameters
        ----------
        audio : floats [B, T], in [-1, 1]
            Mono, at the model's `sample_rate`.

        Returns
        -------
        float64 [B]

        Raises
        ------
        ValueError
            If it is no such array, or shorter than a hop.
        """
        audio = checked_audio(audio, self.sample_rate)
        whole = audio[:, : audio.shape[1] // self.hop * self.hop]
        if not whole.shape[1]:
            raise ValueError(f"audio {audio.shape} is shorter than a hop of {self.hop} samples")
        return np.asarray([self.engine.shape.error(row) for row in whole])
