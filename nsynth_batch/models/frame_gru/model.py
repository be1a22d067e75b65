"""A network over frames on one engine: it generates, and says how well it predicts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.engine import Codes
from nsynth_batch.models.frame_gru.config import SMALLEST_LOG_VARIANCE, FrameConfig
from nsynth_batch.models.frame_gru.engine import FrameEngine
from nsynth_batch.models.model import Generator, checked_audio
from nsynth_batch.models.quantiser import PCM, Quantiser
from nsynth_batch.models.weights import Array

Losses = npt.NDArray[np.float64]
Frames = TypeVar("Frames", npt.NDArray[np.float32], npt.NDArray[np.float64])


class FrameModel(Generator):
    """Gated recurrent units over frames.

    It generates from a prime's end, in whole frames; a temperature is what each predicted deviation
    is multiplied by.

    Attributes
    ----------
    config : FrameConfig
        Its sizes.
    engine : FrameEngine
        What runs it.
    """

    config: FrameConfig
    engine: FrameEngine
    default_seconds = 30.0

    @property
    def shortest_prime(self) -> int:
        """Samples that it needs at least where it goes on from a prime: a frame."""
        return self.config.frame

    @property
    def quantiser(self) -> Quantiser:
        """Samples of 16 bits: nothing is drawn from bins."""
        return PCM

    def predictions(self, audio: Array) -> tuple[Array, Array | None]:
        """Return what is predicted of each frame from those before it, teacher-forced.

        Before the first there was a frame of silence.

        Parameters
        ----------
        audio : floats [B, T], in [-1, 1]
            Samples after the last whole frame are left out.

        Returns
        -------
        means : float32 [B, T // F, F]
            In units of the corpus's deviation.
        log_variances : float32 [B, T // F, F] or None
            None of a head that predicts means alone.

        Raises
        ------
        ValueError
            If it is no such array.
        """
        heads = self._heads(_before(self._frames(audio)))
        if not self.config.varies:
            return heads, None
        size = self.config.frame
        return heads[..., :size], np.maximum(heads[..., size:], SMALLEST_LOG_VARIANCE)

    def loss(self, audio: Array) -> Losses:
        """Return what it is trained by, teacher-forced.

        Parameters
        ----------
        audio : floats [B, T], in [-1, 1]
            Of at least a frame.

        Returns
        -------
        float64 [B], a sample
            The squared error in units of the corpus's variance, or nats as a density over samples
            in units of its deviation.

        Raises
        ------
        ValueError
            If it is no such array.
        """
        targets = self._frames(audio).astype(np.float64)
        if not targets.shape[1]:
            raise ValueError(
                f"audio of {np.shape(audio)[1]} samples is shorter than a frame of "
                f"{self.config.frame}"
            )
        mean, log_variance = self.predictions(audio)
        squared = np.square(targets - mean)
        if log_variance is None:
            return np.asarray(squared.mean(axis=(1, 2)))
        wide = log_variance.astype(np.float64)
        each = 0.5 * (math.log(2 * math.pi) + wide + squared * np.exp(-wide))
        return np.asarray(each.mean(axis=(1, 2)))

    def beside(self, audio: Array) -> Mapping[str, Losses]:
        """Return what a loss is compared with, float64 [B] each, as `loss` is.

        ``squared error``, where the loss is another; ``variance``, the error of predicting nothing;
        ``repeat``, that of repeating the last frame.
        """
        frames = self._frames(audio).astype(np.float64)
        found = {
            "variance": frames.var(axis=(1, 2)),
            "repeat": np.square(frames - _before(frames)).mean(axis=(1, 2)),
        }
        if not self.config.varies:
            return found
        error = np.square(frames - self.predictions(audio)[0]).mean(axis=(1, 2))
        return {"squared error": error, **found}

    def _prompt(self, prime: Array) -> Codes:
        """Return whole frames of a prime, counted from its end."""
        audio = checked_audio(np.asarray(prime)[None], self.sample_rate)[0]
        whole = len(audio) // self.config.frame * self.config.frame
        if not whole:
            raise ValueError(
                f"a prime of {len(audio)} samples is shorter than a frame of {self.config.frame}"
            )
        return PCM.encode(audio[-whole:])

    def _frames(self, audio: Array) -> Array:
        audio = checked_audio(audio, self.sample_rate)
        count = audio.shape[1] // self.config.frame
        frames = audio[:, : count * self.config.frame].reshape(len(audio), count, self.config.frame)
        return frames * np.float32(self.config.gain)

    def _heads(self, frames: Array) -> Array:
        """Return the outputs of frames [B, T, F]; a window begins anew with each sequence."""
        clips, count, size = frames.shape
        sequence = self.config.sequence
        if self.config.past != "window" or count <= sequence:
            return self.engine.heads(frames)
        padded = np.pad(frames, ((0, 0), (0, -count % sequence), (0, 0)))
        found = self.engine.heads(padded.reshape(-1, sequence, size))
        return found.reshape(clips, -1, self.config.outputs)[:, :count]


def _before(frames: Frames) -> Frames:
    """Return the frame before each of some [B, T, F]: silence before the first."""
    return np.pad(frames, ((0, 0), (1, 0), (0, 0)))[:, :-1]
