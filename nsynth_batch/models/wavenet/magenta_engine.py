"""Genuine magenta as an engine: its own graphs, given our weights and our draws.

It is the yardstick that parity tests and benchmarks measure with, and a choice for users who want
the original. It is slow as the original is: one session call a sample.
"""

from __future__ import annotations

import ast
import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

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
from nsynth_batch.models.quantiser import LOWEST
from nsynth_batch.models.wavenet.config import QUANTA, Config
from nsynth_batch.models.wavenet.cost import lockstep_memory
from nsynth_batch.models.wavenet.inputs import require_taps
from nsynth_batch.models.weights import Array, Weights
from nsynth_batch.settings.choices import Precision
from sequencer.text import counted

_MOST_CLIPS = 64


class MagentaEngine:
    """Magenta's `Config` and `FastGenerationConfig` graphs behind the engine interface.

    Audio goes in as it is, so a sample of exactly +1, or beyond full scale, keeps magenta's code
    for it, where the other engines clip to the codes that have a bin.

    Parameters
    ----------
    weights : Weights
        Of any size whose longest dilation divides the hop, which magenta's convolutions ask for.
    threads : int, optional
        Threads TensorFlow may use; by default its own choice.
    memory : int, optional
        Bytes that a decode may allocate; by default most of what the machine or container has
        left.
    precision : str
        ``float32``: magenta has no other.

    Raises
    ------
    EngineUnavailableError
        If magenta is not installed here, cannot be built in the size of the weights, or is asked
        for another precision.
    """

    name = "magenta"
    precision: Precision = "float32"
    resumes = False

    def __init__(
        self,
        weights: Weights[Config],
        *,
        threads: int | None = None,
        memory: int | None = None,
        precision: Precision = "float32",
    ) -> None:
        if precision != "float32":
            raise EngineUnavailableError(
                f"engine magenta: it computes in float32 only, not in {precision}; "
                "the engine native has more"
            )
        config = weights.config
        require_taps(config, self.name)
        longest = max(*config.dilations, *config.ae_dilations)
        if config.ae_hop_length % longest:
            raise EngineUnavailableError(
                f"engine magenta: a dilation of {longest} does not divide the hop of "
                f"{config.ae_hop_length} samples; use the engine tensorflow or native"
            )
        try:
            import tensorflow as tf

            # Else magenta's import and each graph repeat that TensorFlow 1 is deprecated.
            tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
            from magenta.models.nsynth import utils
            from magenta.models.nsynth.wavenet import h512_bo16
            from magenta.version import __version__ as magenta_version
        except ImportError as error:
            raise EngineUnavailableError(
                f"engine magenta: {error}; run 'make magenta-env', then use .venv-magenta/bin"
            ) from None
        self._tf, self._utils = tf.compat.v1, utils
        self._weights = weights
        self._memory = memory
        published = config == Config()
        graphs = vars(h512_bo16) if published else _resized(h512_bo16, config)
        self._whole_graph, self._step_graph = graphs["Config"], graphs["FastGenerationConfig"]
        self._session_config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=threads or 0,
            gpu_options=tf.compat.v1.GPUOptions(allow_growth=True),
        )
        gpus = tf.config.list_physical_devices("GPU")
        self.device = "GPU" if gpus else f"CPU, {counted(threads or os.cpu_count() or 1, 'thread')}"
        self.instruction_set = GPU if gpus else processor_instruction_set()
        self.versions = {
            "magenta": magenta_version,
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
        }

    def encode(self, audio: Array) -> Array:
        """Encode float32 audio [B, T], T a multiple of 512, to float32 [B, T / 512, 16]."""
        with self._running(self._whole, audio.shape) as (session, x, net):
            return np.asarray(session.run(net["encoding"], {x: audio}))

    def logits(self, audio: Array, encodings: Array) -> Array:
        """Return teacher-forced logits [B, T, 256] for audio [B, T] under encodings [B, F, 16]."""
        with self._running(self._whole, audio.shape) as (session, x, net):
            # The graph gives out probabilities only: the logits are what its softmax reads.
            logits = net["predictions"].op.inputs[0]
            feed = {x: audio, net["encoding"]: encodings}
            return np.asarray(session.run(logits, feed)).reshape(*audio.shape, QUANTA)

    def full_batch(self, samples: int) -> int:
        """Return how many clips of so many samples are best decoded together."""
        each = lockstep_memory(self._weights.config, 1, samples)
        return max(1, min(_MOST_CLIPS, allowed_memory(self._memory) // each))

    def needs(self, lengths: Sequence[int], *, resumed: bool = False) -> Needs:
        """Count the memory of a decode of clips of these lengths.

        Raises
        ------
        MemoryError
            If it is more than allowed.
        """
        needed = lockstep_memory(self._weights.config, len(lengths), max(lengths, default=0))
        demand_memory(
            f"decoding {counted(len(lengths), 'clip')} at once",
            needed,
            allowed_memory(self._memory),
        )
        return Needs(len(lengths), needed)

    def generate(
        self,
        requests: Sequence[Request],
        *,
        on_codes: OnCodes | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Codes]:
        """Sample mu-law codes [F_i · hop] for each encoding [F_i, bottleneck].

        Shorter clips run on silently beside the longest, for magenta's batch has one length.

        Raises
        ------
        ValueError
            If an encoding does not fit, there is a prefix or `on_codes`, or the temperature is
            not 1: magenta has none.
        MemoryError
            If it needs more memory than allowed; nothing was begun then.
        NotFiniteError
            If a clip's probabilities are NaN; it holds the other clips.
        """
        refuse_resuming(self.name, requests, on_codes)
        temperature = one_temperature(requests, self.name)
        if temperature != 1.0:
            raise ValueError(
                f"engine magenta: it samples at temperature 1 only, not {temperature}; "
                "use the engine tensorflow or native"
            )
        encodings = checked_encodings(
            self._weights.config.ae_bottleneck, self._weights.config.ae_hop_length, requests
        )
        draws = [request.draws for request in requests]
        frames = [len(encoding) for encoding in encodings]
        if not any(frames):
            return [np.zeros(0, np.int16) for _ in frames]
        config = self._weights.config
        hop, batch = config.ae_hop_length, len(frames)
        self.needs([count * hop for count in frames])
        padded = np.zeros((max(frames), batch, config.ae_bottleneck), np.float32)
        for clip, encoding in enumerate(encodings):
            padded[: len(encoding), clip] = encoding
        codes = np.zeros((batch, max(frames) * hop), np.int16)
        # A graph of its own each time: its queues of past samples can be filled only once.
        with self._running(self._one_step, (batch, 1)) as (session, x, net):
            session.run(net["init_ops"])
            audio = np.zeros((batch, 1), np.float32)
            for frame, encoding in enumerate(padded):
                live = sum(frame < count for count in frames)
                uniforms = np.stack([draw.uniform(frame * hop, hop) for draw in draws])
                for offset in range(hop):
                    probabilities, _ = session.run(
                        [net["predictions"], net["push_ops"]],
                        {x: audio, net["encoding"]: encoding},
                    )
                    drawn = _bins(probabilities, uniforms[:, offset]) + LOWEST
                    codes[:, frame * hop + offset] = drawn
                    audio = self._utils.inv_mu_law_numpy(drawn)[:, None]
                    if on_progress is not None:
                        on_progress(live)
        return all_finite(
            [row[: count * hop].copy() for row, count in zip(codes, frames, strict=True)]
        )

    def _whole(self, x: Any) -> dict[str, Any]:
        graph = self._whole_graph()
        graph.ae_hop_length = self._weights.config.ae_hop_length
        graph.ae_bottleneck_width = self._weights.config.ae_bottleneck
        return dict(graph.build({"wav": x}, is_training=False))

    def _one_step(self, x: Any) -> dict[str, Any]:
        return dict(self._step_graph(batch_size=int(x.shape[0])).build({"wav": x}))

    @contextmanager
    def _running(
        self, build: Callable[[Any], dict[str, Any]], shape: tuple[int, ...]
    ) -> Iterator[tuple[Any, Any, dict[str, Any]]]:
        """Build one of magenta's graphs for audio of this shape and give it the weights.

        Magenta's own loaders are not used, since they pin their graphs to /gpu:0, there or not.
        """
        with (
            self._tf.Graph().as_default(),
            self._tf.Session(config=self._session_config) as session,
        ):
            x = self._tf.placeholder(self._tf.float32, shape)
            net = build(x)
            variables = self._tf.global_variables()
            # An initializer assigns its second input, in whose place the weights are fed.
            values = {v.initializer.inputs[1]: self._weights.tensors[v.op.name] for v in variables}
            session.run([v.initializer for v in variables], values)
            yield session, x, net


def _resized(module: ModuleType, config: Config) -> dict[str, Any]:
    """Run magenta's module with the sizes that it fixes in its code taken from a configuration.

    Magenta knows one size, written as numbers into the functions that build its graphs. They are
    its own functions still, line by line, with those numbers replaced.
    """
    sizes = {**config.to_dict(), "num_z": config.ae_bottleneck}
    tree = ast.parse(inspect.getsource(module))
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant()) if name in sizes:
                node.value = ast.copy_location(ast.Constant(sizes[name]), node.value)
    names: dict[str, Any] = {"__name__": module.__name__}
    exec(compile(tree, str(module.__file__), "exec"), names)
    return names


def _bins(probabilities: Array, uniforms: Array) -> Codes:
    """Choose a bin a row as magenta does, save that a sum that ends below its draw stays inside.

    Where the probabilities are NaN it is the one that NO_CODE stands for.
    """
    sums = np.cumsum(probabilities, axis=1)
    chosen = [np.searchsorted(row, draw) for row, draw in zip(sums, uniforms, strict=True)]
    bins = np.minimum(chosen, QUANTA - 1)
    return np.where(np.isnan(sums[:, -1]), NO_CODE - LOWEST, bins).astype(np.int16)
