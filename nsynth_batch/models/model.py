"""What every model answers, whatever its family: what it is, and what its results depend on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.engine import Codes, Engine, OnCodes, OnProgress
from nsynth_batch.models.quantiser import Quantiser
from nsynth_batch.models.weights import Array, ModelConfig, Weights

_MOST_CHANNELS = 8
"""Rows of so few samples, and more of them than samples, are taken for channels of one sound."""


class LoadedModel:
    """Weights and an engine that runs them.

    Parameters
    ----------
    weights : Weights
        The tensors and their configuration.
    engine : Engine
        What runs them.

    Attributes
    ----------
    family : str
        The family's name.
    config
        The model's sizes.
    engine : Engine
        What runs it.
    """

    def __init__(self, weights: Weights[ModelConfig], engine: Engine) -> None:
        self.family = weights.family
        self.config = weights.config
        self.engine = engine
        self._digest = weights.digest()

    @property
    def sample_rate(self) -> int:
        """Samples a second of all audio that it reads and writes."""
        return self.config.sample_rate

    @property
    def hop(self) -> int:
        """The shortest piece of audio that it works on, in samples."""
        return self.config.hop

    @property
    def resumes(self) -> bool:
        """Whether the engine goes on with clips that an interrupted call had begun."""
        return self.engine.resumes

    def facts(self) -> dict[str, str]:
        """Return what results depend on: checkpoint, engine, precision, instruction set, …."""
        return {
            "checkpoint": self._digest,
            "engine": self.engine.name,
            "precision": self.engine.precision,
            "instruction_set": self.engine.instruction_set,
            "device": self.engine.device,
            "nsynth-batch": version("nsynth-batch"),
            **self.engine.versions,
        }

    def __repr__(self) -> str:
        engine = self.engine
        return (
            f"<{self.family} model {self._digest[:12]}, {self.sample_rate} Hz, on {engine.name} "
            f"({engine.precision}, {engine.instruction_set}, {engine.device})>"
        )


class Autoencoder(LoadedModel, ABC):
    """A model that encodes audio, and makes audio of encodings."""

    @abstractmethod
    def encode(self, audio: Array) -> Array:
        """Return the encodings of audio.

        Parameters
        ----------
        audio : float32 [B, T], in [-1, 1], T a multiple of `hop`

        Returns
        -------
        float32 [B, T // hop, width]
        """

    @abstractmethod
    def decode(
        self,
        encodings: Sequence[Array],
        seed: int = 0,
        ids: Sequence[str] | None = None,
        *,
        temperature: float = 1.0,
        on_progress: OnProgress | None = None,
        prefixes: Sequence[Codes] | None = None,
        on_codes: OnCodes | None = None,
    ) -> list[Array]:
        """Return the audio of encodings, each keyed by the seed and its id.

        Parameters
        ----------
        encodings : sequence of float32 [F_i, width]
        seed : int
            Of all random draws.
        ids : sequence of str, optional
            By default the places.
        temperature : float
            Below 1 is tamer, above 1 wilder.
        on_progress : callable, optional
            Called with the samples made since the last call; 0 is a sign of life.
        prefixes : sequence of int16 arrays, optional
            What an interrupted call had made of each. Only where `resumes`.
        on_codes : callable, optional
            Called now and then with what is made of each so far. Only where `resumes`.

        Returns
        -------
        list of float32 [F_i · hop]
        """


def code_nll(
    logits: Array, codes: npt.NDArray[np.int16], quantiser: Quantiser
) -> npt.NDArray[np.float64]:
    """Return the negative log-likelihood of each code.

    Parameters
    ----------
    logits : float32 [..., levels]
    codes : int16 [...]
    quantiser : Quantiser
        Whose codes they are.

    Returns
    -------
    float64 [...], in nats
    """
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    bins = codes.astype(np.int64) - quantiser.lowest
    chosen = np.take_along_axis(shifted, bins[..., None], axis=-1)[..., 0]
    return np.asarray(np.log(np.exp(shifted).sum(axis=-1)) - chosen)


def checked_audio(audio: npt.ArrayLike, sample_rate: int) -> Array:
    """Return a batch of audio as an engine reads it.

    Parameters
    ----------
    audio : floats [B, T], in [-1, 1]
        Mono, at the model's sample rate.
    sample_rate : int
        The model's, in Hz.

    Returns
    -------
    float32 [B, T], contiguous

    Raises
    ------
    ValueError
        If it is of another shape or no floats, looks like the channels of one sound, or is not
        finite. The message names what is wanted.
    """
    given = np.asarray(audio)
    wanted = f"audio must be floats [batch, samples] in [-1, 1], mono, at {sample_rate} Hz"
    if not np.issubdtype(given.dtype, np.floating):
        advice = "; divide 16-bit samples by 32768" if given.dtype == np.int16 else ""
        raise ValueError(f"{wanted}, not {given.dtype}{advice}")
    if given.ndim != 2:
        advice = "; give one sound as audio[None]" if given.ndim == 1 else ""
        raise ValueError(f"{wanted}, not of shape {given.shape}{advice}")
    if 1 < given.shape[1] <= _MOST_CHANNELS and given.shape[0] > given.shape[1]:
        raise ValueError(
            f"{wanted}, not of shape {given.shape}, which looks like {given.shape[1]} channels; "
            "give their mean as audio.mean(axis=1)[None]"
        )
    if not np.isfinite(given).all():
        raise ValueError("audio holds samples that are not finite")
    return np.ascontiguousarray(given, dtype=np.float32)
