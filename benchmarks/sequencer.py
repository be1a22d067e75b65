"""Measure the sequencer: many events, a long piece, loudness and limiting, and against pydub.

    python -m benchmarks.sequencer                      all of it
    python -m benchmarks.sequencer events --events 2000 one part, smaller

Clips are made on the spot: plucked tones, each another pitch. Every figure of memory is the largest
of a process that did nothing else. The comparison with pydub joins the same one-second files in the
same order by both, in one process, with a join of a tenth of a second and no loudness to find.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from sequencer.audio.loudness import LoudnessMeter
from sequencer.audio.samples import Resampler
from sequencer.audio.true_peak import TruePeakMeter
from sequencer.clips.clips import Clip
from sequencer.piece import write_piece
from sequencer.rendering.clip_samples import ClipSounds
from sequencer.rendering.limiter import Limiter
from sequencer.rendering.mix import Mixer
from sequencer.rendering.output_paths import Writing
from sequencer.rendering.spool import Spool
from sequencer.score.score import MAIN_LAYER, Event, Layer, Master, Score

RATE = 16_000
CLIPS = 500
ROUNDS = 3


def pluck(seconds: float, number: int) -> np.ndarray:
    """Make a tone that dies away with some breath in it."""
    time_ = np.arange(round(seconds * RATE)) / RATE
    wave = np.sin(2 * np.pi * 110 * 2 ** (number % 48 / 12) * time_)
    hiss = np.random.default_rng(number).normal(0, 0.02, len(time_))
    return (0.5 * (wave + hiss) * np.exp(-3 * time_ / seconds)).astype(np.float32)


def clips_in(folder: Path, count: int, seconds: float) -> dict[str, Clip]:
    """Write clips and describe them."""
    for number in range(count):
        soundfile.write(folder / f"{number}.wav", pluck(seconds, number), RATE, subtype="PCM_16")
    return {
        str(n): Clip(str(n), f"{n}.wav", seconds=round(seconds * RATE) / RATE) for n in range(count)
    }


def chain(clips: dict[str, Clip], events: int, fade: float, *, channels: int = 1) -> Score:
    """Play the clips one after another, each joined to the next."""
    lengths = [round(clip.seconds * RATE) for clip in clips.values()]
    overlap = round(fade * RATE)
    step = lengths[0] - overlap
    made = [
        Event(
            start=number * step,
            clip=str(number % len(clips)),
            offset=0,
            length=lengths[0],
            fade_in=overlap if number else 0,
            fade_out=overlap if number + 1 < events else 0,
            pan=number % 3 / 2 - 0.5 if channels == 2 else 0.0,
        )
        for number in range(events)
    ]
    return Score(
        seed=1,
        sample_rate=RATE,
        samples=events * step + overlap,
        fade_law="matched",
        master=Master(0.0, 160, 32_000, loudness=-16.0),
        clips=clips,
        events=tuple(made),
        channels=channels,
        layers=(Layer(MAIN_LAYER),),
    )


def rendered(
    score: Score, folder: Path, writing: Writing, *, listen: bool = True
) -> dict[str, float]:
    """Render in a process of its own: wall seconds and the most memory, in MB."""
    begun = time.perf_counter()
    piece = write_piece(
        score, folder, folder / "out.wav", force=True, listen=listen, writing=writing
    )
    wall = time.perf_counter() - begun
    piece.out.unlink()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {"seconds": score.seconds, "events": len(score.events), "wall": wall, "memory": memory}


def one_events(folder: Path, count: int) -> dict[str, float]:
    return rendered(chain(clips_in(folder, CLIPS, 2.0), count, 0.5), folder, Writing())


def one_long(folder: Path, hours: float) -> dict[str, float]:
    clips = clips_in(folder, CLIPS, 8.0)
    score = chain(clips, round(hours * 3600 / 7), 1.0, channels=2)
    return rendered(score, folder, Writing(sample_rate=44_100))


def alone(part: str, size: float) -> dict[str, float]:
    """Run a part of this file in another process."""
    command = [sys.executable, "-m", "benchmarks.sequencer", "--alone", part, str(size)]
    out = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(out.stdout)
    return found


def events(count: int) -> None:
    found = alone("events", count)
    print(
        f"{count:,} events, {found['seconds'] / 3600:.1f} h in 16 kHz mono: {found['wall']:.1f} s, "
        f"{count / found['wall']:,.0f} events/s, {found['seconds'] / found['wall']:,.0f} times as "
        f"fast as it plays, {found['memory']:.0f} MB"
    )


def long(hours: float) -> None:
    found = alone("long", hours)
    print(
        f"{hours:g} h in 44.1 kHz stereo: {found['wall']:.1f} s, "
        f"{found['seconds'] / found['wall']:,.0f} times as fast as it plays, "
        f"{found['memory']:.0f} MB"
    )


def one_joined(folder: Path, joins: int) -> dict[str, float]:
    score = chain(clips_in(folder, joins, 1.0), joins, 0.1)
    score = replace(score, fade_law="linear", master=Master())
    return rendered(score, folder, Writing(), listen=False)


def one_joined_by_pydub(folder: Path, joins: int) -> dict[str, float]:
    from pydub import AudioSegment

    clips_in(folder, joins, 1.0)
    begun = time.perf_counter()
    mix = AudioSegment.from_wav(folder / "0.wav")
    for number in range(1, joins):
        mix = mix.append(AudioSegment.from_wav(folder / f"{number}.wav"), crossfade=100)
    mix.export(folder / "out.wav", format="wav")
    return {"wall": time.perf_counter() - begun, "seconds": mix.duration_seconds}


def against_pydub(joins: int) -> None:
    """Each in a fresh process, in turns, and the best of each."""
    rounds = [(alone("joins", joins), alone("pydub", joins)) for _ in range(ROUNDS)]
    ours, theirs = (min(each["wall"] for each in column) for column in zip(*rounds, strict=True))
    lengths = [each["seconds"] for each in rounds[0]]
    print(
        f"{joins:,} joins of one-second files: sequencer {ours:.2f} s, pydub {theirs:.2f} s, "
        f"{theirs / ours:.1f} times ({lengths[0]:.1f} and {lengths[1]:.1f} s of sound)"
    )


def stages(seconds: float) -> None:
    """Measure each stage of the signal path alone, one channel."""
    with tempfile.TemporaryDirectory() as name, Spool(Path(name) / "spool") as spool:
        score = chain(clips_in(Path(name), CLIPS, 2.0), round(seconds / 1.5), 0.5)
        mixer = Mixer(score, ClipSounds(score, Path(name), spool))
        span = 30 * RATE
        parts: list[np.ndarray] = []

        def mix() -> None:
            for start in range(0, score.samples, span):
                stop = min(start + span, score.samples)
                parts.append(mixer.mixed(MAIN_LAYER, start, stop))

        timed("mix, clips read and joined", score.samples, mix)
    sound = np.concatenate(parts, axis=1)
    blocks = [sound[:, at : at + (1 << 15)] for at in range(0, sound.shape[1], 1 << 15)]
    resampler = Resampler(RATE, 44_100)
    meter, peaks = LoudnessMeter(1, RATE), TruePeakMeter(1)
    loud = Limiter(1, RATE, 0.1)
    for what, add in (
        ("loudness", meter.add),
        ("true peak", peaks.add),
        ("limiter, at work", loud.add),
        ("soxr to 44.1 kHz", lambda block: resampler.add(block[0])),
    ):
        timed(what, sound.shape[1], partial(each, add, blocks))


def each(action: Callable[[np.ndarray], object], blocks: list[np.ndarray]) -> None:
    for block in blocks:
        action(block)


def wall_of(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def timed(what: str, samples: int, action: Callable[[], object]) -> None:
    print(f"{what:28} {1e9 * wall_of(action) / samples:6.1f} ns a sample in")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="events, long, pydub, stages; all by default")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--hours", type=float, default=6.0)
    parser.add_argument("--joins", type=int, default=1000)
    parser.add_argument("--alone", nargs=2, metavar=("PART", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        part, size = options.alone
        with tempfile.TemporaryDirectory() as name:
            folder, count = Path(name), round(float(size))
            match part:
                case "long":
                    found = one_long(folder, float(size))
                case "events":
                    found = one_events(folder, count)
                case "joins":
                    found = one_joined(folder, count)
                case _:
                    found = one_joined_by_pydub(folder, count)
            print(json.dumps(found))
        return
    for part in options.parts or ["events", "long", "pydub", "stages"]:
        if part == "events":
            events(options.events)
        elif part == "long":
            long(options.hours)
        elif part == "pydub":
            against_pydub(options.joins)
        elif part == "stages":
            stages(600)
        else:
            parser.error(f"no part {part!r}: events, long, pydub, stages")


if __name__ == "__main__":
    main()
