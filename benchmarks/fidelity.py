"""Measure what a model keeps of recordings when it decodes them by itself.

    python -m benchmarks.fidelity demo nsynth_batch/recordings
    python -m benchmarks.fidelity small build/small-corpus/held-out --seconds 2 --temperatures 1 0.7

For each recording, its loudest stretch of --seconds (all of it by default): the share of frames
that keep their pitch, periodicity, and the correlation of partials; and over all of them the spread
beside the sources'. Of a model that draws codes, in nats a sample, the negative log-likelihood on
true pasts; that of its own draws, before a postfilter; and their entropy, at the temperature.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from nsynth_batch.models import load_model
from nsynth_batch.text import table
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.evaluation import model_nll
from nsynth_batch.training.fidelity import Measures, measures, reconstructed_and_scored
from nsynth_batch.training.stretches import stretches
from nsynth_batch.training.surprise import Surprise

HEAD = ["recording", "seconds", "nats", "drawn nats", "entropy"]
HEAD += ["pitch kept", "periodicity", "partials", "spread"]


def row(name: str, seconds: float, nll: float, found: Measures) -> list[str]:
    """Return a line of the table."""
    kept = (found.pitch_kept, found.periodicity, found.partials, found.spread)
    values = (nll, found.drawn_nll, found.entropy, *kept)
    numbers = ["" if math.isnan(value) else f"{value:.2f}" for value in values]
    return [name, f"{seconds:.1f}", *numbers]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=math.inf)
    parser.add_argument("--temperatures", type=float, nargs="+", default=[1.0])
    arguments = parser.parse_args()
    model = load_model(arguments.checkpoint)
    if not hasattr(model, "encode"):
        parser.error(f"{arguments.checkpoint} generates alone: it has no encodings to decode")
    corpus = Corpus.from_folder(arguments.folder, model.sample_rate)
    sounds = stretches(corpus, model.hop, count=len(corpus), seconds=arguments.seconds, short=True)
    rate, sources = model.sample_rate, [audio for _, audio in sounds]
    likely = hasattr(model, "nll")
    nlls = [model_nll(model, audio) if likely else math.nan for audio in sources]
    lengths = [len(audio) / rate for audio in sources]
    mean = sum(n * length for n, length in zip(nlls, lengths, strict=True)) / sum(lengths)
    for temperature in arguments.temperatures:
        outputs, drawn = reconstructed_and_scored(model, sounds, temperature=temperature)
        rows = [HEAD]
        for i, (name, source) in enumerate(sounds):
            found = measures([source], [outputs[i]], rate, drawn[i])
            rows.append(row(name, lengths[i], nlls[i], found))
        found = measures(sources, outputs, rate, sum(drawn, Surprise()))
        rows.append(row("all", sum(lengths), mean, found))
        print(f"\n{arguments.checkpoint}, temperature {temperature:g}")
        print(table(rows))


if __name__ == "__main__":
    main()
