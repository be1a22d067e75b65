"""Measure how many times real time a model encodes and decodes, or generates.

    python -m benchmarks.autoencoders spectral --threads 2
    python -m benchmarks.autoencoders build/generators/samplernn --clips 64 --seconds 2

Clips of noise, as long as segments, the best of some rounds; the model is loaded and warm. One that
only generates makes as many clips of as many seconds.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from nsynth_batch.models import load_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=6.24)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    model = load_model(arguments.checkpoint, threads=arguments.threads)
    if not hasattr(model, "encode"):
        _generate(model, arguments.clips, arguments.seconds, arguments.rounds)
        return
    frames = max(1, int(arguments.seconds * model.sample_rate) // model.hop)
    draw = np.random.default_rng(1)
    audio = draw.normal(0, 0.1, (arguments.clips, frames * model.hop)).astype(np.float32)
    model.decode(model.encode(audio[:1]))
    fastest = {"encode": np.inf, "decode": np.inf, "both": np.inf}
    for _ in range(arguments.rounds):
        begun = time.perf_counter()
        encodings = model.encode(audio)
        encoded = time.perf_counter()
        model.decode(encodings)
        ended = time.perf_counter()
        for what, took in zip(
            fastest, (encoded - begun, ended - encoded, ended - begun), strict=True
        ):
            fastest[what] = min(fastest[what], took)
    seconds = audio.size / model.sample_rate
    for what, took in fastest.items():
        print(f"{what}: {seconds / took:.0f} times real time")


def _generate(model: Any, clips: int, seconds: float, rounds: int) -> None:
    ids = [str(number) for number in range(clips)]
    model.generate(seconds / 10, ids)
    fastest = np.inf
    for _ in range(rounds):
        begun = time.perf_counter()
        model.generate(seconds, ids)
        fastest = min(fastest, time.perf_counter() - begun)
    print(f"generate: {clips * seconds / fastest:.1f} times real time")


if __name__ == "__main__":
    main()
