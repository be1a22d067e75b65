"""Reaper projects: a track a layer, an item an event, sections as regions."""

from __future__ import annotations

from collections.abc import Iterator

from sequencer.credits.captions import section_ends
from sequencer.exports.media import Media, clip_name
from sequencer.score.score import Event, Score
from sequencer.text import flattened

_SOURCES = {"flac": "FLAC", "mp3": "MP3", "ogg": "VORBIS", "oga": "VORBIS", "opus": "VORBIS"}
_LINEAR, _EQUAL_POWER = 0, 1


def reaper_text(score: Score, media: Media) -> str:
    """Write a score as an ``.rpp`` project, with media paths relative to it.

    Reaper has no fade that follows the correlation of two sounds: equal-power ones stand in for
    matched ones. The master's fades and loudness are left to the person who mixes; its gain is set.
    """
    return "\n".join(_project(score, media)) + "\n"


def _project(score: Score, media: Media) -> Iterator[str]:
    yield '<REAPER_PROJECT 0.1 "6.0" 0'
    yield f"  SAMPLERATE {score.sample_rate} 0 0"
    yield f"  MASTER_NCH {score.channels} 2"
    yield f"  MASTER_VOLUME {_factor(score.master.gain_db)} 0 -1 -1 1"
    for number, (section, end) in enumerate(section_ends(score), 1):
        start = section.start / score.sample_rate
        yield f"  MARKER {number} {start:.7f} {_quoted(section.name)} 1"
        yield f'  MARKER {number} {end / score.sample_rate:.7f} "" 1'
    for layer in score.layers:
        yield "  <TRACK"
        yield f"    NAME {_quoted(layer.name)}"
        yield f"    VOLPAN {_factor(layer.gain_db)} 0 -1 -1 1"
        for event in score.events:
            if event.layer == layer.name:
                yield from _item(score, event, media)
        yield "  >"
    yield ">"


def _item(score: Score, event: Event, media: Media) -> Iterator[str]:
    rate = score.sample_rate
    clip = score.clips[event.clip]
    end = min(event.end, score.samples)
    shape = _LINEAR if score.fade_law == "linear" else _EQUAL_POWER
    fade_out = event.fade_out if end == event.end else 0
    kind = _SOURCES.get(clip.file.rpartition(".")[2].lower(), "WAVE")
    yield "    <ITEM"
    yield f"      POSITION {event.start / rate:.7f}"
    yield f"      LENGTH {(end - event.start) / rate:.7f}"
    yield "      LOOP 0"
    yield f"      FADEIN {shape} {event.fade_in / rate:.7f} 0"
    yield f"      FADEOUT {shape} {fade_out / rate:.7f} 0"
    yield f"      NAME {_quoted(clip_name(clip))}"
    yield f"      VOLPAN {_factor(event.gain_db)} {event.pan:.4f} 1 -1"
    yield f"      SOFFS {event.offset / rate:.7f}"
    yield f"      <SOURCE {kind}"
    yield f"        FILE {_quoted(media.path(clip))}"
    yield "      >"
    yield "    >"


def _factor(gain_db: float) -> str:
    return f"{10 ** (gain_db / 20):.8f}"


def _quoted(text: str) -> str:
    """Write a text as Reaper quotes it: by the first kind of quote that is not in it."""
    line = flattened(text)
    for quote in "\"'`":
        if quote not in line:
            return f"{quote}{line}{quote}"
    plain = line.replace("`", "'")
    return f"`{plain}`"
