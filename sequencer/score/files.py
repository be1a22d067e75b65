"""Scores on disk: JSON; an error names the line and the field.

Times are in seconds, with the seven decimals that 16 kHz needs to be exact, and each event and
each clip stands on a line of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from sequencer.audio.suffixes import is_audio_name
from sequencer.clips.clips import (
    SCORE_SUFFIX,
    Clip,
    parent_from_json,
    parent_to_json,
    trained_on_to_json,
)
from sequencer.clips.corpus import Corpus, corpus_named
from sequencer.clips.weight_points import MOST_POINTS
from sequencer.errors import SequencerError
from sequencer.json_fields import Fields, read_fields
from sequencer.rights.spdx import licence_ids
from sequencer.score.element_lines import element_lines
from sequencer.score.score import FADE_LAWS, MAIN_LAYER, Event, Layer, Master, Score, Section

SCHEMA = "sequencer-score"
VERSION = 2

_Element = TypeVar("_Element")

_MAX_SECONDS = 1e7
_GAINS = {"least": -200.0, "most": 100.0}
_SHA256 = re.compile("[0-9a-f]{64}")
# Stems are files named after their layers.
_LAYER_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9 _-]{0,39}")
_ELEMENTS = {
    "layers": "layer",
    "sections": "section",
    "corpora": "corpus",
    "clips": "clip",
    "events": "event",
}
_TOP_FIELDS = (
    *("schema", "version", "seed", "sample_rate", "seconds", "channels", "fade_law", "style"),
    *(
        "licence",
        "target",
        "clips_folder",
        "master",
        "layers",
        "sections",
        "notes",
        "corpora",
        "clips",
    ),
    "events",
)
_EVENT_FIELDS = (
    *(
        "at",
        "clip",
        "title",
        "offset",
        "length",
        "gain_db",
        "fade_in",
        "fade_out",
        "pan",
        "layer",
        "why",
    ),
)
_CLIP_FIELDS = (
    *("clip_id", "file", "seconds", "sha256", "mash_id", "verdict", "made_with", "parents"),
    "trained_on",
)


def score_json(score: Score) -> str:
    """Write a score as JSON: the same score gives the same text."""

    def seconds(samples: int) -> float:
        return round(samples / score.sample_rate, 7)

    master = score.master
    head = {
        "schema": SCHEMA,
        "version": VERSION,
        "seed": score.seed,
        "sample_rate": score.sample_rate,
        "seconds": seconds(score.samples),
        "channels": score.channels,
        "fade_law": score.fade_law,
        "style": score.style,
        "licence": score.licence,
        "target": score.target,
        **({"clips_folder": score.clips_folder} if score.clips_folder else {}),
        "master": {
            "gain_db": master.gain_db,
            "fade_in": seconds(master.fade_in),
            "fade_out": seconds(master.fade_out),
            "loudness": master.loudness,
            "true_peak": master.true_peak,
        },
    }
    sections = (
        {"name": section.name, "at": seconds(section.start), "why": section.why}
        for section in score.sections
    )
    # For people: it is written anew from the clips each time, and not read.
    titles = {clip_id: clip.title for clip_id, clip in score.clips.items()}
    events = (
        {
            "at": seconds(event.start),
            "clip": event.clip,
            "title": titles[event.clip],
            "offset": seconds(event.offset),
            "length": seconds(event.length),
            "gain_db": event.gain_db,
            "fade_in": seconds(event.fade_in),
            "fade_out": seconds(event.fade_out),
            "pan": event.pan,
            "layer": event.layer,
            "why": event.why,
        }
        for event in score.events
    )
    layers = ({"name": layer.name, "gain_db": layer.gain_db} for layer in score.layers)
    parts = [f" {_dumps(name)}: {_dumps(value)}" for name, value in head.items()]
    parts += [
        f' "layers": {_lines(layers)}',
        f' "sections": {_lines(sections)}',
        f' "notes": {_lines(score.notes)}',
        *_corpora_json(score.corpora),
        f' "clips": {_lines(map(_clip_to_json, score.clips.values()))}',
        f' "events": {_lines(events)}',
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _corpora_json(corpora: Iterable[Corpus]) -> Iterator[str]:
    """Yield the list of corpora, a recording on a line; nothing where no clip has one."""
    each = [
        f'  {{"digest": {_dumps(corpus.digest)}, "recordings": {_lines(corpus.recordings_json())}}}'
        for corpus in corpora
    ]
    if each:
        yield ' "corpora": [\n' + ",\n".join(each) + "\n ]"


def read_score(path: str | Path) -> Score:
    """Read a score, perhaps one edited by hand.

    Events may stand in any order. Fields that are not known are refused, since a misspelt one would
    otherwise do nothing.

    Raises
    ------
    SequencerError
        With the file, the line and the field.
    OSError
        What reading raised.
    """
    name = str(path)
    if Path(path).is_dir():
        raise SequencerError(f"{name} is a folder, and a score is wanted, as piece{SCORE_SUFFIX}")
    if is_audio_name(name):
        beside = Path(path).with_suffix(SCORE_SUFFIX)
        found = f"{beside}" if beside.is_file() else "`sequencer compose` writes one beside a piece"
        raise SequencerError(f"{name} is a sound, and its score is wanted: {found}")
    text, top = read_fields(path, "score")
    if top.text("schema", "") != SCHEMA:
        raise SequencerError(f"{name}, field 'schema': not a score ({SCHEMA!r} is expected)")
    if top.integer("version") != VERSION:
        why = f"must be {VERSION}, as `sequencer compose` writes it now"
        raise top.wrong("version", why, top.integer("version"))
    _known(top, _TOP_FIELDS)
    rate = top.integer("sample_rate", least=1000)
    samples = _samples(top, "seconds", rate)
    if samples < 1:
        raise top.wrong("seconds", "must be above 0", samples)
    channels = top.integer("channels", 1)
    if channels not in (1, 2):
        raise top.wrong("channels", "must be 1 or 2", channels)
    law = top.text("fade_law")
    if law not in FADE_LAWS:
        raise top.wrong("fade_law", f"must be one of {', '.join(FADE_LAWS)}", law)
    lines = element_lines(text)

    def each(kind: str, read: Callable[[Fields], _Element]) -> Iterator[_Element]:
        for number, fields in enumerate(top.objects(kind)):
            fields.where = f"{name}, line {lines[kind][number]}, {_ELEMENTS[kind]} {number + 1}"
            yield read(fields)

    corpora: dict[str, Corpus] = {}
    clips: dict[str, Clip] = {}
    layers: dict[str, Layer] = {}

    def add_layer(fields: Fields) -> None:
        layer = _layer(fields)
        if layer.name in layers:
            raise fields.wrong("name", "must be unique", layer.name)
        layers[layer.name] = layer

    def add_corpus(fields: Fields) -> None:
        _known(fields, ("digest", "recordings"))
        corpus = Corpus.from_json(fields)
        if corpus.digest in corpora:
            raise fields.wrong("digest", "must be unique", corpus.digest)
        corpora[corpus.digest] = corpus

    def add_clip(fields: Fields) -> None:
        clip = _clip(fields, corpora)
        if clip.clip_id in clips:
            raise fields.wrong("clip_id", "must be unique", clip.clip_id)
        clips[clip.clip_id] = clip

    for _ in each("layers", add_layer):
        pass
    if not layers:
        layers[MAIN_LAYER] = Layer(MAIN_LAYER)
    for _ in each("corpora", add_corpus):
        pass
    for _ in each("clips", add_clip):
        pass
    sections = tuple(each("sections", lambda fields: _section(fields, rate, samples)))
    events = tuple(each("events", lambda fields: _event(fields, clips, layers, rate, samples)))
    if not events:
        raise SequencerError(f"{name}, field 'events': a score needs at least one event")
    # An edit may have taken the last event of a clip: nothing is credited that does not play.
    playing = {event.clip for event in events}
    return Score(
        seed=top.integer("seed", least=0),
        sample_rate=rate,
        samples=samples,
        fade_law=law,
        master=_master(top.mapping("master"), rate, samples),
        clips={clip_id: clip for clip_id, clip in clips.items() if clip_id in playing},
        events=tuple(sorted(events, key=lambda event: event.start)),
        notes=top.texts("notes"),
        channels=channels,
        style=top.text("style", ""),
        layers=tuple(layers.values()),
        sections=tuple(sorted(sections, key=lambda section: section.start)),
        licence=_licence(top, "licence"),
        target=_licence(top, "target"),
        clips_folder=top.text("clips_folder", ""),
    )


def _licence(fields: Fields, name: str) -> str:
    expression = fields.text(name, "")
    if expression:
        try:
            licence_ids(expression)
        except SequencerError as error:
            raise SequencerError(f"{fields.where}, field '{name}': {error}") from error
    return expression


def _master(fields: Fields, rate: int, samples: int) -> Master:
    _known(fields, ("gain_db", "fade_in", "fade_out", "loudness", "true_peak"))
    fades = {}
    for name in ("fade_in", "fade_out"):
        fades[name] = _samples(fields, name, rate, 0.0)
        if fades[name] > samples:
            why = f"must be at most {samples / rate:g} s, the length of the piece"
            raise fields.wrong(name, why, fades[name] / rate)
    return Master(
        fields.number("gain_db", 0.0, **_GAINS),
        fades["fade_in"],
        fades["fade_out"],
        fields.number("loudness", least=-70, most=0) if fields.holds("loudness") else None,
        fields.number("true_peak", -1.0, least=-40, most=0),
    )


def _layer(fields: Fields) -> Layer:
    _known(fields, ("name", "gain_db"))
    name = fields.text("name")
    if not _LAYER_NAME.fullmatch(name):
        raise fields.wrong("name", "up to 40 letters, digits, spaces, - and _ are expected", name)
    return Layer(name, fields.number("gain_db", 0.0, **_GAINS))


def _section(fields: Fields, rate: int, samples: int) -> Section:
    _known(fields, ("at", "name", "why"))
    return Section(_start(fields, rate, samples), fields.text("name"), fields.text("why", ""))


def _clip_to_json(clip: Clip) -> dict[str, object]:
    return {
        "clip_id": clip.clip_id,
        "file": clip.file,
        "seconds": clip.seconds,
        "sha256": clip.sha256,
        "mash_id": clip.mash_id,
        "verdict": clip.verdict,
        "made_with": dict(clip.made_with),
        "parents": [parent_to_json(parent) for parent in clip.parents],
        **trained_on_to_json(clip),
    }


def _clip(fields: Fields, corpora: Mapping[str, Corpus]) -> Clip:
    _known(fields, _CLIP_FIELDS)
    digest = fields.text("sha256", "")
    if digest and not _SHA256.fullmatch(digest):
        raise fields.wrong("sha256", "64 hexadecimal digits are expected", digest)
    made_with = fields.mapping("made_with")
    parents = tuple(parent_from_json(parent) for parent in fields.objects("parents"))
    for parent in parents:
        weights = parent.weights
        if len(weights) > MOST_POINTS or not all(0 <= weight <= 1 for weight in weights):
            why = f"in 'weights' at most {MOST_POINTS} numbers from 0 to 1 are expected"
            raise fields.wrong("parents", why, weights)
    return Clip(
        clip_id=fields.text("clip_id"),
        file=fields.relative_file("file"),
        seconds=fields.number("seconds", least=0.0),
        mash_id=fields.text("mash_id", ""),
        verdict=fields.text("verdict", ""),
        parents=parents,
        made_with={name: made_with.text(name) for name in made_with.names()},
        sha256=digest,
        trained_on=corpus_named(fields, corpora, "this score"),
    )


def _event(
    fields: Fields,
    clips: Mapping[str, Clip],
    layers: Mapping[str, Layer],
    rate: int,
    samples: int,
) -> Event:
    _known(fields, _EVENT_FIELDS)
    event = Event(
        start=_start(fields, rate, samples),
        clip=fields.text("clip"),
        offset=_samples(fields, "offset", rate, 0.0),
        length=_samples(fields, "length", rate),
        gain_db=fields.number("gain_db", 0.0, **_GAINS),
        fade_in=_samples(fields, "fade_in", rate, 0.0),
        fade_out=_samples(fields, "fade_out", rate, 0.0),
        why=fields.text("why", ""),
        pan=fields.number("pan", 0.0, least=-1.0, most=1.0),
        layer=fields.text("layer", next(iter(layers))),
    )
    if event.clip not in clips:
        raise fields.wrong("clip", "no clip of this score has this id", event.clip)
    if event.layer not in layers:
        raise fields.wrong("layer", f"must be one of {', '.join(layers)}", event.layer)
    if event.length < 1:
        raise fields.wrong("length", "must be above 0", event.length)
    if event.fade_in + event.fade_out > event.length:
        total = (event.fade_in + event.fade_out) / rate
        why = f"fade_in and fade_out together must fit into the length, {event.length / rate:g} s"
        raise fields.wrong("fade_out", why, total)
    there = clips[event.clip].seconds
    if (event.offset + event.length) / rate > there + 1.5 / rate:
        why = f"the clip has {there:g} s and the event begins at {event.offset / rate:g} s of it"
        raise fields.wrong("length", why, event.length / rate)
    return event


def _start(fields: Fields, rate: int, samples: int) -> int:
    start = _samples(fields, "at", rate)
    if start >= samples:
        raise fields.wrong("at", f"the composition ends at {samples / rate:g} s", start / rate)
    return start


def _samples(fields: Fields, name: str, rate: int, default: float | None = None) -> int:
    return round(fields.number(name, default, least=0.0, most=_MAX_SECONDS) * rate)


def _known(fields: Fields, names: tuple[str, ...]) -> None:
    for name in fields.names():
        if name not in names:
            raise SequencerError(
                f"{fields.where}, field '{name}': not known here; known are {', '.join(names)}"
            )


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _lines(values: Iterable[object]) -> str:
    lines = [f"  {_dumps(value)}" for value in values]
    return "[\n" + ",\n".join(lines) + "\n ]" if lines else "[]"
