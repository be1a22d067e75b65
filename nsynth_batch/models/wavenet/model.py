"""A model that is ready to use: weights, an engine that runs them, and mu-law around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, overload

import numpy as np

from nsynth_batch.models import quantiser
from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.draws import Draws
from nsynth_batch.models.engine import (
    Codes,
    Engine,
    EngineName,
    EngineUnavailableError,
    NotFiniteError,
    Precision,
    ResumableEngine,
)
from nsynth_batch.models.precision import PrecisionChoice, fastest_precision
from nsynth_batch.models.wavenet.config import QUANTA, Config
from nsynth_batch.models.weights import Array, Weights


class Model:
    """An NSynth autoencoder on one engine.

    Attributes
    ----------
    config : Config
        Its sizes.
    engine : Engine
        What runs it.
    """

    def __init__(self, weights: Weights, engine: Engine) -> None:
        self.config: Config = weights.config
        self.engine = engine
        self._digest = weights.digest()

    def facts(self) -> dict[str, str]:
        """Say what results depend on: checkpoint, engine, precision, instruction set, versions."""
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
    def resumes(self) -> bool:
        """Whether `decode` takes `prefixes` and `on_codes` on this engine."""
        return isinstance(self.engine, ResumableEngine)

    def encode(self, audio: Array) -> Array:
        """Encode audio; a tail shorter than a hop is left out.

        Parameters
        ----------
        audio : float32 [B, T], in [-1, 1], 16 kHz

        Returns
        -------
        float32 [B, T // hop, bottleneck]

        Raises
        ------
        ValueError
            If the shape is another or a sample is not finite.
        """
        audio = self._audio(audio)
        hop = self.config.ae_hop_length
        frames = audio.shape[1] // hop
        if not len(audio) or not frames:
            return np.zeros((len(audio), frames, self.config.ae_bottleneck), np.float32)
        return self.engine.encode(audio[:, : frames * hop])

    def logits(self, audio: Array, encodings: Array) -> Array:
        """Give teacher-forced logits: those of each sample from the ones before it.

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
        audio = self._audio(audio)
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

    @overload
    def decode(
        self,
        encodings: Array,
        seed: int = ...,
        ids: Sequence[str] | None = ...,
        *,
        temperature: float = ...,
        on_progress: Callable[[int], None] | None = ...,
        prefixes: Sequence[Codes] | None = ...,
        on_codes: Callable[[Sequence[Codes]], None] | None = ...,
    ) -> Array: ...

    @overload
    def decode(
        self,
        encodings: Sequence[Array],
        seed: int = ...,
        ids: Sequence[str] | None = ...,
        *,
        temperature: float = ...,
        on_progress: Callable[[int], None] | None = ...,
        prefixes: Sequence[Codes] | None = ...,
        on_codes: Callable[[Sequence[Codes]], None] | None = ...,
    ) -> list[Array]: ...

    def decode(
        self,
        encodings: Array | Sequence[Array],
        seed: int = 0,
        ids: Sequence[str] | None = None,
        *,
        temperature: float = 1.0,
        on_progress: Callable[[int], None] | None = None,
        prefixes: Sequence[Codes] | None = None,
        on_codes: Callable[[Sequence[Codes]], None] | None = None,
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
            Hears how many samples were made since it was last called; 0 is a sign of life.
        prefixes : sequence of int16 arrays, optional
            Mu-law codes that an interrupted decode of the same clips had made of each; the result
            is that of the uninterrupted decode. Only where `resumes`.
        on_codes : callable, optional
            Is given now and then the codes made of each clip so far. Only where `resumes`.

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
        rows = [np.ascontiguousarray(row, dtype=np.float32) for row in encodings]
        names = [str(i) for i in range(len(rows))] if ids is None else list(ids)
        if len(names) != len(rows) or len(set(names)) != len(names):
            raise ValueError(f"{len(rows)} encodings need as many different ids, not {len(names)}")
        if not (np.isfinite(temperature) and temperature > 0):
            raise ValueError(f"temperature must be above 0, not {temperature}")
        for name, row in zip(names, rows, strict=True):
            if row.ndim != 2 or row.shape[1] != self.config.ae_bottleneck:
                raise ValueError(
                    f"encoding {name!r} has shape {row.shape}, wanted "
                    f"[frames, {self.config.ae_bottleneck}]"
                )
            if not np.isfinite(row).all():
                raise ValueError(f"encoding {name!r} holds values that are not finite")
        draws = [Draws(seed, name) for name in names]
        try:
            if prefixes is None and on_codes is None:
                codes = self.engine.decode(
                    rows, draws, temperature=temperature, on_progress=on_progress
                )
            elif isinstance(self.engine, ResumableEngine):
                codes = self.engine.decode(
                    rows,
                    draws,
                    temperature=temperature,
                    on_progress=on_progress,
                    prefixes=prefixes,
                    on_codes=on_codes,
                )
            else:
                raise ValueError(
                    f"engine {self.engine.name} cannot go on with an interrupted decode"
                )
        except NotFiniteError as error:
            audio = [quantiser.decode(clip) for clip in error.made]
            raise NotFiniteError(error.clips, audio) from None
        audio = [quantiser.decode(clip) for clip in codes]
        if not isinstance(encodings, np.ndarray):
            return audio
        samples = encodings.shape[1] * self.config.ae_hop_length
        return np.stack(audio) if audio else np.zeros((0, samples), np.float32)

    def _audio(self, audio: Array) -> Array:
        checked = np.ascontiguousarray(audio, dtype=np.float32)
        if checked.ndim != 2:
            raise ValueError(f"audio must be [batch, samples], not {checked.shape}")
        if not np.isfinite(checked).all():
            raise ValueError("audio holds samples that are not finite")
        return checked


def load_model(
    checkpoint: str | Path = "small",
    engine: EngineName = "auto",
    *,
    threads: int | None = None,
    memory: int | None = None,
    precision: PrecisionChoice = "float32",
    ema: bool = False,
    **options: Any,
) -> Model:
    """Load a model.

    Parameters
    ----------
    checkpoint : str or Path
        A bundled name (``small``), a magenta prefix (``…/model.ckpt-200000``) or a converted
        ``.safetensors``.
    engine : str
        ``native``, ``tensorflow``, ``magenta``; ``auto`` is native where it is built, else
        tensorflow.
    threads : int, optional
        How many threads the engine may use.
    memory : int, optional
        Bytes that a call may allocate beside the weights; by default most of what the machine or
        container has left.
    precision : str
        Of the products inside the decoder's layers: ``float32``, ``bfloat16``, ``int16``,
        ``int8``, as far as the engine has them; ``auto`` as `default_precision` says.
    ema : bool
        Take a magenta checkpoint's averaged weights.
    **options
        The engine's own, as its class names them.

    Returns
    -------
    Model

    Raises
    ------
    CheckpointError
        If the checkpoint cannot be read or does not fit.
    EngineUnavailableError
        If the engine or the precision cannot be had here; another never takes its place.
    """
    weights = load_checkpoint(checkpoint, ema=ema)
    return Model(
        weights,
        make_engine(
            weights, engine, threads=threads, memory=memory, precision=precision, **options
        ),
    )


def make_engine(
    weights: Weights,
    engine: EngineName,
    *,
    threads: int | None = None,
    memory: int | None = None,
    precision: PrecisionChoice = "float32",
    **options: Any,
) -> Engine:
    """Make the engine of that name for these weights.

    Raises
    ------
    EngineUnavailableError
        If it is unknown, or it or the precision cannot be had here.
    """
    engine = chosen_engine(engine)
    if precision == "auto":
        precision = default_precision(engine, options.get("instruction_set"))
    options = {**options, "threads": threads, "memory": memory, "precision": precision}
    if engine == "native":
        from nsynth_batch.models.wavenet.native_engine import NativeEngine

        return NativeEngine(weights, **options)
    if engine == "tensorflow":
        from nsynth_batch.models.wavenet.tensorflow_engine import TensorflowEngine

        return TensorflowEngine(weights, **options)
    if engine == "magenta":
        from nsynth_batch.models.wavenet.magenta_engine import MagentaEngine

        return MagentaEngine(weights, **options)
    raise EngineUnavailableError(
        f"no engine is called {engine!r}: choose auto, native, tensorflow or magenta"
    )


def chosen_engine(engine: EngineName) -> EngineName:
    """Name the engine that is meant: ``auto`` is native where it is built, else tensorflow."""
    if engine != "auto":
        return engine
    return "native" if native_is_built() else "tensorflow"


def default_precision(engine: EngineName, instruction_set: str | None = None) -> Precision:
    """Name the precision that ``auto`` stands for: on native by its table, else float32.

    Raises
    ------
    EngineUnavailableError
        If the native engine is meant and was not built.
    """
    if chosen_engine(engine) != "native":
        return "float32"
    from nsynth_batch.models.wavenet.native_engine import chosen_instruction_set

    return fastest_precision(chosen_instruction_set(instruction_set))


def native_is_built() -> bool:
    """Tell whether the native engine was built when the package was installed."""
    from importlib.util import find_spec

    return find_spec("nsynth_batch.native._engine") is not None
