"""Measure `shard` of many short mp3 files against the same sounds as WAV.

    python -m benchmarks.songs --files 8000 --seconds 3 --workers 2
    python -m benchmarks.songs --files 8000 --recordings build/songs

Encoding is slow, so a few long takes of the bundled recordings (44.1 kHz stereo) are encoded at a
constant rate, and each mp3 file is a run of whole frames out of one of them, beginning where no
other file of that take does: a stream of its own, of other bytes and another sound. What a decoder
makes of it is its WAV file. With `--recordings` they are kept, and made only once.

What an mp3 costs to decode is measured apart: a bare loop of soundfile and soxr
(`benchmarks.shard`) goes through either folder, and what it takes longer for mp3 is decoding. It is
left out of the command's time for mp3, which is then compared with its time for WAV. The folders
take turns, and the best round counts. On a machine that others use too, the cores' own time tells
more than the clock.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.shard import RATE, Bare, takes, time_bare
from benchmarks.stages import timed
from nsynth_batch.settings.settings import load_settings

KINDS = ("wav", "mp3")
_TAKE_SECONDS = 30.0
_LEVEL = 0.5
"""Of compression: 160 kilobits a second."""

_FRAME_SAMPLES = 1152
_KILOBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES = (44_100, 48_000, 32_000)


def mp3_frames(stream: bytes) -> list[bytes]:
    """Split a stream of MPEG-1, layer III, into its frames.

    Raises
    ------
    ValueError
        If something else stands where a frame should begin.
    """
    frames, at = [], 0
    while at + 4 <= len(stream):
        if stream[at] != 0xFF or stream[at + 1] & 0xFE != 0xFA:
            raise ValueError(f"no frame of layer III begins at byte {at}")
        rates = stream[at + 2]
        bits, rate = 1000 * _KILOBITS[rates >> 4], _RATES[rates >> 2 & 3]
        size = _FRAME_SAMPLES // 8 * bits // rate + (rates >> 1 & 1)
        frames.append(stream[at : at + size])
        at += size
    return frames


def songs(files: int, seconds: float) -> Iterator[bytes]:
    """Yield the bytes of mp3 files of about so many seconds, no two of them alike."""
    count = round(seconds * RATE / _FRAME_SAMPLES)
    begins = math.floor(_TAKE_SECONDS * RATE / _FRAME_SAMPLES) - count
    # Half of the places of each take, so that files begin all over it.
    long = takes(-(-2 * files // begins), _TAKE_SECONDS)
    rng = np.random.default_rng(0)
    left = files
    for sound in long:
        stream = io.BytesIO()
        soundfile.write(
            stream,
            sound,
            RATE,
            format="MP3",
            subtype="MPEG_LAYER_III",
            bitrate_mode="CONSTANT",
            compression_level=_LEVEL,
        )
        # The first frame counts those of the whole take.
        frames = mp3_frames(stream.getvalue())[1:]
        for first in rng.permutation(begins)[: min(left, -(-begins // 2))].tolist():
            yield b"".join(frames[first : first + count])
            left -= 1


def make_recordings(folder: Path, files: int, seconds: float) -> None:
    """Write the same sounds into a folder a kind, a file each."""
    for kind in KINDS:
        (folder / kind).mkdir(parents=True)
    for number, song in enumerate(songs(files, seconds)):
        file = folder / "mp3" / f"{number:05d}.mp3"
        file.write_bytes(song)
        sound, rate = soundfile.read(str(file), dtype="int16")
        soundfile.write(str(folder / "wav" / f"{number:05d}.wav"), sound, rate, subtype="PCM_16")


@dataclass(frozen=True)
class Spent:
    """Seconds: by the clock, and of the cores' own time, that of child processes included."""

    wall: float
    cores: float

    def best(self, other: Spent) -> Spent:
        return Spent(min(self.wall, other.wall), min(self.cores, other.cores))


def spent(work: Callable[[], float]) -> Spent:
    """Do some work that returns its wall seconds."""
    before = os.times()
    wall = work()
    after = os.times()
    return Spent(wall, sum(after[:4]) - sum(before[:4]))


def measure(recordings: Path, store: Path, workers: int) -> dict[str, Spent]:
    """Go through recordings by a bare loop and by the command, into a store that is deleted."""
    timed(["harvest", str(recordings), "--store", str(store)])
    files = [str(path) for path in sorted(recordings.iterdir())]
    jobs = [Bare(files[n::workers], f"{store}/{n}.raw") for n in range(workers)]
    shard = ["shard", "--store", str(store), "--workers", str(workers)]
    found = {"bare loop": spent(lambda: time_bare(jobs)), "shard": spent(lambda: timed(shard))}
    shutil.rmtree(store)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=8000, help="of each kind")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each file")
    parser.add_argument("--workers", type=int, default=load_settings().workers)
    parser.add_argument("--rounds", type=int, default=1, help="the best of each is printed")
    parser.add_argument("--recordings", type=Path, help="where the files are made and kept")
    parser.add_argument("--make", action="store_true", help="make them, and measure nothing")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="to measure")
    options = parser.parse_args()
    best: dict[tuple[str, str], Spent] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = options.recordings or Path(name) / "recordings"
        if not folder.exists():
            make_recordings(folder, options.files, options.seconds)
        files = {kind: len(list((folder / kind).iterdir())) for kind in KINDS}
        if set(files.values()) != {options.files}:
            raise SystemExit(f"{folder} holds {files}, not {options.files} of each")
        if options.make:
            return
        print(
            f"{'files':>6} {'what':>10} {'wall s':>8} {'cores s':>8} {'audio-s/s':>10}", flush=True
        )
        for _ in range(options.rounds):
            for kind in options.kinds:
                for what, one in measure(
                    folder / kind, Path(name) / "store", options.workers
                ).items():
                    rate = options.files * options.seconds / one.wall
                    line = f"{kind:>6} {what:>10} {one.wall:8.1f} {one.cores:8.1f} {rate:10.0f}"
                    print(line, flush=True)
                    best[kind, what] = one.best(best.get((kind, what), one))
    if set(options.kinds) != set(KINDS):
        return
    for unit in ("wall", "cores"):
        wav_bare, wav, mp3_bare, mp3 = (
            getattr(best[kind, what], unit) for kind in KINDS for what in ("bare loop", "shard")
        )
        rest = mp3 - (mp3_bare - wav_bare)
        print(
            f"{unit}: decoding mp3 takes {mp3_bare - wav_bare:.1f} s; without it shard takes "
            f"{rest:.1f} s of mp3, {rest / wav - 1:+.0%} of wav"
        )


if __name__ == "__main__":
    main()
