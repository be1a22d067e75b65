"""Scores over clips made on the spot, and what they sound like."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from sequencer.clips.clips import Clip
from sequencer.piece import Piece, write_piece
from sequencer.rendering.clip_samples import ClipSounds
from sequencer.rendering.output_paths import Writing
from sequencer.rendering.spans import SpannedMix
from sequencer.rendering.spool import Spool
from sequencer.score.score import Event, Layer, Master, Score
from tests.sequencer.sounds import RATE, encoded

Sound = npt.NDArray[np.floating]


def score_of(
    folder: Path, sounds: Mapping[str, Sound], events: Sequence[Event], samples: int, **others: Any
) -> Score:
    """A score over clips written as float files, so that nothing is rounded on the way in."""
    clips = {}
    for name, sound in sounds.items():
        (folder / f"{name}.wav").write_bytes(encoded(sound, subtype="FLOAT"))
        clips[name] = Clip(name, f"{name}.wav", seconds=len(sound) / RATE)
    layers = tuple(Layer(name) for name in dict.fromkeys(event.layer for event in events))
    base = Score(3, RATE, samples, "matched", Master(), clips, tuple(events), layers=layers)
    return replace(base, **others)


def written(
    score: Score, folder: Path, name: str = "out.wav", *, listen: bool = False, **how: Any
) -> Piece:
    return write_piece(
        score, folder, folder / name, force=True, listen=listen, writing=Writing(**how)
    )


def rendered(score: Score, folder: Path) -> npt.NDArray[np.float64]:
    """What a 16-bit file of it holds: [n], or [n, 2]."""
    piece = written(score, folder)
    samples: npt.NDArray[np.float64] = soundfile.read(piece.out, dtype="float64")[0]
    return samples


@contextlib.contextmanager
def opened(
    score: Score, folder: Path, spool: Path, *, by_layer: bool = False, span: int | None = None
) -> Iterator[SpannedMix]:
    with Spool(spool, keep=True) as kept:
        sounds = ClipSounds(score, folder, kept)
        yield SpannedMix(score, sounds, kept, by_layer=by_layer, span=span)
