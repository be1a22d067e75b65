"""MIDI files that hold markers: sections on the first track, events on a track a layer."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

from sequencer.credits.aligned import aligned
from sequencer.credits.captions import span_words
from sequencer.optional import extra
from sequencer.score.score import Score
from sequencer.text import flattened

TICKS_A_BEAT = 960
BEATS_A_SECOND = 2
"""At 120 beats a minute: a tick is 1/1920 s."""


def midi_bytes(score: Score) -> bytes:
    """Write a score's markers as a standard MIDI file of format 1; texts are UTF-8.

    Raises
    ------
    SequencerError
        When mido is not installed.
    """
    mido = extra("mido", "mido")
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_A_BEAT, charset="utf-8")
    sections = [(section.start, flattened(section.name)) for section in score.sections]
    head = _track(mido, score, f"composition, seed {score.seed}", sections)
    head.insert(1, mido.MetaMessage("set_tempo", tempo=1_000_000 // BEATS_A_SECOND))
    file.tracks.append(head)
    spans = aligned(score)
    for layer in score.layers:
        events = [(s.start, span_words(s)) for s in spans if s.event.layer == layer.name]
        file.tracks.append(_track(mido, score, layer.name, events))
    out = io.BytesIO()
    file.save(file=out)
    return out.getvalue()


def _track(mido: Any, score: Score, name: str, markers: Iterable[tuple[int, str]]) -> Any:
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
    now = 0
    for start, text in markers:
        at = _ticks(score, start)
        track.append(mido.MetaMessage("marker", text=text, time=at - now))
        now = at
    track.append(mido.MetaMessage("end_of_track", time=_ticks(score, score.samples) - now))
    return track


def _ticks(score: Score, samples: int) -> int:
    return round(samples * TICKS_A_BEAT * BEATS_A_SECOND / score.sample_rate)
