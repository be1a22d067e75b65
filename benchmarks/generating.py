"""Measure how fast a plain WaveNet generates: the native engine against TensorFlow's step loop.

    python -m benchmarks.generating --preset small --batches 1 48 96 --step-batches 1 64

The peer is the same model in the same arithmetic: cached histories, one step a sample, the draw
inside. It is there twice: as TensorFlow's own loop, a call of its graph a sample, as tools
generate; and as one loop that XLA compiles as a whole, the fastest that TensorFlow can be made
here. All take turns in short rounds, and of each the best round counts. Weights are random: speed
does not hang on their values. Figures are seconds of audio by the clock and by a core's own time:
on a machine that others use too, the second tells more. What comes before the first sample
(compiling, the silence that a clip begins after) is left out of all.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from nsynth_batch.models.engine import Request
from nsynth_batch.models.wavenet import graph
from nsynth_batch.models.wavenet.plain_config import PLAIN_CONFIGS, PlainConfig
from nsynth_batch.models.wavenet.plain_engine import PlainEngine
from nsynth_batch.models.wavenet.plain_family import FAMILY
from nsynth_batch.models.weights import Weights
from nsynth_batch.settings.choices import Precision


@dataclass(frozen=True)
class Rate:
    """Samples a second: by the clock, and a second of one core's time."""

    clock: float
    core: float

    def best(self, other: Rate) -> Rate:
        return Rate(max(self.clock, other.clock), max(self.core, other.core))


Peer = Callable[[], Rate]


class StepLoop:
    """The model in TensorFlow, a sample a step: a call each, or compiled as a whole."""

    def __init__(self, weights: Weights[Any], batch: int, samples: int, *, compiled: bool) -> None:
        self._config: PlainConfig = weights.config
        self._tensors = graph.tensors_of(weights, "float32")
        self._batch, self._samples = batch, samples
        silence = graph.silence(self._config, self._tensors, batch)
        self._histories = tuple(map(tf.Variable, silence))
        self._number = tf.constant(0)
        self._inputs: tuple[Any, ...] = (tf.zeros([batch, 1]),) * self._config.filter_length
        self._run = tf.function(self._steps, jit_compile=compiled)
        self._at_once = samples if compiled else 1
        self()

    def __call__(self) -> Rate:
        draws = np.random.default_rng(0).random((self._samples, self._batch), np.float32)
        clock, core = time.perf_counter(), time.process_time()
        for first in range(0, self._samples, self._at_once):
            some = tf.constant(draws[first : first + self._at_once])
            self._number, self._inputs, codes = self._run(some, self._number, self._inputs)
            codes.numpy()
        made = self._samples * self._batch
        return Rate(made / (time.perf_counter() - clock), made / (time.process_time() - core))

    def _steps(self, draws: Any, number: Any, inputs: Any) -> tuple[Any, Any, Any]:
        def one(i: Any, codes: Any, number: Any, inputs: Any, past: Any) -> Any:
            logits, past = graph.step(self._config, self._tensors, number, inputs, past)
            sums = tf.cumsum(tf.nn.softmax(logits), axis=-1)
            below = tf.cast(sums < tf.gather(draws, i)[:, None], tf.int32)
            drawn = tf.minimum(tf.reduce_sum(below, axis=-1), 255) - 128
            newest = tf.cast(drawn[:, None], tf.float32) * graph.INPUT_SCALE
            codes = graph.put_row(codes, i, drawn)
            return i + 1, codes, number + 1, (*inputs[1:], newest), tuple(past)

        codes = tf.zeros(tf.shape(draws), tf.int32)
        begun = tuple(history.read_value() for history in self._histories)
        _, codes, number, inputs, after = tf.while_loop(
            lambda i, *_: i < tf.shape(draws)[0],
            one,
            (tf.constant(0), codes, number, inputs, begun),
        )
        for history, past in zip(self._histories, after, strict=True):
            history.assign(past)
        return number, inputs, codes


def native(
    weights: Weights[PlainConfig], batch: int, samples: int, threads: int, precision: Precision
) -> Peer:
    """Return what generates a round of clips, from their first sample on."""
    engine = PlainEngine(weights, threads=threads, batch=batch, precision=precision)
    requests = [Request(str(i), 0, samples) for i in range(batch)]

    def run() -> Rate:
        marks: list[tuple[float, float, int]] = []
        engine.generate(
            requests,
            on_progress=lambda n: marks.append((time.perf_counter(), time.process_time(), n)),
        )
        first = next(i for i, mark in enumerate(marks) if mark[2])
        made = sum(n for _, _, n in marks[first + 1 :])
        clock, core = (marks[-1][k] - marks[first][k] for k in (0, 1))
        return Rate(made / clock, made / core) if made else Rate(0.0, 0.0)

    return run


def rounds(peers: Sequence[tuple[str, Peer]], count: int) -> dict[str, Rate]:
    """Let peers take turns, and return the best round of each."""
    best: dict[str, Rate] = {}
    for _ in range(count):
        for name, peer in peers:
            rate = peer()
            best[name] = rate.best(best.get(name, rate))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=sorted(PLAIN_CONFIGS), default="small")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 48, 96])
    parser.add_argument("--step-batches", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--precisions", nargs="+", default=["float32"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--samples", type=int, default=1600, help="of a native clip")
    parser.add_argument("--steps", type=int, default=64, help="of the step loop a round")
    parser.add_argument("--rounds", type=int, default=3, help="the best of them counts")
    options = parser.parse_args()
    weights = FAMILY.initial(PLAIN_CONFIGS[options.preset], 0)
    peers: list[tuple[str, Peer]] = []
    for batch in options.step_batches:
        for name, compiled in (("step loop", False), ("compiled step loop", True)):
            loop = StepLoop(weights, batch, options.steps, compiled=compiled)
            peers.append((f"{name}, batch {batch}", loop))
    for precision in options.precisions:
        for batch in options.batches:
            run = native(weights, batch, options.samples, options.threads, precision)
            peers.append((f"native {precision}, batch {batch}", run))
    found = rounds(peers, options.rounds)
    rate = weights.config.sample_rate
    for name, one in found.items():
        print(
            f"{name:30} {one.clock / rate:8.3f} audio-s/s  {one.core / rate:8.3f} a core's second"
        )
    fast = [one for name, one in found.items() if name.startswith("native")]
    for name, slow in found.items():
        if "step loop" in name:
            clock = max(one.clock for one in fast) / slow.clock
            core = max(one.core for one in fast) / slow.core
            print(f"native, best batch, against {name}: {clock:.1f} times, {core:.1f} a core")


if __name__ == "__main__":
    main()
