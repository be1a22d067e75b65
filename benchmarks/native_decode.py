"""Measure the native engine: audio-seconds made per second by precision, threads and batch.

    python -m benchmarks.native_decode --config h512_bo16 --precisions float32 bfloat16 int8

Weights are random: speed does not hang on their values. Compare figures of one run only; on a
shared machine the processor time tells more than the clock. GFLOP/s counts two for a multiply-add,
whatever its precision.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass

from benchmarks.decoding import Speed, decode, encode, multiply_adds
from nsynth_batch.models.wavenet.config import CONFIGS, SAMPLE_RATE, Config
from nsynth_batch.models.wavenet.family import random_weights
from nsynth_batch.models.wavenet.native_engine import NativeEngine


@dataclass(frozen=True)
class Figure:
    """One measurement; `rate` is in audio-seconds a second."""

    what: str
    precision: str
    instruction_set: str
    threads: int
    batch: int
    rate: float
    gflops: float
    gflops_a_core: float


def figure(what: str, engine: NativeEngine, batch: int, speed: Speed, config: Config) -> Figure:
    encoder = what == "encode"
    work = 2e-9 * multiply_adds(config, encoder=encoder) * speed.audio * SAMPLE_RATE
    return Figure(
        what,
        "float32" if encoder else engine.precision,
        engine.instruction_set,
        engine.threads,
        batch,
        speed.rate,
        work / speed.clock,
        work / speed.processor,
    )


def show(one: Figure) -> None:
    print(
        f"{one.what:16} {one.precision:9} {one.instruction_set:9} threads {one.threads}  "
        f"batch {one.batch:4}  {one.rate:9.4f} audio-s/s  {one.gflops:6.1f} GFLOP/s  "
        f"{one.gflops_a_core:6.1f} a core's second",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", choices=sorted(CONFIGS), default="small")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 48, 96])
    parser.add_argument("--precisions", nargs="+", default=["float32"])
    parser.add_argument("--frames", type=int, default=4, help="of a clip; one is 512 samples")
    parser.add_argument("--json", action="store_true", help="a line of JSON a figure")
    options = parser.parse_args()
    config = CONFIGS[options.config]
    weights = random_weights(config, 0)
    best: dict[tuple[str, int], float] = {}

    def tell(one: Figure) -> None:
        if options.json:
            print(json.dumps(asdict(one)), flush=True)
        else:
            show(one)

    for precision in options.precisions:
        for threads in options.threads:
            for batch in options.batches:
                for split in ("apart", "together") if threads > 1 else ("apart",):
                    engine = NativeEngine(
                        weights, threads=threads, batch=batch, split=split, precision=precision
                    )
                    speed = decode(engine, config, [options.frames] * batch)
                    tell(figure(f"decode {split}", engine, batch, speed, config))
                    key = (precision, threads)
                    best[key] = max(speed.rate, best.get(key, 0.0))
    for threads in options.threads:
        engine = NativeEngine(weights, threads=threads)
        tell(figure("encode", engine, 4, encode(engine, config, 4, 2.0), config))
    if options.json:
        return
    few, many = min(options.threads), max(options.threads)
    for precision in options.precisions:
        times = best[precision, many] / best[precision, few]
        print(f"{precision}: {times:.2f} times faster with {many} threads than with {few}")


if __name__ == "__main__":
    main()
