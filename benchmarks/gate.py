"""Measure what the gate tells noise by, on folders of sounds.

    python -m benchmarks.gate /usr/share/sonic-pi/samples my-clips

A row a sound: what of its fine spectrum lasts, the share of frames with a pitch, and whether it is
noise by that. Of an export the verdicts are those of clips.jsonl. docs/gate.md keeps the figures.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from nsynth_batch.text import table
from sequencer.audio.recording import DEFAULT_SAMPLE_RATE, load_audio
from sequencer.clips.clips import read_clips
from sequencer.clips.texture import texture

_MOST_SECONDS = 30.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    for folder in parser.parse_args().folders:
        rows = [["", "frames", "structure", "voiced", "noise", "verdict"]]
        counts: Counter[str] = Counter()
        for clip in read_clips(folder):
            samples = load_audio(folder / clip.file, DEFAULT_SAMPLE_RATE, seconds=_MOST_SECONDS)
            found = texture(samples, DEFAULT_SAMPLE_RATE)
            counts["noise" if found.noisy else "not"] += 1
            counts[clip.verdict] += bool(clip.verdict)
            numbers = [f"{found.frames}", f"{found.structure:.2f}", f"{found.voiced:.2f}"]
            rows.append([clip.file, *numbers, "yes" if found.noisy else "", clip.verdict])
        print(f"{folder}: {dict(counts)}\n{table(rows)}\n")


if __name__ == "__main__":
    main()
