"""The reference engine: TensorFlow, on a GPU where it sees one, else on the CPU."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from nsynth_batch.models import quantiser
from nsynth_batch.models.engine import (
    GPU,
    NO_CODE,
    Codes,
    EngineUnavailableError,
    Needs,
    OnCodes,
    OnProgress,
    Request,
    all_finite,
    one_temperature,
    refuse_resuming,
)
from nsynth_batch.models.inputs import checked_encodings
from nsynth_batch.models.machine import (
    allowed_memory,
    demand_memory,
    processor_instruction_set,
)
from nsynth_batch.models.wavenet.config import Config
from nsynth_batch.models.wavenet.cost import lockstep_memory
from nsynth_batch.models.weights import Array, Weights
from nsynth_batch.settings.choices import Precision
from sequencer.text import counted

try:
    import tensorflow as tf

    from nsynth_batch.models.wavenet import graph
except ImportError as error:
    raise EngineUnavailableError(
        f"engine tensorflow: {error}; install it with pip install 'nsynth-batch[tensorflow]'"
    ) from None

_CHUNK_FRAMES = 4
_CPU_CLIPS = 64
_GPU_CLIPS = 512
"""Clips a task where the memory of a GPU is not set."""

_MOST_CLIPS = 4096


class TensorflowEngine:
    """The model in TensorFlow.

    Encoding and logits are computed a row at a time, so they do not depend on what else is in
    the batch. A decode advances all its clips together in one compiled loop; its bytes hold for
    the same batch on the same kind of machine.

    Parameters
    ----------
    weights : Weights
    threads : int, optional
        Threads TensorFlow may use. It takes the number at its first use in a process and keeps
        it, so another number later in the same process is an error.
    precision : str
        ``float32`` or ``bfloat16``, of the products inside the decoder's layers and of its
        histories; encoding is float32 always.
    memory : int, optional
        Bytes that a decode may allocate; by default most of what the machine or container has
        left, and on a GPU what TensorFlow finds there.

    Raises
    ------
    EngineUnavailableError
        If TensorFlow already runs here with another number of threads, or the precision is
        another one.
    """

    name = "tensorflow"
    resumes = False

    def __init__(
        self,
        weights: Weights[Config],
        *,
        threads: int | None = None,
        precision: Precision = "float32",
        memory: int | None = None,
    ) -> None:
        if precision not in ("float32", "bfloat16"):
            raise EngineUnavailableError(
                f"engine tensorflow: it computes in float32 or bfloat16, not in {precision}; "
                "the engine native has more"
            )
        if threads is not None:
            use_threads(threads)
        gpus = tf.config.list_logical_devices("GPU") if _grow_on_demand() else []
        self._placed_on = "/GPU:0" if gpus else "/CPU:0"
        self.device = (
            _describe_gpu() if gpus else f"CPU, {counted(threads or os.cpu_count() or 1, 'thread')}"
        )
        self.instruction_set = GPU if gpus else processor_instruction_set()
        self.versions = {"tensorflow": tf.__version__, "numpy": np.__version__}
        self.precision: Precision = precision
        self._on_gpu = bool(gpus)
        self._memory = memory
        self._config = weights.config
        with tf.device(self._placed_on):
            self._tensors = graph.tensors_of(weights, precision)
        anything = tf.TensorSpec([None, None], tf.float32)
        frames = tf.TensorSpec([None, None, weights.config.ae_bottleneck], tf.float32)
        self._encode = tf.function(self._encoder, input_signature=[anything], autograph=False)
        # Products of bfloat16 with sums of float32 are known to XLA alone.
        self._logits = tf.function(
            self._decoder,
            input_signature=[anything, frames],
            autograph=False,
            jit_compile=True if precision == "bfloat16" else None,
        )
        self._chunk = tf.function(self._steps, jit_compile=True, autograph=False)

    def encode(self, audio: Array) -> Array:
        """Encode float32 audio [B, T], T a multiple of the hop, to [B, T / hop, bottleneck]."""
        codes = quantiser.encode(audio).astype(np.float32)
        with tf.device(self._placed_on):
            rows = [self._encode(tf.constant(row[None])).numpy()[0] for row in codes]
        return np.stack(rows)

    def logits(self, audio: Array, encodings: Array) -> Array:
        """Return teacher-forced logits [B, T, 256] for audio [B, T] under encodings [B, F, 16]."""
        codes = quantiser.encode(audio).astype(np.float32)
        with tf.device(self._placed_on):
            rows = [
                self._logits(tf.constant(row[None]), tf.constant(encoding[None])).numpy()[0]
                for row, encoding in zip(codes, encodings, strict=True)
            ]
        return np.stack(rows)

    def full_batch(self, samples: int) -> int:
        """Return how many clips of so many samples are best decoded together.

        On a GPU as many as the memory that was allowed holds, up to thousands: a full batch takes
        hardly longer than one clip.
        """
        most = _CPU_CLIPS
        if self._on_gpu:
            most = _GPU_CLIPS if self._memory is None else _MOST_CLIPS
        allowed = self._allowed()
        return (
            most if allowed is None else max(1, min(most, allowed // self._memory_of(1, samples)))
        )

    def needs(self, lengths: Sequence[int], *, resumed: bool = False) -> Needs:
        """Count the memory of a decode of clips of these lengths.

        Raises
        ------
        MemoryError
            If it is more than allowed.
        """
        plan = Needs(len(lengths), self._memory_of(len(lengths), max(lengths, default=0)))
        allowed = self._allowed()
        if allowed is not None:
            demand_memory(f"decoding {counted(plan.batch, 'clip')} at once", plan.memory, allowed)
        return plan

    def generate(
        self,
        requests: Sequence[Request],
        *,
        on_codes: OnCodes | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Codes]:
        """Sample mu-law codes [F_i · hop] for each encoding [F_i, bottleneck].

        Shorter clips run on silently beside the longest, in chunks of up to four frames. Between
        chunks draws go to the device and codes come from it; everything else stays there.

        Raises
        ------
        ValueError
            If an encoding does not fit, temperatures differ, or there is a prefix or `on_codes`.
        MemoryError
            If it needs more memory than allowed, nothing was begun then; or the device has less.
        NotFiniteError
            If a clip's probabilities are NaN, as those of logits that are not finite are; it holds
            the other clips.
        """
        refuse_resuming(self.name, requests, on_codes)
        temperature = one_temperature(requests, self.name)
        encodings = checked_encodings(
            self._config.ae_bottleneck, self._config.ae_hop_length, requests
        )
        draws = [request.draws for request in requests]
        hop, batch = self._config.ae_hop_length, len(encodings)
        frames = [len(encoding) for encoding in encodings]
        self.needs([count * hop for count in frames])
        longest = max(frames, default=0)
        chunk = min(_CHUNK_FRAMES, longest)
        padded = -(-longest // _CHUNK_FRAMES) * chunk
        held = np.zeros((batch, padded, self._config.ae_bottleneck), np.float32)
        for row, encoding in zip(held, encodings, strict=True):
            row[: len(encoding)] = encoding
        made = [np.zeros((batch, 0), np.int16)]
        try:
            with tf.device(self._placed_on):
                histories = self._histories(batch)
                number = tf.constant(0)
                inputs = tuple(tf.zeros([batch, 1]) for _ in range(self._config.filter_length))
                for start in range(0, padded, max(1, chunk)):
                    uniforms = np.stack([d.uniform(start * hop, chunk * hop) for d in draws])
                    number, inputs, codes = self._chunk(
                        tf.constant(held[:, start : start + chunk].transpose(1, 0, 2)),
                        tf.constant(uniforms.T),
                        tf.constant(1.0 / temperature, tf.float32),
                        number,
                        inputs,
                        histories,
                    )
                    made.append(codes.numpy().T.astype(np.int16))
                    if on_progress is not None:
                        live = (min(chunk, max(0, count - start)) for count in frames)
                        on_progress(sum(live) * hop)
        except tf.errors.ResourceExhaustedError:
            raise MemoryError(
                f"{self.device} has not the memory to decode {counted(batch, 'clip')} at once: "
                "give it a smaller batch"
            ) from None
        whole = np.concatenate(made, axis=1)
        return all_finite(
            [row[: count * hop].copy() for row, count in zip(whole, frames, strict=True)]
        )

    def _allowed(self) -> int | None:
        """Return the bytes a decode may take; None where only the GPU itself knows."""
        return None if self._on_gpu and self._memory is None else allowed_memory(self._memory)

    def _memory_of(self, clips: int, samples: int) -> int:
        item_bytes = 2 if self.precision == "bfloat16" else 4
        return lockstep_memory(
            self._config, clips, samples, item_bytes=item_bytes, frames=_CHUNK_FRAMES
        )

    def _histories(self, batch: int) -> tuple[Any, ...]:
        """Return each block's history as a variable, which a compiled function updates in place."""
        return tuple(map(tf.Variable, graph.silence(self._config, self._tensors, batch)))

    def _encoder(self, codes: Any) -> Any:
        return graph.encoder(self._config, self._tensors, codes)

    def _decoder(self, codes: Any, encodings: Any) -> Any:
        return graph.decoder(self._config, self._tensors, codes, encodings)

    def _steps(
        self, held: Any, uniforms: Any, sharpness: Any, number: Any, inputs: Any, histories: Any
    ) -> tuple[Any, Any, Any]:
        """Make the samples of a chunk of frames.

        Parameters
        ----------
        held : float32 [frames, B, bottleneck]
        uniforms : float32 [frames · hop, B]
        sharpness : float32
            One over the temperature.
        number : int32
            Of the first sample.
        inputs : float32 [B, 1], as many as the filter has taps
            The input samples before it, oldest first.
        histories : variables, as `_histories` gives them
            They are brought to where the chunk ends.

        Returns
        -------
        Number and inputs after it, and the codes int32 [frames · hop, B].
        """
        config, tensors = self._config, self._tensors
        conditioning = graph.conditioning(config, tensors, held)
        codes = tf.zeros(tf.shape(uniforms), tf.int32)

        def one(i: Any, codes: Any, number: Any, inputs: Any, past: Any) -> Any:
            frame = [tf.gather(channels, i // config.ae_hop_length) for channels in conditioning]
            logits, past = graph.step(config, tensors, number, inputs, past, frame)
            drawn = _sample(logits * sharpness, tf.gather(uniforms, i))
            newest = tf.cast(drawn[:, None], tf.float32) * graph.INPUT_SCALE
            codes = graph.put_row(codes, i, drawn)
            return i + 1, codes, number + 1, (*inputs[1:], newest), tuple(past)

        _, codes, number, inputs, after = tf.while_loop(
            lambda i, *_: i < tf.shape(uniforms)[0],
            one,
            (tf.constant(0), codes, number, inputs, tuple(h.read_value() for h in histories)),
        )
        for history, past in zip(histories, after, strict=True):
            history.assign(past)
        return number, inputs, codes


def use_threads(threads: int) -> None:
    """Let TensorFlow use so many threads in this process.

    Raises
    ------
    EngineUnavailableError
        If it already runs with another number.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        taken = tf.config.threading.get_intra_op_parallelism_threads()
        if taken != threads:
            raise EngineUnavailableError(
                f"engine tensorflow: its threads in this process are {taken or 'all'} "
                f"and cannot become {threads}"
            ) from None


def _grow_on_demand() -> bool:
    """Let TensorFlow take a GPU's memory as it needs it; return whether there is a GPU."""
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:
            # Fixed since TensorFlow's first use in this process: no reason to do without the GPU.
            continue
    return bool(gpus)


def _describe_gpu() -> str:
    details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
    return f"GPU, {details.get('device_name', 'name unknown')}"


def _sample(logits: Any, uniforms: Any) -> Any:
    """Draw codes int32 [B]: the first bin whose cumulative probability reaches the draw.

    NO_CODE where the probabilities are NaN.
    """
    sums = tf.cumsum(tf.nn.softmax(logits), axis=-1)
    bins = tf.reduce_sum(tf.cast(sums < uniforms[:, None], tf.int32), axis=-1)
    # The sum can end below the draw, by rounding.
    codes = tf.minimum(bins, quantiser.HIGHEST - quantiser.LOWEST) + quantiser.LOWEST
    return tf.where(tf.math.is_nan(sums[:, -1]), NO_CODE, codes)
