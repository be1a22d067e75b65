"""A model that encodes and decodes, whatever its family: checked arguments, and an engine."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, overload

import numpy as np

from nsynth_batch.models.crossfade import Mixture, mixture
from nsynth_batch.models.engine import (
    Codes,
    Encoder,
    NotFiniteError,
    OnCodes,
    OnProgress,
    Request,
)
from nsynth_batch.models.model import LoadedModel, checked_audio, sampled
from nsynth_batch.models.quantiser import Quantiser
from nsynth_batch.models.weights import Array
from nsynth_batch.settings.choices import Curve, Length
from nsynth_batch.settings.mash_rule import MashRule
from sequencer.audio.recording import load_audio
from sequencer.audio.samples import require_mono
from sequencer.errors import AudioError


class Autoencoder(LoadedModel, ABC):
    """A model that encodes audio, and makes audio of encodings.

    Attributes
    ----------
    engine : Encoder
        What runs it.
    """

    engine: Encoder

    @property
    @abstractmethod
    def width(self) -> int:
        """Channels of an encoding."""

    @property
    @abstractmethod
    def quantiser(self) -> Quantiser:
        """What the engine's codes are as audio."""

    def encode(self, audio: Array) -> Array:
        """Encode audio; a tail shorter than a hop is left out.

        Samples beyond full scale, and sounds that are shorter than a hop and so have no frame, are
        taken with a warning.

        Parameters
        ----------
        audio : floats [B, T], in [-1, 1]
            Mono, at the model's `sample_rate`.

        Returns
        -------
        float32 [B, T // hop, width]

        Raises
        ------
        ValueError
            If it is no such array: of integers, of one or three axes, of channels, or not finite.
        """
        audio = checked_audio(audio, self.sample_rate)
        hop = self.hop
        frames = audio.shape[1] // hop
        if audio.size and not frames:
            warnings.warn(
                f"{audio.shape[1]} samples are less than one frame of the model ({hop}): their "
                "encoding is empty",
                stacklevel=2,
            )
        if not len(audio) or not frames:
            return np.zeros((len(audio), frames, self.width), np.float32)
        return self.engine.encode(audio[:, : frames * hop])

    def encode_file(self, source: str | Path | BinaryIO, *, seconds: float | None = None) -> Array:
        """Encode a recording of any format, rate and number of channels.

        Parameters
        ----------
        source : str, Path or BinaryIO
            A path, or a seekable binary stream.
        seconds : float, optional
            Of its beginning, at most; all of it by default.

        Returns
        -------
        float32 [F, width]

        Raises
        ------
        AudioError
            If it is no usable recording, or shorter than a frame; the message says why.
        OSError
            What reading raised.
        """
        notes: list[str] = []
        audio = load_audio(source, self.sample_rate, seconds=seconds, notes=notes)
        self.require_frame(audio)
        for note in notes:
            warnings.warn(f"{source}: {note}", stacklevel=2)
        encoding: Array = self.encode(audio[None])[0]
        return encoding

    def require_frame(self, samples: Array) -> None:
        """Refuse a recording that is shorter than a frame.

        Parameters
        ----------
        samples : float32 [n]
            At the model's `sample_rate`.

        Raises
        ------
        AudioError
            ``too-short``.
        """
        require_mono(samples)
        if len(samples) < self.hop:
            raise AudioError(
                "too-short",
                f"{len(samples)} samples at {self.sample_rate} Hz; one frame of the model is "
                f"{self.hop}",
            )

    def mashup(
        self,
        a: Array,
        b: Array,
        curve: Curve = "random",
        *,
        length: Length = "shorter",
        seed: int = 0,
        pair: int = 0,
    ) -> Array:
        """Cross-fade two encodings.

        Parameters
        ----------
        a, b : float32 [F, width]
            As `encode_file` returns them.
        curve : {"random", "cosine", "linear", "blend"}
            How one fades into the other.
        length : {"shorter", "longer"}
            Cut to the shorter, or as long as the longer, while the shorter repeats.
        seed, pair : int
            Key the draws of ``random``, as pair k of a store's seed does.

        Returns
        -------
        float32 [F, width]
            The encoding of the mash-up, for `decode`.

        Raises
        ------
        ValueError
            If one is no encoding of this model, or there is no such curve or length.
        """
        return self.mixture([a, b], MashRule(curve, length), seed=seed, pair=pair).encoding

    def mixture(
        self, encodings: Sequence[Array], rule: MashRule, *, seed: int = 0, pair: int = 0
    ) -> Mixture:
        """Mash up encodings of two recordings or more, by any rule.

        Parameters
        ----------
        encodings : sequence of float32 [F, width]
            As `encode_file` returns them.
        rule : MashRule
            Curve, weights, length, and how each is stretched.
        seed, pair : int
            Key the draws of ``random``, as pair k of a store's seed does.

        Raises
        ------
        ValueError
            If one is no encoding of this model, or a stretch leaves nothing of it.
        """
        width = self.width
        for name, encoding in zip("abcd", encodings, strict=False):
            shape = np.shape(encoding)
            if len(shape) != 2 or shape[1] != width or not shape[0]:
                advice = (
                    f"give one of a batch, as {name}[0], and of a stereo sound its mean, encoded"
                    if len(shape) == 3
                    else "encode_file and encode make one"
                )
                raise ValueError(
                    f"{name} must be an encoding [frames, {width}], not of shape {shape}; {advice}"
                )
        return mixture(encodings, rule, seed, pair)

    @overload
    def decode(
        self,
        encodings: Array,
        seed: int = ...,
        ids: Sequence[str] | None = ...,
        *,
        temperature: float = ...,
        on_progress: OnProgress | None = ...,
        prefixes: Sequence[Codes] | None = ...,
        on_codes: OnCodes | None = ...,
    ) -> Array: ...

    @overload
    def decode(
        self,
        encodings: Sequence[Array],
        seed: int = ...,
        ids: Sequence[str] | None = ...,
        *,
        temperature: float = ...,
        on_progress: OnProgress | None = ...,
        prefixes: Sequence[Codes] | None = ...,
        on_codes: OnCodes | None = ...,
    ) -> list[Array]: ...

    def decode(
        self,
        encodings: Array | Sequence[Array],
        seed: int = 0,
        ids: Sequence[str] | None = None,
        *,
        temperature: float = 1.0,
        on_progress: OnProgress | None = None,
        prefixes: Sequence[Codes] | None = None,
        on_codes: OnCodes | None = None,
    ) -> Array | list[Array]:
        """Sample audio, one sample at a time.

        Parameters
        ----------
        encodings : float32 [B, F, width], or a list of [F_i, width]
        seed : int
            With a clip's id it keys the clip's random draws.
        ids : sequence of str, optional
            By default the row's number.
        temperature : float
            Divides the logits: below 1 is tamer, above 1 wilder.
        on_progress : callable, optional
            Called with the samples made since the last call; 0 is a sign of life.
        prefixes : sequence of int16 arrays, optional
            Mu-law codes that an interrupted decode of the same clips had made of each; the result
            is that of the uninterrupted decode. Only where `resumes`.
        on_codes : callable, optional
            Called now and then with the codes made of each clip so far. Only where `resumes`.

        Returns
        -------
        float32 [B, F · hop], or a list of [F_i · hop], as the encodings came

        Raises
        ------
        ValueError
            If a shape is another, a value is not finite, ids are missing or doubled, the
            temperature is not above 0, or the engine cannot resume and is asked to.
        NotFiniteError
            If logits of some clips are not finite; it holds the audio of the others.
        """
        requests = self._requests(encodings, seed, ids, temperature, prefixes)
        try:
            drawn = sampled(
                self.engine, self.quantiser, requests, on_codes=on_codes, on_progress=on_progress
            )
        except NotFiniteError as error:
            raise NotFiniteError(error.clips, self._all_finished(error.made, requests)) from None
        audio = self._all_finished(drawn, requests)
        if not isinstance(encodings, np.ndarray):
            return audio
        samples = encodings.shape[1] * self.hop
        return np.stack(audio) if audio else np.zeros((0, samples), np.float32)

    def drawn(
        self,
        encodings: Sequence[Array],
        ids: Sequence[str],
        seed: int = 0,
        *,
        temperature: float = 1.0,
    ) -> list[Array]:
        """Return clips as the engine draws them: what `decode` does, but for `finished`.

        Parameters
        ----------
        encodings : sequence of float32 [F_i, width]
        ids, seed, temperature
            As of `decode`.

        Returns
        -------
        list of float32 [F_i · hop]

        Raises
        ------
        ValueError, NotFiniteError
            As of `decode`.
        """
        requests = self._requests(encodings, seed, ids, temperature, None)
        return sampled(self.engine, self.quantiser, requests, on_codes=None, on_progress=None)

    def finished(self, drawn: Array, encoding: Array) -> Array:
        """Return what becomes of a clip that was drawn: itself, where a model has no postfilter.

        Parameters
        ----------
        drawn : float32 [F · hop]
        encoding : float32 [F, width]
            What it was decoded from.

        Returns
        -------
        float32 [F · hop], in [-1, 1]
        """
        return drawn

    def _all_finished(self, drawn: Sequence[Array], requests: Sequence[Request]) -> list[Array]:
        """Return all clips; one that was lost is empty and stays so."""
        return [
            clip
            if request.conditioning is None or not len(clip)
            else self.finished(clip, request.conditioning)
            for clip, request in zip(drawn, requests, strict=True)
        ]

    def _requests(
        self,
        encodings: Array | Sequence[Array],
        seed: int,
        ids: Sequence[str] | None,
        temperature: float,
        prefixes: Sequence[Codes] | None,
    ) -> list[Request]:
        width = self.width
        if isinstance(encodings, np.ndarray) and encodings.ndim != 3:
            advice = "; give one encoding as encodings[None]" if encodings.ndim == 2 else ""
            raise ValueError(
                f"encodings must be [batch, frames, {width}], not {encodings.shape}{advice}"
            )
        rows = [np.ascontiguousarray(row, dtype=np.float32) for row in encodings]
        names = [str(i) for i in range(len(rows))] if ids is None else list(ids)
        if len(names) != len(rows) or len(set(names)) != len(names):
            raise ValueError(f"different ids are wanted, one each: {len(names)} for {len(rows)}")
        if prefixes is not None and len(prefixes) != len(rows):
            raise ValueError(f"one prefix each is wanted: {len(prefixes)} for {len(rows)}")
        for name, row in zip(names, rows, strict=True):
            if row.ndim != 2 or row.shape[1] != width:
                raise ValueError(
                    f"encoding {name!r} has shape {row.shape}, wanted [frames, {width}]"
                )
        return [
            Request(
                id=name,
                seed=seed,
                length=len(row) * self.hop,
                conditioning=row,
                prefix=None if prefixes is None else prefixes[i],
                temperature=temperature,
            )
            for i, (name, row) in enumerate(zip(names, rows, strict=True))
        ]
