"""Measure what unequal lengths cost: clips of 1 to 10 s against as much audio in equal ones.

    python -m benchmarks.ragged --precision float32

Both are decoded in turn by the native engine with all its slots, four times as many clips as it
advances at once. Where a clip ends its slot takes the next one, the longest first.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.decoding import decode
from nsynth_batch.models.wavenet.config import CONFIGS, SAMPLE_RATE
from nsynth_batch.models.wavenet.family import random_weights
from nsynth_batch.models.wavenet.native_engine import CLIPS_A_THREAD, NativeEngine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", choices=sorted(CONFIGS), default="small")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, help="slots. [default: as many as the engine has]")
    parser.add_argument("--times", type=int, default=4, help="as many clips as slots")
    parser.add_argument("--seconds", type=float, nargs=2, default=[1.0, 10.0])
    parser.add_argument("--rounds", type=int, default=1, help="the best of them counts")
    options = parser.parse_args()
    config = CONFIGS[options.config]
    batch = options.batch or CLIPS_A_THREAD * options.threads
    engine = NativeEngine(
        random_weights(config, 0),
        threads=options.threads,
        batch=batch,
        precision=options.precision,
    )
    clips = options.times * batch
    shortest, longest = (s * SAMPLE_RATE / config.ae_hop_length for s in options.seconds)
    drawn = np.random.default_rng(1).uniform(shortest, longest, clips).round().astype(int)
    lengths = {"equal": [round(drawn.mean())] * clips, "ragged": drawn.tolist()}
    best = dict.fromkeys(lengths, 0.0)
    for _ in range(options.rounds):
        for what, frames in lengths.items():
            speed = decode(engine, config, frames)
            best[what] = max(best[what], speed.rate)
            print(
                f"{what:7} {engine.precision} {engine.instruction_set}, {clips} clips through "
                f"{batch} slots, {sum(frames) * config.ae_hop_length / SAMPLE_RATE:.0f} s: "
                f"{speed.rate:.4f} audio-s/s",
                flush=True,
            )
    print(f"ragged over equal lengths: {best['ragged'] / best['equal']:.1%}")


if __name__ == "__main__":
    main()
