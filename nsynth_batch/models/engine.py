"""What an engine is: the interface that every way to run the model keeps to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.draws import Draws
from nsynth_batch.models.quantiser import LOWEST
from nsynth_batch.models.weights import Array

Codes = npt.NDArray[np.int16]
EngineName = Literal["auto", "native", "tensorflow", "magenta"]
Precision = Literal["float32", "bfloat16", "int16", "int8"]
"""What the products inside the decoder's layers are computed in; all else is float32."""

GPU = "gpu"
"""What stands for the instruction set where an engine runs on a GPU."""


class EngineUnavailableError(Exception):
    """An engine cannot be had here; the message is one line that says what to install."""


class NotFiniteError(FloatingPointError):
    """The model gave logits that are not finite for some clips of a decode; the others are whole.

    Parameters
    ----------
    clips : sequence of int
        The numbers of those clips.
    made : sequence of arrays
        What the decode made of all its clips.

    Attributes
    ----------
    clips : list of int
        The numbers of those clips.
    made : list of arrays
        What the decode would have given: an empty array for each of those clips.
    """

    def __init__(self, clips: Sequence[int], made: Sequence[npt.NDArray[Any]]) -> None:
        super().__init__(clips, made)
        self.clips = list(clips)
        self.made = [clip[:0] if i in self.clips else clip for i, clip in enumerate(made)]

    def __str__(self) -> str:
        numbers = ", ".join(map(str, self.clips))
        return f"the model gave logits that are not finite for clip {numbers}"


NO_CODE = LOWEST - 1
"""Stands where logits were not finite, in a decode that advances all its clips together."""


def all_finite(codes: list[Codes]) -> list[Codes]:
    """Give back the codes of some clips.

    Raises
    ------
    NotFiniteError
        If one holds NO_CODE.
    """
    if clips := [i for i, clip in enumerate(codes) if NO_CODE in clip]:
        raise NotFiniteError(clips, codes)
    return codes


class DecodeNeeds(Protocol):
    """What a decode takes.

    Attributes
    ----------
    batch : int
        Clips that are advanced at once.
    memory : int
        Bytes it allocates, weights left out.
    """

    @property
    def batch(self) -> int:
        """Clips that are advanced at once."""
        ...

    @property
    def memory(self) -> int:
        """Bytes it allocates, weights left out."""
        ...


@dataclass(frozen=True)
class Lockstep:
    """A decode that advances all its clips together.

    Attributes
    ----------
    batch
        How many those are.
    memory
        Bytes it allocates, weights left out.
    """

    batch: int
    memory: int


class Engine(Protocol):
    """One way to run the model.

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
    """

    name: str
    precision: Precision
    instruction_set: str
    device: str
    versions: dict[str, str]

    def encode(self, audio: Array) -> Array:
        """Encode float32 audio [B, T], T a multiple of the hop, to [B, T / hop, bottleneck]."""
        ...

    def logits(self, audio: Array, encodings: Array) -> Array:
        """Give teacher-forced logits [B, T, 256] for audio [B, T] under encodings [B, F, 16]."""
        ...

    def full_batch(self, samples: int) -> int:
        """Give how many clips of so many samples make a task that is as fast as it gets."""
        ...

    def plan_decode(self, samples: Sequence[int]) -> DecodeNeeds:
        """Say what a decode of clips of these lengths takes; MemoryError if it is not allowed."""
        ...

    def decode(
        self,
        encodings: Sequence[Array],
        draws: Sequence[Draws],
        *,
        temperature: float = 1.0,
        on_progress: Callable[[int], None] | None = None,
    ) -> list[Codes]:
        """Sample mu-law codes [F_i · hop] for each encoding [F_i, bottleneck].

        `on_progress` hears how many samples were made since it was last called: none at all where
        there is only a sign of life. Clips whose logits are not finite end in NotFiniteError,
        which holds the others.
        """
        ...


@runtime_checkable
class ResumableEngine(Engine, Protocol):
    """An engine that goes on with clips where another decode of them was interrupted.

    Attributes
    ----------
    resumes
        True: what such an engine is known by.
    """

    resumes: bool

    def plan_decode(self, samples: Sequence[int], *, resumes: bool = False) -> DecodeNeeds:
        """Say what a decode takes as any engine, or, if it `resumes`, one with prefixes."""
        ...

    def decode(
        self,
        encodings: Sequence[Array],
        draws: Sequence[Draws],
        *,
        temperature: float = 1.0,
        on_progress: Callable[[int], None] | None = None,
        prefixes: Sequence[Codes] | None = None,
        on_codes: Callable[[Sequence[Codes]], None] | None = None,
    ) -> list[Codes]:
        """Sample mu-law codes as any engine, going on after `prefixes` where they are given.

        `on_codes` is given now and then what has been made of each clip so far, prefixes
        included. What it keeps can be the `prefixes` of another decode, and the codes are those
        of a decode that was never interrupted.
        """
        ...
