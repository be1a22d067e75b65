"""The fast engine for CPUs: the model in C++, without TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np

from hdfs_jobs.cores import usable_cores
from nsynth_batch.models.engine import (
    Codes,
    EngineUnavailableError,
    Needs,
    NotFiniteError,
    OnCodes,
    OnProgress,
    Request,
    one_temperature,
)
from nsynth_batch.models.inputs import (
    checked_encodings,
    checked_prefixes,
    frames_of,
    require_finite,
)
from nsynth_batch.models.instruction_sets import usable_set
from nsynth_batch.models.machine import allowed_memory, demand_memory, within_allowance
from nsynth_batch.models.quantiser import MU_LAW_NSYNTH, Quantiser
from nsynth_batch.models.wavenet.config import QUANTA, Config, convolutions
from nsynth_batch.models.wavenet.inputs import require_taps
from nsynth_batch.models.weights import Array, Weights
from nsynth_batch.settings.choices import Precision
from sequencer.text import counted

Split = Literal["apart", "together"]

CLIPS_A_THREAD = 48
"""Clips a thread advances at once, where memory allows: more gain little."""

_LARGE_MODEL = 32 * 2**20
_ENCODE_FRAMES = 256
_QUANTISING = 16
"""Bytes a sample while audio becomes what the network sees of it."""

_QUEUED = 6
"""Bytes of a sample's draw and code."""


@dataclass(frozen=True)
class DecodePlan(Needs):
    """How a decode will be run.

    Attributes
    ----------
    batch : int
        Clips that are advanced at once.
    memory : int
        Bytes it will allocate: histories, draws and codes; weights not counted.
    split : str
        ``apart``: each thread has clips of its own. ``together``: all threads share each layer.
    """

    split: Split


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
    quantiser : Quantiser
        How audio becomes codes.
    skips_at_once : bool
        In float32 make the skip sum in one product over all layers: faster where layers are narrow,
        and another order of the sum.

    Raises
    ------
    EngineUnavailableError
        If the extension was not built, the instruction set or the precision is unknown, this
        processor lacks it, or the precision cannot be had with it.
    ValueError
        If a number is below 1.
    """

    name = "native"
    resumes = True

    def __init__(
        self,
        weights: Weights[Config],
        *,
        threads: int | None = None,
        instruction_set: str | None = None,
        batch: int | None = None,
        memory: int | None = None,
        split: Split | None = None,
        precision: Precision = "float32",
        quantiser: Quantiser = MU_LAW_NSYNTH,
        skips_at_once: bool = False,
    ) -> None:
        for what, value in (("threads", threads), ("batch", batch), ("memory", memory)):
            if value is not None and value < 1:
                raise ValueError(f"{what} must be above 0, not {value}")
        if precision not in get_args(Precision):
            known = ", ".join(get_args(Precision))
            raise EngineUnavailableError(
                f"engine native: unknown precision {precision!r}: choose one of {known}"
            )
        require_taps(weights.config, self.name, decoder=(2, 3))
        wanted = usable_set(instruction_set)
        from nsynth_batch.native import _engine

        sizes = weights.config.to_dict()
        sizes.pop("sample_rate", None)
        sizes["skips_at_once"] = skips_at_once
        try:
            self._model = _engine.Model(sizes, dict(weights.tensors), wanted, precision)
        except RuntimeError as error:
            raise EngineUnavailableError(str(error)) from None
        self.config = weights.config
        self.precision = precision
        self.threads = threads or usable_cores()
        self.instruction_set = self._model.instruction_set
        self.device = f"CPU, {counted(self.threads, 'thread')}"
        self.versions = {"numpy": np.__version__}
        self._batch = batch
        self._memory = memory
        self._split = split
        self._quantiser = quantiser

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
        clips, frames = frames_of(self.config.ae_hop_length, audio)
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
        """Return teacher-forced logits.

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
        clips, frames = frames_of(self.config.ae_hop_length, audio)
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
        """Return how many clips of so many samples keep all threads busy.

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

    def needs(self, lengths: Sequence[int], *, resumed: bool = False) -> DecodePlan:
        """Choose how many clips of these lengths to advance at once, and count the memory.

        Raises
        ------
        MemoryError
            If not even one clip at a time fits, or the batch that was asked for does not.
        """
        clips = max(1, len(lengths))
        fixed = _QUEUED * sum(lengths)
        split = self._split or ("together" if self._shares(clips) else "apart")

        def memory(batch: int) -> int:
            return fixed + self._model.decode_memory(
                batch=batch, threads=self.threads, clips=clips, split=split, resumes=resumed
            )

        batch = min(clips, self._batch or CLIPS_A_THREAD * self.threads)
        limit = allowed_memory(self._memory)
        while self._batch is None and batch > 1 and memory(batch) > limit:
            batch -= max(1, batch // 16)
        what = f"decoding {counted(batch, 'clip')} at once"
        if clips > batch:
            what += f" of a batch of {clips}, whose draws and codes take {fixed / 1e6:.1f} MB,"
        demand_memory(what, memory(batch), limit)
        return DecodePlan(batch, memory(batch), split)

    def generate(
        self,
        requests: Sequence[Request],
        *,
        on_codes: OnCodes | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Codes]:
        """Sample the codes of clips of any lengths.

        Parameters
        ----------
        requests : sequence of Request
            Each with an encoding, all of one temperature.
        on_codes : callable, optional
            Called whenever there is more, with views that later calls do not change. What it
            keeps can be the prefixes of other requests.
        on_progress : callable, optional
            Called a few times a second; with 0 while prefixes are fed again.

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
        temperature = one_temperature(requests, self.name)
        encodings = checked_encodings(
            self.config.ae_bottleneck, self.config.ae_hop_length, requests
        )
        prefixes = checked_prefixes(requests)
        lengths = [request.length for request in requests]
        plan = self.needs(lengths, resumed=any(len(prefix) for prefix in prefixes))

        with within_allowance(f"decoding {counted(plan.batch, 'clip')} at once"):
            codes = [np.zeros(length, np.int16) for length in lengths]
            uniforms = []
            for request, made, prefix in zip(requests, codes, prefixes, strict=True):
                made[: len(prefix)] = prefix
                rest = request.length - len(prefix)
                uniforms.append(request.draws.uniform(len(prefix), rest))
            progress = _Progress(codes, sum(map(len, prefixes)), on_codes, on_progress)
            not_finite = self._model.decode(
                encodings,
                uniforms,
                codes,
                temperature=temperature,
                threads=self.threads,
                batch=plan.batch,
                split=plan.split,
                on_progress=progress.advanced if on_progress or on_codes else None,
            )
        if not_finite:
            raise NotFiniteError(not_finite, codes)
        return codes

    def _quantise(self, audio: Array) -> Array:
        """Return what the network sees of audio, in [-1, 1), if that is finite."""
        require_finite(audio, "audio")
        return self._quantiser.encode(audio).astype(np.float32) / np.float32(QUANTA // 2)

    def _shares(self, clips: int) -> bool:
        """Whether threads gain by sharing layers.

        They do where some would have no clip and a layer is much work: they meet twice a layer,
        which costs more than it saves in a small model or on a machine that others use too.
        """
        step = 4 * sum(taps * i * o for _, taps, i, o in convolutions(self.config))
        return clips < self.threads and step > _LARGE_MODEL


class _Progress:
    """Turns what the extension reports of a decode into calls of its listeners."""

    def __init__(
        self,
        codes: list[Codes],
        made: int,
        on_codes: OnCodes | None,
        on_progress: OnProgress | None,
    ) -> None:
        self._codes = codes
        self._made, self._fed = made, 0
        self._on_codes, self._on_progress = on_codes, on_progress

    def advanced(self, made: list[int], fed: int) -> None:
        """Report what is new: samples made of each clip, and steps of all clips together."""
        new, alive = sum(made) - self._made, fed > self._fed
        self._made, self._fed = self._made + new, fed
        if self._on_progress and (new or alive):
            self._on_progress(new)
        if self._on_codes and new:
            self._on_codes([self._codes[i][:n] for i, n in enumerate(made)])
