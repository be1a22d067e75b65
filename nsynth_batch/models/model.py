"""What every model answers, whatever its family: what it is, and what its results depend on."""

from __future__ import annotations

import io
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.engine import (
    Codes,
    Engine,
    NotFiniteError,
    OnCodes,
    OnProgress,
    Request,
)
from nsynth_batch.models.quantiser import Quantiser
from nsynth_batch.models.weights import Array, ModelConfig, Weights
from sequencer.audio.samples import require_mono
from sequencer.clips.corpus import Corpus
from sequencer.rights.sources_csv import read_sources

_MOST_CHANNELS = 8
"""Rows of so few samples, and more of them than samples, are taken for channels of one sound."""
_MOST_PEAK = 8.0
"""Of audio, beside full scale: what is louder was never brought to it."""


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
    metadata : mapping of str to str
        What is known of its making.
    has_temperature : bool
        Whether it draws what it makes, tamer or wilder by a temperature.
    """

    has_temperature = True

    def __init__(self, weights: Weights[ModelConfig], engine: Engine) -> None:
        self.family = weights.family
        self.config = weights.config
        self.engine = engine
        self.metadata = weights.metadata
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

    @property
    def trained_on(self) -> Corpus | None:
        """The recordings that it was trained on; None where its file does not list them."""
        return trained_on(self.metadata)

    def __repr__(self) -> str:
        engine = self.engine
        return (
            f"<{self.family} model {self._digest[:12]}, {self.sample_rate} Hz, on {engine.name} "
            f"({engine.precision}, {engine.instruction_set}, {engine.device})>"
        )


TRAINED_ON = "trained_on"
"""Under this name a model's metadata list what it was trained on, as the text of a sources.csv."""


def trained_on(metadata: Mapping[str, str]) -> Corpus | None:
    """Return the recordings that a model was trained on, by its metadata; None where it has none.

    Raises
    ------
    SequencerError
        If the list is damaged.
    """
    if TRAINED_ON not in metadata:
        return None
    rows = read_sources(io.StringIO(metadata[TRAINED_ON]), "what the model learned", strict=False)
    return Corpus.of(rows.values())


class Generator(LoadedModel, ABC):
    """A model that makes audio from nothing, or goes on from a prime.

    Attributes
    ----------
    default_seconds : float
        How long a clip is where nothing else is asked for.
    """

    default_seconds: ClassVar[float] = 4.0

    @property
    def shortest_prime(self) -> int:
        """Samples that it needs at least where it goes on from a prime."""
        return 1

    @property
    @abstractmethod
    def quantiser(self) -> Quantiser:
        """How audio becomes the codes of its engine, and they audio."""

    def generate(
        self,
        seconds: float,
        ids: Sequence[str],
        seed: int = 0,
        *,
        temperature: float | tuple[float, float] = 1.0,
        primes: Sequence[Array] | None = None,
        on_progress: OnProgress | None = None,
        prefixes: Sequence[Codes] | None = None,
        on_codes: OnCodes | None = None,
    ) -> list[Array]:
        """Return clips, each keyed by the seed and its id.

        Parameters
        ----------
        seconds : float
            How long each is.
        ids : sequence of str
            One a clip, all different.
        seed : int
            Of all random draws.
        temperature : float or (float, float)
            Below 1 is tamer, above 1 wilder; two move from the first to the second within a clip:
            see `temperature_curve`.
        primes : sequence of float32 [n], optional
            What each clip goes on from; no part of the result. Silence by default.
        on_progress : callable, optional
            Called with the samples made since the last call; 0 is a sign of life.
        prefixes : sequence of int16 arrays, optional
            Codes that an interrupted call had made of each. Only where `resumes`.
        on_codes : callable, optional
            Called now and then with the codes made of each so far. Only where `resumes`.

        Returns
        -------
        list of float32 [samples]

        Raises
        ------
        ValueError
            If an argument does not fit.
        NotFiniteError
            If logits of some clips are not finite; it holds the audio of the others.
        """
        samples = round(seconds * self.sample_rate)
        names = list(ids)
        if samples < 1 or len(set(names)) != len(names):
            raise ValueError(f"clips need a length and ids of their own: {seconds} s, {names}")
        for what, given in (("primes", primes), ("prefixes", prefixes)):
            if given is not None and len(given) != len(names):
                raise ValueError(f"one each is wanted of the {what}: {len(given)} for {len(names)}")
        heat = temperature_curve(temperature, samples)
        requests = [
            Request(
                id=name,
                seed=seed,
                length=samples,
                prompt=None if primes is None else self._prompt(primes[i]),
                prefix=None if prefixes is None else prefixes[i],
                temperature=heat,
            )
            for i, name in enumerate(names)
        ]
        return sampled(
            self.engine, self.quantiser, requests, on_codes=on_codes, on_progress=on_progress
        )

    def _prompt(self, prime: Array) -> Codes:
        """Return what an engine goes on from."""
        require_mono(np.asarray(prime))
        return self.quantiser.encode(checked_audio(np.asarray(prime)[None], self.sample_rate)[0])


TEMPERATURE_STEPS = 16
"""In how many steps a temperature moves within a clip."""


def temperature_curve(temperature: float | tuple[float, float], samples: int) -> float | Array:
    """Return the temperature of each sample of a clip.

    Parameters
    ----------
    temperature : float or (float, float)
        One for the whole clip, or those of its beginning and its end: between them it moves in
        `TEMPERATURE_STEPS` even steps.
    samples : int
        Of the clip.

    Returns
    -------
    float, or float32 [samples]

    Examples
    --------
    >>> curve = temperature_curve((0.5, 2.0), 64)
    >>> [round(float(value), 2) for value in curve[[0, 3, 4, 59, 63]]]
    [0.5, 0.5, 0.6, 1.9, 2.0]
    """
    if not isinstance(temperature, tuple):
        return temperature
    levels = np.linspace(*temperature, TEMPERATURE_STEPS, dtype=np.float32)
    places = np.arange(samples, dtype=np.int64) * TEMPERATURE_STEPS // max(1, samples)
    return np.asarray(levels[places])


def sampled(
    engine: Engine,
    quantiser: Quantiser,
    requests: Sequence[Request],
    *,
    on_codes: OnCodes | None,
    on_progress: OnProgress | None,
) -> list[Array]:
    """Return the audio of what an engine generates; see `Generator.generate`.

    Raises
    ------
    NotFiniteError
        If logits of some clips are not finite; it holds the audio of the others.
    """
    try:
        codes = engine.generate(requests, on_codes=on_codes, on_progress=on_progress)
    except NotFiniteError as error:
        made = [quantiser.decode(clip) for clip in error.made]
        raise NotFiniteError(error.clips, made) from None
    return [quantiser.decode(clip) for clip in codes]


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
        If it is of another shape or no floats, looks like the channels of one sound, is not
        finite or of another scale: beyond eight times full scale. The message names what is
        wanted. What is beyond full scale by less is a warning.
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
    peak = float(np.abs(given).max(initial=0.0))
    if peak > _MOST_PEAK:
        raise ValueError(
            f"{wanted}, and reaches {peak:.4g}; divide samples of another scale by its full one "
            "(16 bits: 32768)"
        )
    if peak > 1.0:
        warnings.warn(
            f"audio reaches {peak:.4g} times full scale, and models know [-1, 1]; "
            "audio / np.abs(audio).max() brings it down",
            stacklevel=3,
        )
    return np.ascontiguousarray(given, dtype=np.float32)
