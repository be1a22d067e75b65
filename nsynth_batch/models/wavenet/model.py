"""NSynth's autoencoder, ready to use: an engine, mu-law around it, and checked arguments."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.autoencoder import Autoencoder
from nsynth_batch.models.code_generator import code_nll
from nsynth_batch.models.engine import Predictor
from nsynth_batch.models.model import checked_audio
from nsynth_batch.models.quantiser import MU_LAW_NSYNTH, Quantiser
from nsynth_batch.models.wavenet import postfilter
from nsynth_batch.models.wavenet.config import QUANTA, Config
from nsynth_batch.models.weights import Array, Weights


class Model(Autoencoder):
    """An NSynth autoencoder on one engine.

    Attributes
    ----------
    config : Config
        Its sizes.
    engine : Predictor
        What runs it.
    """

    config: Config
    engine: Predictor

    def __init__(self, weights: Weights[Config], engine: Predictor) -> None:
        super().__init__(weights, engine)
        self._postfilter = {
            name: tensor
            for name, tensor in weights.tensors.items()
            if name.startswith("postfilter/")
        }

    @property
    def width(self) -> int:
        """Channels of an encoding."""
        return self.config.ae_bottleneck

    @property
    def quantiser(self) -> Quantiser:
        """The published model's mu-law."""
        return MU_LAW_NSYNTH

    def finished(self, drawn: Array, encoding: Array) -> Array:
        """Return a clip filtered to the spectra that its encoding names, if there is a postfilter.

        Parameters
        ----------
        drawn : float32 [F · hop]
        encoding : float32 [F, bottleneck]

        Returns
        -------
        float32 [F · hop], in [-1, 1]
        """
        if not self._postfilter:
            return drawn
        return postfilter.filtered(drawn, postfilter.named(self._postfilter, encoding))

    def logits(self, audio: Array, encodings: Array) -> Array:
        """Return teacher-forced logits: those of each sample from the ones before it.

        Parameters
        ----------
        audio : float32 [B, T]
        encodings : float32 [B, F, bottleneck]
            A frame for each hop that was begun: F = T / hop, rounded up.

        Returns
        -------
        float32 [B, T, 256]

        Raises
        ------
        ValueError
            If the shapes do not fit each other or a value is not finite.
        """
        audio = checked_audio(audio, self.sample_rate)
        encodings = np.ascontiguousarray(encodings, dtype=np.float32)
        rows, samples = audio.shape
        frames = -(-samples // self.config.ae_hop_length)
        wanted = (rows, frames, self.config.ae_bottleneck)
        if encodings.shape != wanted:
            raise ValueError(
                f"audio {audio.shape} and encodings {encodings.shape} do not fit: wanted {wanted}"
            )
        if not np.isfinite(encodings).all():
            raise ValueError("encodings hold values that are not finite")
        if not rows or not samples:
            return np.zeros((rows, samples, QUANTA), np.float32)
        # What stands after the end changes nothing before it: the decoder is causal.
        whole = np.pad(audio, ((0, 0), (0, frames * self.config.ae_hop_length - samples)))
        return self.engine.logits(whole, encodings)[:, :samples]

    def nll(self, audio: Array) -> npt.NDArray[np.float64]:
        """Return the negative log-likelihood of audio under its own encodings, teacher-forced.

        A tail shorter than a hop is left out.

        Parameters
        ----------
        audio : floats [B, T], in [-1, 1]
            Mono, at the model's `sample_rate`.

        Returns
        -------
        float64 [B], in nats a sample

        Raises
        ------
        ValueError
            If it is no such array, or shorter than a hop.
        """
        audio = checked_audio(audio, self.sample_rate)
        whole = audio[:, : audio.shape[1] // self.hop * self.hop]
        if not whole.shape[1]:
            raise ValueError(f"audio {audio.shape} is shorter than a hop of {self.hop} samples")
        logits = self.logits(whole, self.encode(whole))
        each = code_nll(logits, self.quantiser.encode(whole), self.quantiser)
        return np.asarray(each.mean(axis=1))
