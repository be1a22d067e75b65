"""Measure `shard` of many short mp3 files against the same sounds as WAV.

    python -m benchmarks.songs --files 8000 --seconds 3 --workers 2

Both folders hold the same takes of the bundled recordings, 44.1 kHz stereo. What an mp3 costs to
decode is measured apart: a bare loop of soundfile and soxr (`benchmarks.shard`) goes through either
folder, and what it takes longer for mp3 is decoding. It is left out of the command's time for mp3,
which is then compared with its time for WAV. The folders take turns, and the best round counts.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path

import soundfile

from benchmarks.shard import RATE, compare, takes
from nsynth_batch.settings.settings import load_settings

KINDS = {"wav": "PCM_16", "mp3": "MPEG_LAYER_III"}


def make_recordings(folder: Path, files: int, seconds: float) -> None:
    """Write the same sounds into a folder a kind, a file each."""
    for kind in KINDS:
        (folder / kind).mkdir()
    for number, sound in enumerate(takes(files, seconds)):
        for kind, subtype in KINDS.items():
            path = folder / kind / f"{number:05d}.{kind}"
            soundfile.write(str(path), sound, RATE, subtype=subtype)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=8000, help="of each kind")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each file")
    parser.add_argument("--workers", type=int, default=load_settings().workers)
    parser.add_argument("--rounds", type=int, default=1, help="the best of each is printed")
    options = parser.parse_args()
    best = dict.fromkeys(KINDS, (math.inf, math.inf))
    with tempfile.TemporaryDirectory() as name:
        make_recordings(Path(name), options.files, options.seconds)
        for _ in range(options.rounds):
            for kind in KINDS:
                found = compare(f"{name}/store", Path(name) / kind, options.workers, 1)
                best[kind] = min(best[kind][0], found[0]), min(best[kind][1], found[1])
    audio = options.files * options.seconds
    print(f"{'files':>6} {'bare loop s':>12} {'shard s':>9} {'audio-s/s':>10} {'files/s':>9}")
    for kind, (bare, job) in best.items():
        rates = f"{audio / job:10.0f} {options.files / job:9.1f}"
        print(f"{kind:>6} {bare:12.2f} {job:9.2f} {rates}")
    decoding = best["mp3"][0] - best["wav"][0]
    rest = best["mp3"][1] - decoding
    print(
        f"decoding mp3 takes {decoding:.2f} s; without it shard takes {rest:.2f} s of mp3, "
        f"{rest / best['wav'][1] - 1:+.0%} of wav"
    )


if __name__ == "__main__":
    main()
