"""Measure the engines side by side on one set of weights: audio-seconds a second.

    .venv-magenta/bin/python -m benchmarks.against_magenta --engines magenta native

Runs in the environment of `make magenta-env`. Weights are random: speed does not hang on their
values. Each engine works in turn, in this one process; "times" is against the first engine's best.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from nsynth_batch.nsynth.config import CONFIGS, SAMPLE_RATE
from nsynth_batch.nsynth.draws import Draws
from nsynth_batch.nsynth.engines import Engine
from nsynth_batch.nsynth.model import make_engine
from nsynth_batch.nsynth.weights import random_weights


def rate(seconds_of_audio: float, work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return seconds_of_audio / (time.perf_counter() - begun)


def decode(engine: Engine, batch: int, hop: int, bottleneck: int) -> float:
    """Decode one frame of each clip: 512 steps at the published hop."""
    encodings = np.random.default_rng(0).normal(0, 1, (batch, 1, bottleneck)).astype(np.float32)
    draws = [Draws(0, str(i)) for i in range(batch)]
    return rate(batch * hop / SAMPLE_RATE, lambda: engine.decode(list(encodings), draws))


def encode(engine: Engine, batch: int, seconds: float) -> float:
    samples = int(seconds * SAMPLE_RATE) // 512 * 512
    audio = np.random.default_rng(0).uniform(-1, 1, (batch, samples)).astype(np.float32)
    return rate(batch * samples / SAMPLE_RATE, lambda: engine.encode(audio))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", choices=sorted(CONFIGS), default="h512_bo16")
    parser.add_argument("--engines", nargs="+", default=["magenta", "native"])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 128])
    parser.add_argument("--encode-batches", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    config = CONFIGS[options.config]
    weights = random_weights(config, 0)
    print(f"{'engine':12} {'work':8} {'batch':>5} {'audio-s/s':>10}", flush=True)
    best: dict[tuple[str, str], float] = {}
    for name in options.engines:
        engine = make_engine(weights, name, threads=options.threads)
        for work, batches in (("decode", options.batches), ("encode", options.encode_batches)):
            for batch in batches:
                found = (
                    decode(engine, batch, config.ae_hop_length, config.ae_bottleneck)
                    if work == "decode"
                    else encode(engine, batch, 4.0)
                )
                print(f"{name:12} {work:8} {batch:5} {found:10.4f}", flush=True)
                best[name, work] = max(found, best.get((name, work), 0.0))
    first = options.engines[0]
    for (name, work), found in best.items():
        if name != first:
            times = found / best[first, work]
            print(f"{name}'s best {work} is {times:.2f} times {first}'s", flush=True)


if __name__ == "__main__":
    main()
