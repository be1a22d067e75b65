"""What an engine is: the interface that every way to run a model keeps to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from hdfs_jobs.errors import UsageError
from nsynth_batch.models.draws import Draws
from nsynth_batch.models.quantiser import LOWEST
from nsynth_batch.models.weights import Array
from nsynth_batch.settings.choices import Precision

Codes = npt.NDArray[np.int16]

GPU = "gpu"
"""What stands for the instruction set where an engine runs on a GPU."""


class EngineUnavailableError(UsageError):
    """An engine cannot be had here; the message is one line that names what to install."""


class NotFiniteError(FloatingPointError):
    """The model gave logits that are not finite for some clips; the others are whole.

    Parameters
    ----------
    clips : sequence of int
        The numbers of those clips.
    made : sequence of arrays
        What was made of all clips.

    Attributes
    ----------
    clips : list of int
        The numbers of those clips.
    made : list of arrays
        What would have been returned: an empty array for each of those clips.
    """

    def __init__(self, clips: Sequence[int], made: Sequence[npt.NDArray[Any]]) -> None:
        super().__init__(clips, made)
        self.clips = list(clips)
        self.made = [clip[:0] if i in self.clips else clip for i, clip in enumerate(made)]

    def __str__(self) -> str:
        numbers = ", ".join(map(str, self.clips))
        return f"the model gave logits that are not finite for clip {numbers}"


NO_CODE = LOWEST - 1
"""Stands where logits were not finite, where all clips are advanced together."""


def all_finite(codes: list[Codes]) -> list[Codes]:
    """Return the codes of some clips.

    Raises
    ------
    NotFiniteError
        If one holds NO_CODE.
    """
    if clips := [i for i, clip in enumerate(codes) if NO_CODE in clip]:
        raise NotFiniteError(clips, codes)
    return codes


@dataclass(frozen=True)
class Needs:
    """What it takes to generate some clips.

    Attributes
    ----------
    batch
        Clips that are advanced at once.
    memory
        Bytes that are allocated, weights left out.
    """

    batch: int
    memory: int


@dataclass(frozen=True, eq=False)
class Request:
    """One clip to generate.

    Attributes
    ----------
    id : str
        The clip's id: with the seed it keys the random draws.
    seed : int
        The seed.
    length : int
        Samples to generate, the prefix included and the prompt not.
    conditioning : float32 array or None
        What the clip is generated under: for NSynth an encoding [F, bottleneck], F · hop = length.
    prompt : int16 array or None
        Codes that the clip goes on from; they are no part of the result.
    prefix : int16 array or None
        Codes that an interrupted call made of this same clip, in its engine's precision and
        instruction set; the result is that of the uninterrupted call. Where the engine `resumes`.
    temperature : float or float32 array [length]
        Divides the logits: one value, or a curve with a value for each sample.
    """

    id: str
    seed: int
    length: int
    conditioning: Array | None = None
    prompt: Codes | None = None
    prefix: Codes | None = None
    temperature: float | Array = 1.0

    @property
    def draws(self) -> Draws:
        """The clip's random draws, one a sample."""
        return Draws(self.seed, self.id)


OnCodes = Callable[[Sequence[Codes]], None]
"""Called now and then with the codes made of each clip so far, prefixes included."""

OnProgress = Callable[[int], None]
"""Called with the samples made since the last call; 0 is a sign of life."""


class Engine(Protocol):
    """One way to run a model.

    Attributes
    ----------
    name
        ``native``, ``tensorflow`` or ``magenta``.
    precision
        What it computes in: ``float32``, ``bfloat16`` …
    instruction_set
        What the bytes of its results depend on besides precision.
    device
        Where it runs, for people.
    versions
        Libraries its results depend on.
    resumes
        Whether it goes on from a request's prefix and calls `on_codes`.
    """

    name: str
    precision: Precision
    instruction_set: str
    device: str
    versions: dict[str, str]
    resumes: bool

    def full_batch(self, samples: int) -> int:
        """Return how many clips of so many samples make a task that is as fast as it gets."""
        ...

    def needs(self, lengths: Sequence[int], *, resumed: bool = False) -> Needs:
        """Return what it takes to generate clips of these lengths.

        Parameters
        ----------
        lengths : sequence of int
            Samples of each clip.
        resumed : bool
            Whether some have a prefix, which may take more.

        Raises
        ------
        MemoryError
            If it is more than the engine may allocate.
        """
        ...

    def generate(
        self,
        requests: Sequence[Request],
        *,
        on_codes: OnCodes | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Codes]:
        """Sample the codes of some clips.

        Returns
        -------
        list of int16 [length], as the requests stand

        Raises
        ------
        ValueError
            If a request does not fit the model, or asks for what the engine has not.
        MemoryError
            If it needs more memory than allowed; nothing was begun then.
        NotFiniteError
            If the logits of some clips are not finite; it holds the others.
        """
        ...


@runtime_checkable
class Encoder(Engine, Protocol):
    """An engine of an autoencoder."""

    def encode(self, audio: Array) -> Array:
        """Encode float32 audio [B, T], T a multiple of the hop, to [B, T / hop, width]."""
        ...


class Predictor(Encoder, Protocol):
    """An engine of an autoencoder that predicts each sample from those before it."""

    def logits(self, audio: Array, encodings: Array) -> Array:
        """Return teacher-forced logits [B, T, 256] for audio [B, T] under encodings [B, F, b]."""
        ...


def refuse_resuming(
    engine: str, requests: Sequence[Request], on_codes: OnCodes | None = None
) -> None:
    """Refuse prefixes and `on_codes` on an engine that does not resume.

    Raises
    ------
    ValueError
        If there is one.
    """
    if on_codes is not None or any(request.prefix is not None for request in requests):
        raise ValueError(f"engine {engine} cannot go on with an interrupted decode")


def one_temperature(requests: Sequence[Request], engine: str) -> float:
    """Return the temperature of some requests, for an engine that has one a call.

    Raises
    ------
    ValueError
        If they differ, one is a curve, or it is not above 0.
    """
    values = {float(r.temperature) for r in requests if np.ndim(r.temperature) == 0}
    if len(values) > 1 or any(np.ndim(request.temperature) for request in requests):
        raise ValueError(f"engine {engine}: all clips of a call share one temperature")
    temperature = next(iter(values), 1.0)
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature must be above 0 and finite, not {temperature}")
    return temperature


def one_curve(requests: Sequence[Request]) -> Array:
    """Return the temperature of some requests, or that of each sample: float32 [1] or [samples].

    Raises
    ------
    ValueError
        If they differ, a curve is of another length than its clip, or holds what is not above 0.
    """
    curves = [np.atleast_1d(np.asarray(request.temperature, np.float32)) for request in requests]
    first = curves[0] if curves else np.ones(1, np.float32)
    if not all(np.array_equal(curve, first) for curve in curves):
        raise ValueError("all clips of a call share one temperature, or one curve of them")
    if not np.isfinite(first).all() or not (first > 0).all():
        raise ValueError(f"temperatures must be above 0 and finite, not {first.min():g}")
    if len(first) > 1 and any(request.length != len(first) for request in requests):
        raise ValueError(f"a curve of {len(first)} temperatures fits clips of as many samples")
    return first
