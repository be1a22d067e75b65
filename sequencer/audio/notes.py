"""Notes in a sound: stretches that keep one clear pitch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from sequencer.audio.pitch import FRAME_SECONDS, VOICED, pitch_track
from sequencer.audio.samples import Samples

BLOCK_SECONDS = 30.0
"""Blocks of this length keep what is measured of them small."""

_A4, _A4_HERTZ = 69, 440.0
_MOST_APART = 0.7
_LEAST_FRAMES = 3
_HOP = FRAME_SECONDS / 2


@dataclass(frozen=True)
class Note:
    """A stretch of one pitch.

    Attributes
    ----------
    start, end : float
        In seconds of the sound.
    number : int
        Of the nearest key: 69 is the A of 440 Hz, and a semitone is 1.
    level : float
        Mean level in dB below full scale.
    """

    start: float
    end: float
    number: int
    level: float


def notes_of(blocks: Iterable[Samples], sample_rate: int) -> list[Note]:
    """Return the notes of a sound; noise, silence and what lasts less than 0.2 s have none.

    A pitch that strays by more than 70 cents from the middle of its note begins another one, so
    vibrato stays one note and a glide is none.

    Parameters
    ----------
    blocks : iterable of float32 [n]
        The sound in order, mono, best of `BLOCK_SECONDS` each.
    sample_rate : int
        In Hz.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 220 * np.arange(16_000) / 16_000).astype(np.float32)
    >>> [(note.number, round(note.end)) for note in notes_of([tone], 16_000)]
    [(57, 1)]
    """
    notes: list[Note] = []
    passed = 0.0
    for block in blocks:
        for note in _notes(block, sample_rate):
            late = replace(note, start=note.start + passed, end=note.end + passed)
            last = notes[-1] if notes else None
            if last and last.number == late.number and late.start <= last.end + 0.1:
                notes[-1] = replace(last, end=late.end)
            else:
                notes.append(late)
        passed += len(block) / sample_rate
    return notes


def _notes(samples: Samples, sample_rate: int) -> Iterator[Note]:
    if not len(samples):
        return
    track = pitch_track(samples, sample_rate)
    keys = _A4 + 12 * np.log2(track.hertz / _A4_HERTZ)
    # Low-pass noise is correlated at each short lag, but has no peak there.
    clear = track.voiced & (track.strength_at(track.hertz) > VOICED)
    length = len(samples) / sample_rate
    run: list[int] = []
    for frame in range(len(keys) + 1):
        goes_on = frame < len(keys) and bool(clear[frame])
        if goes_on and (not run or abs(keys[frame] - np.median(keys[run])) <= _MOST_APART):
            run.append(frame)
            continue
        if len(run) >= _LEAST_FRAMES:
            yield Note(
                start=0.0 if run[0] == 0 else (run[0] + 1) * _HOP,
                end=length if run[-1] == len(keys) - 1 else (run[-1] + 1) * _HOP,
                number=round(float(np.median(keys[run]))),
                level=float(np.mean(track.level[run])),
            )
        run = [frame] if goes_on else []
