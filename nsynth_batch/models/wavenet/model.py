"""NSynth's autoencoder, ready to use: an engine, mu-law around it, and checked arguments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, overload

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.crossfade import cross_fade, fade, frames_of
from nsynth_batch.models.engine import (
    Codes,
    Encoder,
    OnCodes,
    OnProgress,
    Request,
)
from nsynth_batch.models.model import Autoencoder, checked_audio, code_nll, sampled
from nsynth_batch.models.quantiser import MU_LAW_NSYNTH
from nsynth_batch.models.wavenet.config import QUANTA, Config
from nsynth_batch.models.weights import Array, Weights
from nsynth_batch.settings.choices import Curve, Length
from sequencer.audio.recording import load_audio


class Model(Autoencoder):
    """An NSynth autoencoder on one engine.

    Attributes
    ----------
    config : Config
        Its sizes.
    engine : Engine
        What runs it.
    """

    config: Config
    engine: Encoder
    quantiser = MU_LAW_NSYNTH

    def __init__(self, weights: Weights[Config], engine: Encoder) -> None:
        super().__init__(weights, engine)

    def encode(self, audio: Array) -> Array:
        """Encode audio; a tail shorter than a hop is left out.

        Parameters
        ----------
        audio : floats [B, T], in [-1, 1]
            Mono, at the model's `sample_rate`.

        Returns
        -------
        float32 [B, T // hop, bottleneck]

        Raises
        ------
        ValueError
            If it is no such array: of integers, of one or three axes, of channels, or not finite.
        """
        audio = checked_audio(audio, self.sample_rate)
        hop = self.config.ae_hop_length
        frames = audio.shape[1] // hop
        if not len(audio) or not frames:
            return np.zeros((len(audio), frames, self.config.ae_bottleneck), np.float32)
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
        float32 [F, bottleneck]

        Raises
        ------
        AudioError
            If it is no usable recording; the message says why.
        OSError
            What reading raised.
        """
        audio = load_audio(source, self.sample_rate, seconds=seconds)
        encoding: Array = self.encode(audio[None])[0]
        return encoding

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
        a, b : float32 [F, bottleneck]
            As `encode_file` returns them.
        curve : {"random", "cosine", "linear"}
            How one fades into the other.
        length : {"shorter", "longer"}
            Cut to the shorter, or as long as the longer, while the shorter repeats.
        seed, pair : int
            Key the draws of ``random``, as pair k of a store's seed does.

        Returns
        -------
        float32 [F, bottleneck]
            The encoding of the mash-up, for `decode`.

        Raises
        ------
        ValueError
            If one is no encoding of this model.
        """
        width = self.config.ae_bottleneck
        for name, encoding in (("a", a), ("b", b)):
            shape = np.shape(encoding)
            if len(shape) != 2 or shape[1] != width or not shape[0]:
                raise ValueError(
                    f"{name} must be an encoding [frames, {width}], not of shape {shape}; "
                    "encode_file and encode make one"
                )
        return cross_fade(a, b, fade(curve, frames_of(len(a), len(b), length), seed, pair))

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
        encodings : float32 [B, F, bottleneck], or a list of [F_i, bottleneck]
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
        audio = sampled(
            self.engine, self.quantiser, requests, on_codes=on_codes, on_progress=on_progress
        )
        if not isinstance(encodings, np.ndarray):
            return audio
        samples = encodings.shape[1] * self.config.ae_hop_length
        return np.stack(audio) if audio else np.zeros((0, samples), np.float32)

    def _requests(
        self,
        encodings: Array | Sequence[Array],
        seed: int,
        ids: Sequence[str] | None,
        temperature: float,
        prefixes: Sequence[Codes] | None,
    ) -> list[Request]:
        width = self.config.ae_bottleneck
        if isinstance(encodings, np.ndarray) and encodings.ndim != 3:
            advice = "; give one encoding as encodings[None]" if encodings.ndim == 2 else ""
            raise ValueError(
                f"encodings must be [batch, frames, {width}], not {encodings.shape}{advice}"
            )
        rows = [np.ascontiguousarray(row, dtype=np.float32) for row in encodings]
        names = [str(i) for i in range(len(rows))] if ids is None else list(ids)
        if len(names) != len(rows) or len(set(names)) != len(names):
            raise ValueError(f"{len(rows)} encodings need as many different ids, not {len(names)}")
        if prefixes is not None and len(prefixes) != len(rows):
            raise ValueError(f"{len(rows)} clips need as many prefixes, not {len(prefixes)}")
        for name, row in zip(names, rows, strict=True):
            if row.ndim != 2 or row.shape[1] != width:
                raise ValueError(
                    f"encoding {name!r} has shape {row.shape}, wanted [frames, {width}]"
                )
        return [
            Request(
                id=name,
                seed=seed,
                length=len(row) * self.config.ae_hop_length,
                conditioning=row,
                prefix=None if prefixes is None else prefixes[i],
                temperature=temperature,
            )
            for i, (name, row) in enumerate(zip(names, rows, strict=True))
        ]
