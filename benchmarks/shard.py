"""Measure `shard` against a bare loop of soundfile and soxr over the same files and cores.

    python -m benchmarks.shard --minutes 120 --workers 2
    python -m benchmarks.shard --minutes 120 --workers 2 --stores hdfs://127.0.0.1:9000/benchmark

The files are takes of the bundled recordings, pitched and cut anew, 44.1 kHz stereo WAV. The bare
loop is as many processes as workers, that share the files out, read them in blocks, mix to mono,
resample and write int16 samples to a file each; nothing else. On HDFS and S3 it reads each file
into memory and writes its own there, by the client library alone. The job is the command, the start
of its workers included, on recordings that were harvested before.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from benchmarks.library import Library
from benchmarks.stages import timed
from hdfs_jobs.storage.open import is_remote, open_storage
from nsynth_batch.catalog.content import RAW
from nsynth_batch.settings.settings import load_settings
from sequencer.audio.recording import DEFAULT_SAMPLE_RATE, mono_blocks

RATE = 44_100
TAKE_SECONDS = 60.0
BLOCK_FRAMES = 1 << 16


def takes(count: int, seconds: float) -> Iterator[npt.NDArray[np.floating]]:
    """Yield stereo sounds [frames, 2] of so many seconds, cut out of the bundled recordings."""
    bundled = Path(__file__).parents[1] / "nsynth_batch" / "recordings"
    sounds = [
        np.concatenate(list(mono_blocks(path, RATE))) for path in sorted(bundled.glob("*.flac"))
    ]
    everything = np.concatenate(sounds)
    rng = np.random.default_rng(0)
    frames = round(seconds * RATE)
    for _ in range(count):
        starts = rng.integers(0, len(everything), 2)
        left, right = (np.take(everything, np.arange(s, s + frames), mode="wrap") for s in starts)
        yield 0.7 * np.stack([left, right], 1)


def make_recordings(folder: Path, minutes: float) -> tuple[float, int]:
    """Write the files; give seconds of audio and bytes."""
    count = max(1, round(minutes * 60 / TAKE_SECONDS))
    size = 0
    for number, sound in enumerate(takes(count, TAKE_SECONDS)):
        path = folder / f"{number:05d}.wav"
        soundfile.write(str(path), sound, RATE, subtype="PCM_16")
        size += path.stat().st_size
    return count * TAKE_SECONDS, size


@dataclass(frozen=True)
class Bare:
    """What any script would do with its share of the files, in a process of its own.

    Attributes
    ----------
    files
        Paths, or names below `store`.
    out
        Where the samples go: a path, or a name below `store`.
    store
        The folder on HDFS or S3, read and written by the client library alone; None for local
        files.
    """

    files: list[str]
    out: str
    store: str | None = None

    def __call__(self) -> None:
        if self.store is None:
            with Path(self.out).open("wb") as stream:
                stream.writelines(self._samples(nullcontext, self.files))
        else:
            library = Library(self.store)
            library.write(self.out, self._samples(library.fetch, self.files))

    @staticmethod
    def _samples(
        fetch: Callable[[str], AbstractContextManager[Any]], files: list[str]
    ) -> Iterator[bytes]:
        for name in files:
            with fetch(name) as stream, soundfile.SoundFile(stream) as file:
                resampler = soxr.ResampleStream(
                    file.samplerate, DEFAULT_SAMPLE_RATE, 1, dtype="float32"
                )
                for block in file.blocks(BLOCK_FRAMES, dtype="float32", always_2d=True):
                    part = resampler.resample_chunk(block.mean(axis=1))
                    yield np.round(part * 32767).astype(np.int16).tobytes()
                part = resampler.resample_chunk(np.zeros(0, np.float32), last=True)
                yield np.round(part * 32767).astype(np.int16).tobytes()


def time_bare(jobs: list[Bare]) -> float:
    begun = time.perf_counter()
    processes = [multiprocessing.get_context("spawn").Process(target=job) for job in jobs]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise SystemExit("a bare loop failed")
    return time.perf_counter() - begun


def compare(url: str, recordings: Path, workers: int, rounds: int) -> tuple[float, float]:
    """Return the best wall seconds of the bare loop and of the command, taken in turns."""
    top = open_storage(url)
    best = [math.inf, math.inf]
    for _ in range(rounds):
        name = str(time.time_ns())  # a store of its own each time: what is committed is skipped
        store = f"{url}/{name}"
        timed(["harvest", str(recordings), "--store", store])
        if is_remote(url):
            raw = [entry.path for entry in open_storage(store).walk(RAW)]
            jobs = [Bare(raw[n::workers], f"bare/{n}.raw", store) for n in range(workers)]
        else:
            files = [str(path) for path in sorted(recordings.iterdir())]
            jobs = [Bare(files[n::workers], f"{store}/{n}.raw") for n in range(workers)]
        walls = time_bare(jobs), timed(["shard", "--store", store, "--workers", str(workers)])
        best = [min(pair) for pair in zip(best, walls, strict=True)]
        top.delete(name, recursive=True)
    return best[0], best[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=120.0, help="of audio")
    parser.add_argument("--workers", type=int, default=load_settings().workers)
    parser.add_argument("--stores", nargs="*", default=[], help="further stores to measure on")
    parser.add_argument("--rounds", type=int, default=2, help="the best of each is printed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        recordings = Path(name) / "recordings"
        recordings.mkdir()
        seconds, size = make_recordings(recordings, options.minutes)
        count = len(list(recordings.iterdir()))
        print(f"{count} files, {seconds / 60:.0f} minutes, {size / 1e6:.0f} MB")
        print(f"{'what':40} {'wall s':>8} {'audio-s/s':>10} {'MB/s':>8} {'of bare':>8}", flush=True)
        for url in [str(Path(name) / "store"), *options.stores]:
            where = url.partition("//")[0] if is_remote(url) else "local"
            bare, job = compare(url, recordings, options.workers, options.rounds)
            loop = f"bare loop, {options.workers} processes, files {where}"
            for what, wall in ((loop, bare), (f"shard, store {where}", job)):
                rates = f"{seconds / wall:10.0f} {size / wall / 1e6:8.1f} {bare / wall:8.0%}"
                print(f"{what:40} {wall:8.2f} {rates}", flush=True)


if __name__ == "__main__":
    main()
