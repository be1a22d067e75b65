"""Measure the native engine: audio-seconds made per second by batch, threads and lengths.

    python -m benchmarks.native_decode --config h512_bo16 --batches 1 8 48 96 --frames 2

Weights are random: speed does not hang on their values. Compare figures of one run only; on a
shared machine the processor time tells more than the clock.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from nsynth_batch.nsynth.config import CONFIGS, SAMPLE_RATE, Config, convolutions
from nsynth_batch.nsynth.draws import Draws
from nsynth_batch.nsynth.native_engine import NativeEngine, Split
from nsynth_batch.nsynth.weights import Weights, random_weights


@dataclass(frozen=True)
class Figure:
    """One measurement; `rate` is in audio-seconds a second."""

    what: str
    threads: int
    batch: int
    rate: float
    gflops: float
    gflops_a_core: float


def flops(config: Config, *, encoder: bool) -> int:
    """Count the floating-point operations of one sample of one clip, conditioning left out."""
    return 2 * sum(
        taps * inputs * outputs
        for name, taps, inputs, outputs in convolutions(config)
        if name.startswith("ae_") == encoder and not name.startswith("cond_map")
    )


def measure(
    what: str, threads: int, batch: int, samples: int, operations: int, work: Callable[[], object]
) -> Figure:
    clock, processor = time.perf_counter(), time.process_time()
    work()
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    total = samples * operations / 1e9
    return Figure(
        what, threads, batch, samples / SAMPLE_RATE / clock, total / clock, total / processor
    )


def decode(weights: Weights, threads: int, batch: int, lengths: Sequence[int], split: Split | None,
           what: str) -> Figure:  # fmt: skip
    config = weights.config
    engine = NativeEngine(weights, threads=threads, batch=batch, split=split)
    generator = np.random.default_rng(0)
    encodings = [
        generator.normal(0, 1, (n, config.ae_bottleneck)).astype(np.float32) for n in lengths
    ]
    draws = [Draws(0, str(i)) for i in range(len(lengths))]
    return measure(
        what,
        threads,
        batch,
        sum(lengths) * config.ae_hop_length,
        flops(config, encoder=False),
        lambda: engine.decode(encodings, draws),
    )


def encode(weights: Weights, threads: int, clips: int, frames: int) -> Figure:
    config = weights.config
    audio = np.random.default_rng(0).uniform(-1, 1, (clips, frames * config.ae_hop_length))
    engine = NativeEngine(weights, threads=threads)
    return measure(
        "encode",
        threads,
        clips,
        audio.size,
        flops(config, encoder=True),
        lambda: engine.encode(audio.astype(np.float32)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", choices=sorted(CONFIGS), default="small")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 48, 96])
    parser.add_argument(
        "--frames", type=int, default=4, help="frames of a clip; one is 512 samples"
    )
    parser.add_argument("--ragged", action="store_true", help="lengths from a tenth to the whole")
    parser.add_argument("--json", action="store_true", help="a line of JSON a figure")
    options = parser.parse_args()
    weights = random_weights(CONFIGS[options.config], 0)

    def tell(figure: Figure) -> None:
        if options.json:
            print(json.dumps(asdict(figure)), flush=True)
        else:
            print(
                f"{figure.what:16} threads {figure.threads}  batch {figure.batch:4}  "
                f"{figure.rate:9.4f} audio-s/s  {figure.gflops:6.1f} GFLOP/s  "
                f"{figure.gflops_a_core:6.1f} a core's second",
                flush=True,
            )

    for threads in options.threads:
        for batch in options.batches:
            lengths = [options.frames] * batch
            tell(decode(weights, threads, batch, lengths, "apart", "decode apart"))
            if threads > 1:
                tell(decode(weights, threads, batch, lengths, "together", "decode together"))
        if options.ragged:
            batch = max(options.batches)
            generator = np.random.default_rng(1)
            drawn = generator.integers(max(1, options.frames // 10), options.frames + 1, 4 * batch)
            equal = [round(drawn.mean())] * len(drawn)
            tell(decode(weights, threads, batch, drawn.tolist(), "apart", "decode ragged"))
            tell(decode(weights, threads, batch, equal, "apart", "decode equal"))
        tell(encode(weights, threads, 4, 64))


if __name__ == "__main__":
    main()
