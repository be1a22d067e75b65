"""Measure what each precision loses: nats a sample on recordings, against float32.

    python scripts/small_corpus.py build/small-corpus
    python -m benchmarks.precision build/small-corpus/held-out
    python -m benchmarks.precision recordings --checkpoint a-samplernn

Teacher-forced, each recording in pieces of a segment's length (of a model that encodes: under their
own encodings), as `train` scores what it held out. "nats more" is what is lost on all of them by
length, "at worst" on the recording that loses most. `nsynth_batch/models/precision.py` keeps the
figures of NSynth's models, `nsynth_batch/models/samplernn/family.py` those of its own.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt

from nsynth_batch.models.instruction_sets import instruction_sets
from nsynth_batch.models.loading import load_model
from nsynth_batch.settings.choices import Precision
from nsynth_batch.training.corpus import Corpus
from nsynth_batch.training.evaluation import model_nll
from sequencer.audio.samples import from_int16

Audio = npt.NDArray[np.float32]


def read(folder: Path, rate: int, hop: int, seconds: float) -> list[Audio]:
    """Read recordings, whole hops of each, and no more of one than so long."""
    corpus = Corpus.from_folder(folder, rate)
    most = int(seconds * rate)
    cuts = (samples[: min(len(samples), most) // hop * hop] for _, samples in corpus.recordings())
    return [from_int16(cut) for cut in cuts if len(cut)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="recordings that the model never saw")
    parser.add_argument("--checkpoint", default="small")
    parser.add_argument("--precisions", nargs="+", default=get_args(Precision))
    parser.add_argument("--instruction-sets", nargs="+", help="by default those of this processor")
    parser.add_argument("--seconds", type=float, default=1e9, help="of each recording, at most")
    options = parser.parse_args()
    first = load_model(options.checkpoint, precision="float32")
    recordings = read(options.folder, first.sample_rate, first.hop, options.seconds)
    lengths = np.array([len(audio) for audio in recordings])
    print(f"{len(recordings)} recordings, {lengths.sum() / first.sample_rate:.0f} s")
    here = [name for name, there in instruction_sets().items() if there]
    print(f"{'on':9} {'precision':9} {'nats':>8} {'nats more':>10} {'at worst':>10}")
    for instruction_set in options.instruction_sets or here:
        plain = None
        for precision in options.precisions:
            model = load_model(
                options.checkpoint,
                engine="native",
                precision=precision,
                instruction_set=instruction_set,
            )
            found = np.array([model_nll(model, audio) for audio in recordings])
            # The first precision is what the others are measured against.
            plain = found if plain is None else plain
            nats = np.average(found, weights=lengths)
            more = np.average(found - plain, weights=lengths)
            print(
                f"{instruction_set:9} {precision:9} {nats:8.4f} {more:+10.5f} "
                f"{(found - plain).max():+10.5f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
