"""What the benchmarks of decoding share: clips of any lengths, and how fast they are made."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nsynth_batch.models.engine import Encoder, Engine, Request
from nsynth_batch.models.wavenet.config import SAMPLE_RATE, Config, convolutions


@dataclass(frozen=True)
class Speed:
    """How fast some work went.

    Attributes
    ----------
    audio
        Seconds of audio made or read.
    clock, processor
        Seconds by the clock, and of all cores' time.
    """

    audio: float
    clock: float
    processor: float

    @property
    def rate(self) -> float:
        """Audio-seconds a second."""
        return self.audio / self.clock


def decode(engine: Engine, config: Config, frames: Sequence[int], warm: int = 0) -> Speed:
    """Decode clips of so many frames, and leave out what goes before the first sign of progress.

    Magenta builds a graph and TensorFlow compiles one before a decode: that is not its speed. So
    many first frames of each clip are left out as well: histories that look back 1,024 samples are
    written for the first time there, and a system may take its time to give that memory.
    """
    generator = np.random.default_rng(0)
    encodings = [
        generator.normal(0, 1, (n, config.ae_bottleneck)).astype(np.float32) for n in frames
    ]
    requests = [
        Request(str(i), 0, len(row) * config.hop, conditioning=row)
        for i, row in enumerate(encodings)
    ]
    heard = [(time.perf_counter(), time.process_time(), 0)]
    engine.generate(
        requests,
        on_progress=lambda n: heard.append((time.perf_counter(), time.process_time(), n)),
    )
    made = list(itertools.accumulate(n for _, _, n in heard))
    left_out = max(made[1], warm * config.ae_hop_length * len(frames)) if len(heard) > 2 else 0
    begun = next(i for i, n in enumerate(made) if n >= left_out)
    return Speed(
        (made[-1] - made[begun]) / SAMPLE_RATE,
        heard[-1][0] - heard[begun][0],
        heard[-1][1] - heard[begun][1],
    )


def encode(engine: Encoder, config: Config, clips: int, seconds: float) -> Speed:
    """Encode clips of a length."""
    samples = int(seconds * SAMPLE_RATE) // config.ae_hop_length * config.ae_hop_length
    audio = np.random.default_rng(0).uniform(-1, 1, (clips, samples)).astype(np.float32)
    clock, processor = time.perf_counter(), time.process_time()
    engine.encode(audio)
    return Speed(
        audio.size / SAMPLE_RATE, time.perf_counter() - clock, time.process_time() - processor
    )


def multiply_adds(config: Config, *, encoder: bool) -> int:
    """Count the multiply-adds of one sample of one clip, conditioning left out."""
    return sum(
        taps * inputs * outputs
        for name, taps, inputs, outputs in convolutions(config)
        if name.startswith("ae_") == encoder and not name.startswith("cond_map")
    )
