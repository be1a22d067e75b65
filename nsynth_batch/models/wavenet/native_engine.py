"""The fast engine for CPUs: the model in C++, without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np

from nsynth_batch.models import quantiser
from nsynth_batch.models.draws import Draws
from nsynth_batch.models.engine import Codes, EngineUnavailableError, NotFiniteError, Precision
from nsynth_batch.models.machine import allowed_memory, demand_memory, within_allowance
from nsynth_batch.models.wavenet.config import QUANTA, convolutions
from nsynth_batch.models.wavenet.native_inputs import (
    checked_encoding,
    checked_prefixes,
    frames_of,
    require_finite,
)
from nsynth_batch.models.weights import Array, Weights

try:
    from nsynth_batch.native import _engine
except ImportError as _error:
    _why_missing = str(_error)
else:
    _why_missing = ""

Split = Literal["apart", "together"]

CLIPS_A_THREAD = 48
"""Clips a thread advances at once, where memory allows: more gain little."""

MODELS = frozenset({"amx-model", "avx512-model"})
"""Models of instruction sets, of test builds: had by name, not chosen by themselves."""

_LARGE_MODEL = 32 * 2**20
_ENCODE_FRAMES = 256
_QUANTISING = 16
"""Bytes a sample while audio becomes what the network sees of it."""

_QUEUED = 6
"""Bytes of a sample's draw and code."""


@dataclass(frozen=True)
class DecodePlan:
    """How a decode will be run.

    Attributes
    ----------
    batch : int
        Clips that are advanced at once.
    split : str
        ``apart``: each thread has clips of its own. ``together``: all threads share each layer.
    memory : int
        Bytes it will allocate: histories, draws and codes; weights not counted.
    """

    batch: int
    split: Split
    memory: int


def instruction_sets() -> dict[str, bool]:
    """Give the instruction sets of this build, the fastest first, and whether the CPU has them.

    Raises
    ------
    EngineUnavailableError
        If the extension was not built.
    """
    _require_built()
    return _engine.instruction_sets()


def fastest_set(sets: Mapping[str, bool]) -> str:
    """Choose the fastest instruction set that the CPU has.

    Parameters
    ----------
    sets : mapping of str to bool
        As `instruction_sets` gives them.
    """
    return next(name for name, there in sets.items() if there and name not in MODELS)


def chosen_instruction_set(wanted: str | None = None) -> str:
    """Name the instruction set that an engine will use.

    Parameters
    ----------
    wanted : str, optional
        One of `instruction_sets()`, or ``auto`` for `fastest_set`. By default what the
        environment variable NSYNTH_BATCH_INSTRUCTION_SET says, else ``auto``.

    Raises
    ------
    EngineUnavailableError
        If the extension was not built.
    """
    _require_built()
    wanted = wanted or os.environ.get("NSYNTH_BATCH_INSTRUCTION_SET", "auto")
    return fastest_set(instruction_sets()) if wanted == "auto" else wanted


class NativeEngine:
    """The model in C++ on this machine's CPU.

    A clip's bytes depend on its encoding, its draws, the temperature, the precision and the
    instruction set: on nothing else, neither batch, threads, order nor interruptions.

    Parameters
    ----------
    weights : Weights
    threads : int, optional
        Threads a call uses; by default one for each core of this process.
    instruction_set : str, optional
        As `chosen_instruction_set` takes it.
    batch : int, optional
        Clips to advance at once; by default what suits the threads and fits the memory.
    memory : int, optional
        Bytes that a call may allocate; by default most of what the machine or container has left.
    split : str, optional
        ``apart`` or ``together``, see `DecodePlan`; by default by the number of clips.
    precision : str
        Of the large products inside the decoder's layers; encoding is float32 always.

    Raises
    ------
    EngineUnavailableError
        If the extension was not built, this processor lacks the instruction set, or the precision
        cannot be had with it.
    ValueError
        If a number is below 1, or the instruction set or the precision is unknown.
    """

    name = "native"
    resumes = True

    def __init__(
        self,
        weights: Weights,
        *,
        threads: int | None = None,
        instruction_set: str | None = None,
        batch: int | None = None,
        memory: int | None = None,
        split: Split | None = None,
        precision: Precision = "float32",
    ) -> None:
        for what, value in (("threads", threads), ("batch", batch), ("memory", memory)):
            if value is not None and value < 1:
                raise ValueError(f"{what} must be above 0, not {value}")
        if precision not in get_args(Precision):
            known = ", ".join(get_args(Precision))
            raise ValueError(f"unknown precision {precision!r}: choose one of {known}")
        wanted = chosen_instruction_set(instruction_set)
        try:
            self._model = _engine.Model(
                weights.config.to_dict(), dict(weights.tensors), wanted, precision
            )
        except RuntimeError as error:
            raise EngineUnavailableError(str(error)) from None
        self.config = weights.config
        self.precision = precision
        self.threads = threads or len(os.sched_getaffinity(0))
        self.instruction_set = self._model.instruction_set
        self.device = f"CPU, {self.threads} threads"
        self.versions = {"numpy": np.__version__}
        self._batch = batch
        self._memory = memory
        self._split = split

    def encode(self, audio: Array) -> Array:
        """Encode audio.

        Parameters
        ----------
        audio : float32 [B, T], T a multiple of the hop

        Returns
        -------
        float32 [B, T / hop, bottleneck]

        Raises
        ------
        ValueError
            If the shape does not fit or a sample is not finite.
        MemoryError
            If it needs more memory than allowed; nothing was begun then.
        """
        clips, frames = frames_of(self.config, audio)
        # Enough pieces for all threads, but none so short that its borders cost more than itself.
        share = -(-clips * frames // self.threads)
        most = max(1, min(frames, max(_ENCODE_FRAMES // 4, min(_ENCODE_FRAMES, share))))
        allowed = allowed_memory(self._memory)
        fixed = _QUANTISING * audio.size + 4 * clips * frames * self.config.ae_bottleneck
        needs = partial(self._model.encode_memory, threads=self.threads)
        while most > 1 and fixed + needs(frames=most) > allowed:
            most //= 2
        demand_memory("encoding", fixed + needs(frames=most), allowed)
        with within_allowance("encoding"):
            inputs = np.pad(self._quantise(audio), ((0, 0), (1, 1)))
            return self._model.encode(inputs, threads=self.threads, most_frames=most)

    def logits(self, audio: Array, encodings: Array) -> Array:
        """Give teacher-forced logits.

        Parameters
        ----------
        audio : float32 [B, T], T = F · hop
        encodings : float32 [B, F, bottleneck]

        Returns
        -------
        float32 [B, T, 256]

        Raises
        ------
        ValueError
            If a shape does not fit or a value is not finite.
        MemoryError
            If it needs more memory than allowed; nothing was begun then.
        """
        clips, frames = frames_of(self.config, audio)
        encodings = np.ascontiguousarray(encodings, np.float32)
        wanted = (clips, frames, self.config.ae_bottleneck)
        if encodings.shape != wanted:
            raise ValueError(
                f"encodings {encodings.shape} do not fit audio {audio.shape}: wanted {wanted}"
            )
        require_finite(encodings, "encodings")
        state = self._model.logits_memory(clips=clips, threads=self.threads)
        needed = state + audio.size * (4 * QUANTA + _QUANTISING)
        demand_memory("logits", needed, allowed_memory(self._memory))
        with within_allowance("logits"):
            # Two zeros before the first sample, and the input of a sample is the one before it.
            inputs = np.zeros((clips, audio.shape[1] + 2), np.float32)
            inputs[:, 3:] = self._quantise(audio)[:, :-1]
            return self._model.logits(inputs, encodings, threads=self.threads)

    def full_batch(self, samples: int) -> int:
        """Give how many clips of so many samples keep all threads busy.

        Memory that lacks only makes some wait for others, but their draws and codes have to fit:
        they are left half of what is allowed, and no more than what one clip at a time leaves.
        """
        limit = allowed_memory(self._memory)
        batch = self._batch or 1
        advanced = self._model.decode_memory(
            batch=batch,
            threads=self.threads,
            clips=batch,
            split=self._split or "together",  # which takes more where that is one clip
            resumes=True,
        )
        queued = min(limit // 2, limit - advanced) // (_QUEUED * max(1, samples))
        return max(1, min(CLIPS_A_THREAD * self.threads, queued))

    def plan_decode(self, samples: Sequence[int], *, resumes: bool = False) -> DecodePlan:
        """Choose how many clips of these lengths to advance at once, and count the memory.

        Raises
        ------
        MemoryError
            If not even one clip at a time fits, or the batch that was asked for does not.
        """
        clips = max(1, len(samples))
        fixed = _QUEUED * sum(samples)
        split = self._split or ("together" if self._shares(clips) else "apart")

        def memory(batch: int) -> int:
            return fixed + self._model.decode_memory(
                batch=batch, threads=self.threads, clips=clips, split=split, resumes=resumes
            )

        batch = min(clips, self._batch or CLIPS_A_THREAD * self.threads)
        limit = allowed_memory(self._memory)
        while self._batch is None and batch > 1 and memory(batch) > limit:
            batch -= max(1, batch // 16)
        what = f"decoding {batch} clips at once"
        if clips > batch:
            what += f" of a batch of {clips}, whose draws and codes take {fixed / 1e6:.1f} MB,"
        demand_memory(what, memory(batch), limit)
        return DecodePlan(batch, split, memory(batch))

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
        """Sample the codes of clips of any lengths.

        Parameters
        ----------
        encodings : sequence of float32 [F_i, bottleneck]
        draws : sequence of Draws, one a clip
        temperature : float
            Divides the logits.
        on_progress : callable, optional
            Hears, a few times a second, how many samples were made since it was last called: 0
            while prefixes are gone through again.
        prefixes : sequence of int16 arrays, optional
            What an interrupted decode of the same clips had made of each; empty arrays for
            nothing. The result is that of the uninterrupted decode.
        on_codes : callable, optional
            Is given, whenever there is more, what has been made of each clip so far: views that
            later calls do not change. What it keeps can be the `prefixes` of another decode.

        Returns
        -------
        list of int16 [F_i · hop], mu-law codes in [-128, 127]

        Raises
        ------
        ValueError
            If shapes do not fit, a value is not finite, or a prefix is longer than its clip.
        MemoryError
            If it needs more memory than allowed; nothing was begun then.
        NotFiniteError
            If the model gives logits that are not finite: those clips are given up, and it holds
            the others, which are what they are without them.
        """
        if not temperature > 0 or not np.isfinite(temperature):
            raise ValueError(f"temperature must be above 0 and finite, not {temperature}")
        if len(draws) != len(encodings):
            raise ValueError(f"{len(encodings)} encodings want as many draws, not {len(draws)}")
        checked = [
            checked_encoding(self.config, encoding, i) for i, encoding in enumerate(encodings)
        ]
        samples = [len(encoding) * self.config.ae_hop_length for encoding in checked]
        done = checked_prefixes(prefixes, samples)
        plan = self.plan_decode(samples, resumes=any(len(prefix) for prefix in done))

        told, told_fed = sum(len(prefix) for prefix in done), 0

        def heard(made: list[int], fed: int) -> None:
            nonlocal told, told_fed
            new, alive = sum(made) - told, fed > told_fed
            told, told_fed = told + new, fed
            if on_progress and (new or alive):
                on_progress(new)
            if on_codes and new:
                on_codes([codes[i][:n] for i, n in enumerate(made)])

        with within_allowance(f"decoding {plan.batch} clips at once"):
            codes = [np.zeros(n, np.int16) for n in samples]
            uniforms = []
            for i, prefix in enumerate(done):
                codes[i][: len(prefix)] = prefix
                uniforms.append(draws[i].uniform(len(prefix), samples[i] - len(prefix)))
            not_finite = self._model.decode(
                checked,
                uniforms,
                codes,
                temperature=temperature,
                threads=self.threads,
                batch=plan.batch,
                split=plan.split,
                heard=heard if on_progress or on_codes else None,
            )
        if not_finite:
            raise NotFiniteError(not_finite, codes)
        return codes

    def _quantise(self, audio: Array) -> Array:
        """Give what the network sees of audio, in [-1, 1), if that is finite."""
        require_finite(audio, "audio")
        return quantiser.encode(audio).astype(np.float32) / np.float32(QUANTA // 2)

    def _shares(self, clips: int) -> bool:
        """Whether threads gain by sharing layers.

        They do where some would have no clip and a layer is much work: they meet twice a layer,
        which costs more than it saves in a small model or on a machine that others use too.
        """
        step = 4 * sum(taps * i * o for _, taps, i, o in convolutions(self.config))
        return clips < self.threads and step > _LARGE_MODEL


def _require_built() -> None:
    if _why_missing:
        raise EngineUnavailableError(
            f"the native engine is not built here ({_why_missing}): install the package where a "
            "C++ compiler is found, or take another engine"
        )
