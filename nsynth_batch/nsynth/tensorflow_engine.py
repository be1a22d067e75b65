"""The reference engine: TensorFlow, on a GPU where it sees one, else on the CPU."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from nsynth_batch.nsynth import graph, mulaw
from nsynth_batch.nsynth.draws import Draws
from nsynth_batch.nsynth.engines import Codes, EngineUnavailableError
from nsynth_batch.nsynth.processor import processor_instruction_set
from nsynth_batch.nsynth.weights import Array, Weights

try:
    import tensorflow as tf
except ImportError as error:
    raise EngineUnavailableError(
        f"engine tensorflow: {error}; install it with pip install 'nsynth-batch[tensorflow]'"
    ) from None

_CHUNK_FRAMES = 4


class TensorflowEngine:
    """The model in TensorFlow, in float32.

    Encoding and logits are computed a row at a time, so they do not depend on what else is in
    the batch. A decode advances all its clips together in one compiled loop; its bytes hold for
    the same batch on the same kind of machine.

    Parameters
    ----------
    weights : Weights
    threads : int, optional
        Threads TensorFlow may use. It takes the number at its first use in a process and keeps
        it, so another number later in the same process is an error.

    Raises
    ------
    EngineUnavailableError
        If TensorFlow already runs here with another number of threads.
    """

    name = "tensorflow"
    precision = "float32"

    def __init__(self, weights: Weights, *, threads: int | None = None) -> None:
        if threads is not None:
            use_threads(threads)
        gpus = tf.config.list_logical_devices("GPU") if _grow_on_demand() else []
        self._placed_on = "/GPU:0" if gpus else "/CPU:0"
        self.device = _describe_gpu() if gpus else f"CPU, {threads or os.cpu_count()} threads"
        self.instruction_set = "gpu" if gpus else processor_instruction_set()
        self.versions = {"tensorflow": tf.__version__, "numpy": np.__version__}
        self._config = weights.config
        with tf.device(self._placed_on):
            self._tensors = {name: tf.constant(value) for name, value in weights.tensors.items()}
        anything = tf.TensorSpec([None, None], tf.float32)
        frames = tf.TensorSpec([None, None, weights.config.ae_bottleneck], tf.float32)
        self._encode = tf.function(self._encoder, input_signature=[anything])
        self._logits = tf.function(self._decoder, input_signature=[anything, frames])
        self._chunk = tf.function(self._steps, jit_compile=True)

    def encode(self, audio: Array) -> Array:
        """Encode float32 audio [B, T], T a multiple of the hop, to [B, T / hop, bottleneck]."""
        codes = mulaw.encode(audio).astype(np.float32)
        with tf.device(self._placed_on):
            rows = [self._encode(tf.constant(row[None])).numpy()[0] for row in codes]
        return np.stack(rows)

    def logits(self, audio: Array, encodings: Array) -> Array:
        """Give teacher-forced logits [B, T, 256] for audio [B, T] under encodings [B, F, 16]."""
        codes = mulaw.encode(audio).astype(np.float32)
        with tf.device(self._placed_on):
            rows = [
                self._logits(tf.constant(row[None]), tf.constant(encoding[None])).numpy()[0]
                for row, encoding in zip(codes, encodings, strict=True)
            ]
        return np.stack(rows)

    def decode(
        self,
        encodings: Sequence[Array],
        draws: Sequence[Draws],
        *,
        temperature: float = 1.0,
        on_progress: Callable[[int], None] | None = None,
    ) -> list[Codes]:
        """Sample mu-law codes [F_i · hop] for each encoding [F_i, bottleneck].

        Shorter clips run on silently beside the longest, in chunks of up to four frames.
        """
        hop, batch = self._config.ae_hop_length, len(encodings)
        frames = [len(encoding) for encoding in encodings]
        longest = max(frames, default=0)
        chunk = min(_CHUNK_FRAMES, longest)
        padded = -(-longest // _CHUNK_FRAMES) * chunk
        held = np.zeros((batch, padded, self._config.ae_bottleneck), np.float32)
        for row, encoding in zip(held, encodings, strict=True):
            row[: len(encoding)] = encoding
        made = [np.zeros((batch, 0), np.int16)]
        with tf.device(self._placed_on):
            state = self._silence(batch)
            for start in range(0, padded, max(1, chunk)):
                uniforms = np.stack([d.uniform(start * hop, chunk * hop) for d in draws])
                state, codes = self._chunk(
                    tf.constant(held[:, start : start + chunk].transpose(1, 0, 2)),
                    tf.constant(uniforms.T),
                    tf.constant(1.0 / temperature, tf.float32),
                    state,
                )
                made.append(codes.numpy().T.astype(np.int16))
                if on_progress is not None:
                    live = (min(chunk, max(0, count - start)) for count in frames)
                    on_progress(sum(live) * hop)
        whole = np.concatenate(made, axis=1)
        return [row[: count * hop].copy() for row, count in zip(whole, frames, strict=True)]

    def _encoder(self, codes: Any) -> Any:
        return graph.encoder(self._config, self._tensors, codes)

    def _decoder(self, codes: Any, encodings: Any) -> Any:
        return graph.decoder(self._config, self._tensors, codes, encodings)

    def _silence(self, batch: int) -> tuple[Any, ...]:
        """Give the state before the first sample: its number, the last inputs, each history."""
        inputs = tuple(tf.zeros([batch, 1]) for _ in range(3))
        histories = tuple(
            tf.zeros([2 * dilation, batch, self._config.width])
            for dilation in self._config.dilations
        )
        return tf.constant(0), inputs, histories

    def _steps(self, held: Any, uniforms: Any, sharpness: Any, state: Any) -> Any:
        """Make the samples of a chunk of frames.

        Parameters
        ----------
        held : float32 [frames, B, bottleneck]
        uniforms : float32 [frames · hop, B]
        sharpness : float32
            One over the temperature.
        state : as `_silence` gives it

        Returns
        -------
        The state after it, and the codes int32 [frames · hop, B].
        """
        config, tensors = self._config, self._tensors
        hop = config.ae_hop_length
        conditioning = graph.conditioning(config, tensors, held)
        codes = tf.zeros(tf.shape(uniforms), tf.int32)

        def one(i: Any, codes: Any, number: Any, inputs: Any, histories: Any) -> Any:
            frame = [tf.gather(channels, i // hop) for channels in conditioning]
            spans = [(number % (2 * d), (number + d) % (2 * d)) for d in config.dilations]
            past = [
                (tf.gather(history, oldest), tf.gather(history, old))
                for history, (oldest, old) in zip(histories, spans, strict=True)
            ]
            logits, seen = graph.step(config, tensors, inputs, past, frame)
            histories = tuple(
                _put(history, oldest, x)
                for history, (oldest, _), x in zip(histories, spans, seen, strict=True)
            )
            drawn = _sample(logits * sharpness, tf.gather(uniforms, i))
            newest = tf.cast(drawn[:, None], tf.float32) * graph.INPUT_SCALE
            codes = _put(codes, i, drawn)
            return i + 1, codes, number + 1, (*inputs[1:], newest), histories

        _, codes, *after = tf.while_loop(
            lambda i, *_: i < tf.shape(uniforms)[0], one, (tf.constant(0), codes, *state)
        )
        return tuple(after), codes


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
                f"engine tensorflow: it runs in this process with {taken or 'all'} threads "
                f"and cannot change to {threads}"
            ) from None


def _grow_on_demand() -> bool:
    """Let TensorFlow take a GPU's memory as it needs it; tell whether there is a GPU."""
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


def _put(buffer: Any, index: Any, value: Any) -> Any:
    """Write a row; in a compiled loop this happens in place."""
    return tf.tensor_scatter_nd_update(buffer, [[index]], value[None])


def _sample(logits: Any, uniforms: Any) -> Any:
    """Draw codes int32 [B]: the first bin whose cumulative probability reaches the draw."""
    sums = tf.cumsum(tf.nn.softmax(logits), axis=-1)
    bins = tf.reduce_sum(tf.cast(sums < uniforms[:, None], tf.int32), axis=-1)
    # The sum can end below the draw, by rounding.
    return tf.minimum(bins, mulaw.HIGHEST - mulaw.LOWEST) + mulaw.LOWEST
