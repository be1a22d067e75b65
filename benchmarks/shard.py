"""Measure `shard` against a bare loop of soundfile and soxr over the same files and cores.

    python -m benchmarks.shard --minutes 120 --workers 2
    python -m benchmarks.shard --minutes 120 --workers 2 --stores hdfs://127.0.0.1:9000/benchmark

The files are takes of the bundled recordings, pitched and cut anew, 44.1 kHz stereo WAV. The bare
loop is as many processes as workers, that share the files out, read them in blocks, mix to mono,
resample and write int16 samples to a file each; nothing else. The job is the command, the start of
its workers included, on recordings that were harvested before.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import soxr

from benchmarks.stages import timed
from hdfs_jobs.storage import open_storage
from nsynth_batch.settings import load_settings
from sequencer.audio import SAMPLE_RATE, mono_blocks

RATE = 44_100
TAKE_SECONDS = 60.0
BLOCK_FRAMES = 1 << 16


def make_recordings(folder: Path, minutes: float) -> tuple[float, int]:
    """Write the files; give seconds of audio and bytes."""
    bundled = Path(__file__).parents[1] / "nsynth_batch" / "recordings"
    sounds = [
        np.concatenate(list(mono_blocks(path, RATE))) for path in sorted(bundled.glob("*.flac"))
    ]
    everything = np.concatenate(sounds)
    rng = np.random.default_rng(0)
    frames = round(TAKE_SECONDS * RATE)
    count = max(1, round(minutes * 60 / TAKE_SECONDS))
    size = 0
    for number in range(count):
        starts = rng.integers(0, len(everything), 2)
        left, right = (np.take(everything, np.arange(s, s + frames), mode="wrap") for s in starts)
        path = folder / f"{number:05d}.wav"
        soundfile.write(str(path), 0.7 * np.stack([left, right], 1), RATE, subtype="PCM_16")
        size += path.stat().st_size
    return count * frames / RATE, size


def bare(job: tuple[list[Path], Path]) -> None:
    """Do what any script would."""
    files, out = job
    with out.open("wb") as stream:
        for path in files:
            with soundfile.SoundFile(str(path)) as file:
                resampler = soxr.ResampleStream(file.samplerate, SAMPLE_RATE, 1, dtype="float32")
                blocks = file.blocks(BLOCK_FRAMES, dtype="float32", always_2d=True)
                for block in blocks:
                    part = resampler.resample_chunk(block.mean(axis=1))
                    stream.write(np.round(part * 32767).astype(np.int16).tobytes())
                part = resampler.resample_chunk(np.zeros(0, np.float32), last=True)
                stream.write(np.round(part * 32767).astype(np.int16).tobytes())


def time_bare(files: list[Path], workers: int, folder: Path) -> float:
    jobs = [(files[n::workers], folder / f"bare-{n}.raw") for n in range(workers)]
    begun = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(bare, jobs, chunksize=1)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=120.0, help="of audio")
    parser.add_argument("--workers", type=int, default=load_settings().workers)
    parser.add_argument("--stores", nargs="*", default=[], help="further stores to measure on")
    parser.add_argument("--rounds", type=int, default=2, help="the best of each is told")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recordings = folder / "recordings"
        recordings.mkdir()
        seconds, size = make_recordings(recordings, options.minutes)
        files = sorted(recordings.iterdir())
        print(f"{len(files)} files, {seconds / 60:.0f} minutes, {size / 1e6:.0f} MB")
        print(f"{'what':40} {'wall s':>8} {'audio-s/s':>10} {'MB/s':>8} {'of bare':>8}", flush=True)

        def show(what: str, wall: float, best: float) -> None:
            rates = f"{seconds / wall:10.0f} {size / wall / 1e6:8.1f} {best / wall:8.0%}"
            print(f"{what:40} {wall:8.2f} {rates}", flush=True)

        rounds = range(options.rounds)
        best = min(time_bare(files, options.workers, folder) for _ in rounds)
        show(f"bare loop, {options.workers} processes", best, best)
        for url in [str(folder / "store"), *options.stores]:
            walls = []
            for _ in rounds:
                # A store of its own each time: what is committed is skipped.
                store = ["--store", f"{url}/{time.time_ns()}"]
                timed(["harvest", str(recordings), *store])
                shard = ["shard", *store, "--workers", str(options.workers)]
                walls.append(timed(shard))
                open_storage(url).delete(store[1].rpartition("/")[2], recursive=True)
            show(f"shard, store {url.split('//')[0] if '//' in url else 'local'}", min(walls), best)


if __name__ == "__main__":
    main()
