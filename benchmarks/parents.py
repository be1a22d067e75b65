"""Measure whether a mash-up can be tied to its parents by its sound.

    python -m benchmarks.parents --store demo-out/store

Where one parent's weight is 0.9 or more for half a second, that stretch of the clip is compared
with the same stretch of every segment of the store, by its loudness in 20 bands over time. Printed
is how often the true parent is the nearest, and among the nearest three, beside what chance gives.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hdfs_jobs.datasets.store import Store
from nsynth_batch.pipeline.steps import lineage_of
from nsynth_batch.store.clip_export import export_clips
from sequencer.audio.recording import DEFAULT_SAMPLE_RATE, mono_blocks
from sequencer.clips.clips import Clip, read_clips

HOP = 512
LEAST_FRAMES = 16
BANDS = 20
Floats = npt.NDArray[np.float64]
Key = tuple[str, int]


def stretches(clip: Clip) -> Iterator[tuple[Key, int, int]]:
    """Return the frames in which one parent is heard almost alone."""
    for parent in clip.parents:
        alone = np.concatenate([[False], np.array(parent.weights) >= 0.9, [False]])
        edges = np.flatnonzero(np.diff(alone.astype(int)))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            if stop - start >= LEAST_FRAMES:
                yield (parent.file_id, parent.segment), int(start), int(stop)


def sound_of(audio: Floats) -> Floats:
    """Describe a stretch by the logarithm of its power in 20 bands, 31 times a second."""
    frames = np.lib.stride_tricks.sliding_window_view(audio, 1024)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(1024))) ** 2
    edges = np.maximum(np.geomspace(2, 512, BANDS + 1).astype(int), np.arange(2, BANDS + 3))
    bands = np.stack([power[:, a:b].sum(1) for a, b in itertools.pairwise(edges)], 1)
    return np.asarray(np.log10(bands + 1e-4)).ravel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", default="demo-out/store")
    store = Store.open(parser.parse_args().store)
    audio = store.current_of("audio")
    assert audio is not None
    segments: dict[Key, Floats] = {}
    for _, table in audio.tables(["file_id", "segment", "samples"]):
        for row in table.to_pylist():
            segments[row["file_id"], row["segment"]] = np.array(row["samples"]) / 32768
    ranks, rivals = [], []
    with tempfile.TemporaryDirectory() as folder:
        export_clips(store, Path(folder), lineage_of)
        for clip in read_clips(folder):
            samples = np.concatenate(
                list(mono_blocks(Path(folder) / clip.file, DEFAULT_SAMPLE_RATE))
            )
            for parent, start, stop in stretches(clip):
                heard = sound_of(samples[start * HOP : stop * HOP].astype(np.float64))
                distances = {
                    key: float(np.linalg.norm(sound_of(sound[start * HOP : stop * HOP]) - heard))
                    for key, sound in segments.items()
                    if len(sound) >= stop * HOP
                }
                ranks.append(sum(d < distances[parent] for d in distances.values()))
                rivals.append(len(distances))
    found = np.array(ranks)
    chance = np.mean(1 / np.array(rivals))
    print(f"{len(found)} stretches, {np.mean(rivals):.1f} segments to choose from")
    print(f"true parent nearest      {np.mean(found == 0):6.1%}   by chance {chance:6.1%}")
    print(f"among the nearest three  {np.mean(found < 3):6.1%}   by chance {3 * chance:6.1%}")


if __name__ == "__main__":
    main()
