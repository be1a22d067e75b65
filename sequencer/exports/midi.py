"""MIDI files: sections as markers on the first track; events and their notes on a track a layer."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sequencer.audio.notes import Note
from sequencer.credits.aligned import aligned
from sequencer.credits.captions import span_words
from sequencer.exports.notes import layer_notes
from sequencer.optional import extra
from sequencer.score.score import Score
from sequencer.text import flattened

TICKS_A_BEAT = 960
BEATS_A_SECOND = 2
"""At 120 beats a minute: a tick is 1/1920 s."""

_DRUMS, _CHANNELS = 9, 16
_SINE_DB = 3.0
_Timed = tuple[int, Any]


def midi_bytes(score: Score, notes: Mapping[str, Sequence[Note]] | None = None) -> bytes:
    """Write a score as a standard MIDI file of format 1; texts are UTF-8.

    Each event is a marker on the track of its layer, with notes where its clip has a clear pitch.

    Parameters
    ----------
    score : Score
    notes : mapping of str to sequence of Note, optional
        By clip id, as `sequencer.exports.notes.clip_notes` measures them; markers alone without.

    Raises
    ------
    SequencerError
        When mido is not installed.
    """
    mido = extra("mido", "mido")
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_A_BEAT, charset="utf-8")
    sections = [(section.start, flattened(section.name)) for section in score.sections]
    head = _track(mido, score, f"composition, seed {score.seed}", _markers(mido, score, sections))
    head.insert(1, mido.MetaMessage("set_tempo", tempo=1_000_000 // BEATS_A_SECOND))
    file.tracks.append(head)
    spans = aligned(score)
    channels = [channel for channel in range(_CHANNELS) if channel != _DRUMS]
    for number, layer in enumerate(score.layers):
        events = [(s.start, span_words(s)) for s in spans if s.event.layer == layer.name]
        timed = _markers(mido, score, events)
        for note in layer_notes(score, layer.name, notes or {}):
            timed += _struck(mido, note, layer.gain_db, channels[number % len(channels)])
        file.tracks.append(_track(mido, score, layer.name, timed))
    out = io.BytesIO()
    file.save(file=out)
    return out.getvalue()


def _markers(mido: Any, score: Score, texts: Iterable[tuple[int, str]]) -> list[_Timed]:
    return [
        (_ticks(start / score.sample_rate), mido.MetaMessage("marker", text=text))
        for start, text in texts
    ]


def _struck(mido: Any, note: Note, gain_db: float, channel: int) -> list[_Timed]:
    # General MIDI: a velocity is a level of 40 log10 of its share of the highest.
    velocity = round(127 * 10 ** ((note.level + gain_db + _SINE_DB) / 40))
    key = {"channel": channel, "note": note.number}
    return [
        (
            _ticks(note.start),
            mido.Message("note_on", velocity=min(127, max(1, velocity)), **key),
        ),
        (_ticks(note.end), mido.Message("note_off", **key)),
    ]


def _track(mido: Any, score: Score, name: str, timed: Sequence[_Timed]) -> Any:
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
    now = 0
    # What ends goes before what begins at the same tick.
    for at, message in sorted(timed, key=lambda each: (each[0], each[1].type != "note_off")):
        track.append(message.copy(time=at - now))
        now = at
    end = max(now, _ticks(score.samples / score.sample_rate))
    track.append(mido.MetaMessage("end_of_track", time=end - now))
    return track


def _ticks(seconds: float) -> int:
    return round(seconds * TICKS_A_BEAT * BEATS_A_SECOND)
