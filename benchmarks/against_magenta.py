"""Measure the engines side by side on one checkpoint: audio-seconds a second.

    .venv-magenta/bin/python -m benchmarks.against_magenta native native:bfloat16 native:int8

Runs in the environment of `make magenta-env`, genuine magenta first and the engines named after
it, all in this one process and in turn. Weights are random, of the published size: speed does not
hang on their values. The last table is against magenta: best batch by best batch.
"""

from __future__ import annotations

import argparse
from typing import cast

from benchmarks.decoding import decode, encode
from nsynth_batch.models.engine import Encoder
from nsynth_batch.models.loading import make_engine
from nsynth_batch.models.wavenet.config import CONFIGS
from nsynth_batch.models.wavenet.family import random_weights

Rates = dict[tuple[str, int], float]
"""Audio-seconds a second by work and batch."""


def best(rates: Rates, work: str, batches: list[int] | None = None) -> float:
    return max(r for (w, b), r in rates.items() if w == work and (batches is None or b in batches))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engines", nargs="*", default=["native"], help="ENGINE or ENGINE:PRECISION")
    parser.add_argument("--config", choices=sorted(CONFIGS), default="h512_bo16")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 128, 256])
    parser.add_argument("--encode-batches", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--encode-seconds", type=float, default=4.0, help="of a clip to encode")
    parser.add_argument(
        "--frames", type=int, default=3, help="of a clip to decode; two are not counted"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1, help="the best of them counts")
    options = parser.parse_args()
    config = CONFIGS[options.config]
    weights = random_weights(config, 0)
    warm = min(2, options.frames - 1)
    names = ["magenta", *options.engines]
    found: dict[str, Rates] = {name: {} for name in names}
    print(f"{'engine':18} {'on':9} {'work':8} {'batch':>5} {'audio-s/s':>10}", flush=True)
    for name in names * options.rounds:
        kind, _, precision = name.partition(":")
        engine = make_engine(
            weights, kind, threads=options.threads, precision=precision or "float32"
        )
        for work, batches in (("decode", options.batches), ("encode", options.encode_batches)):
            for batch in batches:
                speed = (
                    decode(engine, config, [options.frames] * batch, warm)
                    if work == "decode"
                    else encode(cast(Encoder, engine), config, batch, options.encode_seconds)
                )
                rates = found[name]
                rates[work, batch] = max(speed.rate, rates.get((work, batch), 0.0))
                on = engine.instruction_set
                print(f"{name:18} {on:9} {work:8} {batch:5} {speed.rate:10.4f}", flush=True)
    print(f"\n{'times magenta':18} {'decode, best':>12} {'decode, 1':>12} {'encode, best':>12}")
    for name in options.engines:
        times = [
            best(found[name], work, batches) / best(found["magenta"], work, batches)
            for work, batches in (
                ("decode", None), ("decode", [min(options.batches)]), ("encode", None),
            )
        ]  # fmt: skip
        print(f"{name:18} " + " ".join(f"{one:12.2f}" for one in times))


if __name__ == "__main__":
    main()
