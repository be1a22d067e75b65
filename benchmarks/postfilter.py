"""Measure what a model's postfilter adds: sounds as drawn, filtered, and noise that is filtered.

    python -m benchmarks.postfilter demo nsynth_batch/recordings

For each recording of a folder, its loudest stretch of --seconds (all of it by default), decoded at
temperature 1. White noise through the same filter has no share of the WaveNet's: what it reaches is
the filter's alone. Then mixtures: the mean of two encodings, decoded, and how much of the partials
of either parent is in it, beside what is in the mean of the two sounds themselves. And how many
times faster than real time the filter is, on one thread.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nsynth_batch.models import load_model
from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.wavenet.family import FAMILY
from nsynth_batch.text import table
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.fidelity import Audio, fidelity, measures
from nsynth_batch.training.stretches import stretches

_NOISE = 0.1
"""Its standard deviation, of full scale ±1: louder than what it is filtered to."""

_PAIRS = 12
"""Mixtures of two recordings that are drawn."""


def partials_of_both(
    outputs: Sequence[Audio], parents: Sequence[tuple[Audio, Audio]], rate: int
) -> list[str]:
    """Return how much of the nearer parent's partials some mixtures keep, and of the farther's."""
    found = np.array(
        [
            sorted(fidelity(parent, output, rate).partials for parent in both)
            for output, both in zip(outputs, parents, strict=True)
        ]
    )
    return [f"{value:.2f}" for value in (found[:, 1].mean(), found[:, 0].mean())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=math.inf)
    arguments = parser.parse_args()
    weights = load_checkpoint(arguments.checkpoint)
    if weights.family != FAMILY.name or not weights.config.postfilter:
        parser.error(f"{arguments.checkpoint} has no postfilter")
    model = load_model(arguments.checkpoint)
    corpus = Corpus.from_folder(arguments.folder, model.sample_rate)
    sounds = stretches(corpus, model.hop, count=len(corpus), seconds=arguments.seconds, short=True)
    sources = [audio for _, audio in sounds]
    encodings = [model.encode(audio[None])[0] for audio in sources]
    drawn = model.drawn(encodings, [name for name, _ in sounds])
    begun = time.process_time()
    filtered = [model.finished(a, b) for a, b in zip(drawn, encodings, strict=True)]
    took = time.process_time() - begun
    draw = np.random.default_rng(1)
    noise = [
        model.finished(draw.normal(0, _NOISE, len(a)).astype(np.float32), b)
        for a, b in zip(sources, encodings, strict=True)
    ]
    rows = [["", "pitch kept", "periodicity", "partials", "spread"]]
    for name, outputs in (("as drawn", drawn), ("filtered", filtered), ("noise, filtered", noise)):
        found = measures(sources, outputs, model.sample_rate)
        values = (found.pitch_kept, found.periodicity, found.partials, found.spread)
        rows.append([name, *(f"{value:.2f}" for value in values)])
    print(table(rows))
    pairs = [draw.choice(len(sources), 2, replace=False) for _ in range(_PAIRS)]
    lengths = [min(len(encodings[a]), len(encodings[b])) for a, b in pairs]
    mixed = [
        (encodings[a][:n] + encodings[b][:n]) / 2 for (a, b), n in zip(pairs, lengths, strict=True)
    ]
    parents = [
        (sources[a][: n * model.hop], sources[b][: n * model.hop])
        for (a, b), n in zip(pairs, lengths, strict=True)
    ]
    drawn = model.drawn(mixed, [str(number) for number in range(len(mixed))])
    filtered = [model.finished(a, b) for a, b in zip(drawn, mixed, strict=True)]
    rows = [["mixtures", "partials of the nearer parent", "of the farther"]]
    for name, outputs in (
        ("as drawn", drawn),
        ("filtered", filtered),
        ("the sounds, mixed", [(a + b) / 2 for a, b in parents]),
    ):
        rows.append([name, *partials_of_both(outputs, parents, model.sample_rate)])
    print(table(rows))
    seconds = sum(map(len, sources)) / model.sample_rate
    print(f"the filter alone: {seconds / took:.0f} times real time")


if __name__ == "__main__":
    main()
