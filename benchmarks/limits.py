"""Measure where a decode's time goes, against what one core of this machine could do.

    python -m benchmarks.limits --config h512_bo16 --batches 1 8 48

One thread. Measured are the whole model, and the same with half its layers: the difference is what
layers take, and what is left of the whole is the head, softmax and draws. A core's limits are
measured beside them: multiply-adds of float32 by NumPy's matrix product, and bytes read by its dot
product of two vectors that are together as large as the weights. "products" and "weights" are what
the layers would take at those limits, one hidden behind the other; "rest" is what they take beyond
the larger of the two: gates, sums, gathering, and what the products miss of their limit. Low
precisions can do more than float32's limit.
"""

from __future__ import annotations

import os

# One thread for the limits too; to be said before NumPy is loaded.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.decoding import decode
from nsynth_batch.models.wavenet.config import CONFIGS, SAMPLE_RATE, Config
from nsynth_batch.models.wavenet.family import random_weights
from nsynth_batch.models.wavenet.native_engine import NativeEngine
from nsynth_batch.settings.choices import Precision

BYTES = {"float32": 4, "bfloat16": 2, "int16": 2, "int8": 1}
AHEAD = 8
"""Steps of past taps that one product makes, at most."""


def fastest(work: Callable[[], object], times: int = 5) -> float:
    """Return the seconds of the fastest of some turns."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def multiply_adds_a_second() -> float:
    a = np.random.default_rng(0).normal(size=(1536, 1536)).astype(np.float32)
    return 1536**3 / fastest(lambda: a @ a)


def bytes_a_second(size: float) -> float:
    """Measure how fast so many bytes are read again and again, from whatever cache holds them."""
    a, b = (np.ones(int(size) // 8, np.float32) for _ in range(2))
    again = range(max(1, (1 << 28) // a.nbytes))
    return 2 * a.nbytes * len(again) / fastest(lambda: [np.dot(a, b) for _ in again])


def past_weights(config: Config, precision: Precision) -> int:
    """Count the weights of a layer's past taps that an output takes, on average.

    In float32 two outputs share one of three matrices, so that an output takes one and a half.
    """
    return (3 if precision == "float32" else 4) * config.width**2


def in_layers(config: Config, precision: Precision) -> int:
    """Count the multiply-adds of a sample in the products inside the layers."""
    now = config.width * (3 * config.width + config.skip_width)
    return config.num_layers * (now + past_weights(config, precision))


def read_a_step(config: Config, precision: Precision) -> float:
    """Count the weights that a step reads in the layers: past taps once for several steps."""
    now = config.num_layers * config.width * (3 * config.width + config.skip_width)
    return now + sum(past_weights(config, precision) / min(d, AHEAD) for d in config.dilations)


def step_seconds(
    configs: Sequence[Config], precision: Precision, batch: int, frames: int, rounds: int
) -> list[float]:
    """Measure one sample of one clip of each model, `batch` clips at once on one thread."""
    engines = [
        NativeEngine(random_weights(config, 0), threads=1, batch=batch, precision=precision)
        for config in configs
    ]
    best = [0.0] * len(configs)
    for _ in range(rounds):
        for i, (engine, config) in enumerate(zip(engines, configs, strict=True)):
            best[i] = max(best[i], decode(engine, config, [frames] * batch).rate)
    return [1 / (rate * SAMPLE_RATE) for rate in best]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", choices=sorted(CONFIGS), default="small")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 48])
    parser.add_argument("--precisions", nargs="+", default=["float32"])
    parser.add_argument("--frames", type=int, default=2, help="of a clip; one is 512 samples")
    parser.add_argument("--rounds", type=int, default=3, help="the best of them counts")
    options = parser.parse_args()
    whole = CONFIGS[options.config]
    half = replace(whole, num_layers=whole.num_layers // 2)
    units = multiply_adds_a_second()
    print(f"a core: {2e-9 * units:.1f} GFLOP/s in float32")
    print("microseconds a sample of a clip, and parts of the whole:")
    columns = ("whole", "layers", "head", "products", "weights", "rest")
    print(f"{'precision':9} {'batch':>5} " + " ".join(f"{name:>13}" for name in columns))
    for precision in options.precisions:
        read = read_a_step(whole, precision) * BYTES[precision]
        stream = bytes_a_second(read)
        print(f"{precision:9} reads {1e-6 * read:.1f} MB a step, at most {1e-9 * stream:.1f} GB/s")
        for batch in options.batches:
            all_of_it, half_of_it = step_seconds(
                (whole, half), precision, batch, options.frames, options.rounds
            )
            share = whole.num_layers / (whole.num_layers - half.num_layers)
            layers = min(all_of_it, share * (all_of_it - half_of_it))
            products = in_layers(whole, precision) / units
            weights = read / stream / batch
            rest = layers - max(products, weights)
            parts = (all_of_it, layers, all_of_it - layers, products, weights, rest)
            shown = " ".join(f"{1e6 * p:8.2f} {p / all_of_it:4.0%}" for p in parts)
            print(f"{precision:9} {batch:5} {shown}", flush=True)


if __name__ == "__main__":
    main()
