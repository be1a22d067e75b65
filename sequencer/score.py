"""The score: what plays when, as data that a person can read, edit and render again.

In memory every time is a whole number of samples at the score's rate. In the file times are in
seconds, with the seven decimals that 16 kHz needs to be exact, and each event stands on a line of
its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from sequencer.clips import Clip, parent_from_json, parent_to_json
from sequencer.errors import SequencerError
from sequencer.fields import Fields

SCHEMA = "sequencer-score"
VERSION = 1

FadeLaw = Literal["linear", "equal-power", "matched"]
FADE_LAWS: tuple[FadeLaw, ...] = get_args(FadeLaw)

_MAX_SECONDS = 1e7
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Event:
    """One clip played once. All lengths are in samples at the score's rate.

    Attributes
    ----------
    start : int
        Where it begins in the composition.
    clip : str
        The clip's id.
    offset, length : int
        Which part of the clip plays.
    gain_db : float
        Its level.
    fade_in, fade_out : int
        Within its length; where a fade-out and the next fade-in cover the same span, the two are
        a join and the score's fade law is applied to both together.
    why : str
        Why it was chosen, for people.
    """

    start: int
    clip: str
    offset: int
    length: int
    gain_db: float = 0.0
    fade_in: int = 0
    fade_out: int = 0
    why: str = ""

    @property
    def end(self) -> int:
        """The first sample after it."""
        return self.start + self.length


@dataclass(frozen=True)
class Master:
    """What is done to the whole mix: gain in dB, fades in samples at both ends."""

    gain_db: float = 0.0
    fade_in: int = 0
    fade_out: int = 0


@dataclass(frozen=True)
class Score:
    """A composition as data.

    Attributes
    ----------
    seed : int
        Of the draws that chose the events and of the dither.
    sample_rate : int
        The rate of the mix in Hz.
    samples : int
        Length of the composition; events that reach beyond it are cut there.
    fade_law : str
        One of `FADE_LAWS`.
    master : Master
    clips : mapping of str to Clip
        By id, those that play, with their parents' rights: the credits need nothing else.
    events : tuple of Event
        In order of their starts.
    notes : tuple of str
        What was left out and why, and other warnings.
    """

    seed: int
    sample_rate: int
    samples: int
    fade_law: FadeLaw
    master: Master
    clips: Mapping[str, Clip]
    events: tuple[Event, ...]
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / self.sample_rate


def score_json(score: Score) -> str:
    """Write a score as JSON: the same score gives the same text."""

    def seconds(samples: int) -> float:
        return round(samples / score.sample_rate, 7)

    head = {
        "schema": SCHEMA,
        "version": VERSION,
        "seed": score.seed,
        "sample_rate": score.sample_rate,
        "seconds": seconds(score.samples),
        "fade_law": score.fade_law,
        "master": {
            "gain_db": score.master.gain_db,
            "fade_in": seconds(score.master.fade_in),
            "fade_out": seconds(score.master.fade_out),
        },
    }
    clips = (
        {
            "clip_id": clip.clip_id,
            "file": clip.file,
            "seconds": clip.seconds,
            "sha256": clip.sha256,
            "mash_id": clip.mash_id,
            "verdict": clip.verdict,
            "parents": [_parent_without_weights(parent_to_json(p)) for p in clip.parents],
        }
        for clip in score.clips.values()
    )
    events = (
        {
            "at": seconds(event.start),
            "clip": event.clip,
            "offset": seconds(event.offset),
            "length": seconds(event.length),
            "gain_db": event.gain_db,
            "fade_in": seconds(event.fade_in),
            "fade_out": seconds(event.fade_out),
            "why": event.why,
        }
        for event in score.events
    )
    parts = [f" {_dumps(name)}: {_dumps(value)}" for name, value in head.items()]
    parts += [
        f' "notes": {_lines(score.notes)}',
        f' "clips": {_lines(clips)}',
        f' "events": {_lines(events)}',
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


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
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
        value = json.loads(text)
    except UnicodeDecodeError as error:
        raise SequencerError(f"{name}: not UTF-8 text: {error.reason}") from error
    except json.JSONDecodeError as error:
        raise SequencerError(
            f"{name}, line {error.lineno}, column {error.colno}: not JSON: {error.msg}"
        ) from error
    except RecursionError as error:
        raise SequencerError(f"{name}: not a score: nested too deep") from error
    top = Fields(value, name)
    if top.text("schema", "") != SCHEMA:
        raise SequencerError(f"{name}, field 'schema': not a score ({SCHEMA!r} is expected)")
    if top.integer("version") != VERSION:
        raise top.wrong("version", f"this program reads version {VERSION}", top.integer("version"))
    _known(top, _TOP_FIELDS)
    rate = top.integer("sample_rate", least=1000)
    samples = _samples(top, "seconds", rate)
    if samples < 1:
        raise top.wrong("seconds", "must be above 0", samples)
    law = top.text("fade_law")
    if law not in FADE_LAWS:
        raise top.wrong("fade_law", f"must be one of {', '.join(FADE_LAWS)}", law)
    lines = _element_lines(text)
    clips: dict[str, Clip] = {}
    for number, fields in enumerate(top.objects("clips")):
        fields.where = f"{name}, line {lines['clips'][number]}, clip {number + 1}"
        clip = _clip(fields)
        if clip.clip_id in clips:
            raise fields.wrong("clip_id", "must be unique", clip.clip_id)
        clips[clip.clip_id] = clip
    events = []
    for number, fields in enumerate(top.objects("events")):
        fields.where = f"{name}, line {lines['events'][number]}, event {number + 1}"
        events.append(_event(fields, clips, rate, samples))
    if not events:
        raise SequencerError(f"{name}, field 'events': a score needs at least one event")
    return Score(
        seed=top.integer("seed", least=0),
        sample_rate=rate,
        samples=samples,
        fade_law=law,
        master=_master(top.mapping("master"), rate, samples),
        clips=clips,
        events=tuple(sorted(events, key=lambda event: event.start)),
        notes=top.texts("notes"),
    )


_TOP_FIELDS = (
    *("schema", "version", "seed", "sample_rate", "seconds", "fade_law", "master"),
    *("notes", "clips", "events"),
)
_EVENT_FIELDS = ("at", "clip", "offset", "length", "gain_db", "fade_in", "fade_out", "why")


def _master(fields: Fields, rate: int, samples: int) -> Master:
    _known(fields, ("gain_db", "fade_in", "fade_out"))
    fades = {}
    for name in ("fade_in", "fade_out"):
        fades[name] = _samples(fields, name, rate, 0.0)
        if fades[name] > samples:
            why = f"must be at most {samples / rate:g} s, the length of the piece"
            raise fields.wrong(name, why, fades[name] / rate)
    return Master(fields.number("gain_db", 0.0, least=-200, most=100), **fades)


def _clip(fields: Fields) -> Clip:
    _known(fields, ("clip_id", "file", "seconds", "sha256", "mash_id", "verdict", "parents"))
    digest = fields.text("sha256", "")
    if digest and not _SHA256.fullmatch(digest):
        raise fields.wrong("sha256", "64 hexadecimal digits are expected", digest)
    return Clip(
        clip_id=fields.text("clip_id"),
        file=fields.relative_file("file"),
        seconds=fields.number("seconds", least=0.0),
        mash_id=fields.text("mash_id", ""),
        verdict=fields.text("verdict", ""),
        parents=tuple(parent_from_json(parent) for parent in fields.objects("parents")),
        sha256=digest,
    )


def _event(fields: Fields, clips: Mapping[str, Clip], rate: int, samples: int) -> Event:
    _known(fields, _EVENT_FIELDS)
    event = Event(
        start=_samples(fields, "at", rate),
        clip=fields.text("clip"),
        offset=_samples(fields, "offset", rate, 0.0),
        length=_samples(fields, "length", rate),
        gain_db=fields.number("gain_db", 0.0, least=-200, most=100),
        fade_in=_samples(fields, "fade_in", rate, 0.0),
        fade_out=_samples(fields, "fade_out", rate, 0.0),
        why=fields.text("why", ""),
    )
    if event.clip not in clips:
        raise fields.wrong("clip", "no clip of this score has this id", event.clip)
    if event.start >= samples:
        why = f"the composition ends at {samples / rate:g} s"
        raise fields.wrong("at", why, event.start / rate)
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


def _samples(fields: Fields, name: str, rate: int, default: float | None = None) -> int:
    return round(fields.number(name, default, least=0.0, most=_MAX_SECONDS) * rate)


def _known(fields: Fields, names: tuple[str, ...]) -> None:
    for name in fields.names():
        if name not in names:
            raise SequencerError(
                f"{fields.where}, field '{name}': not known here; known are {', '.join(names)}"
            )


def _parent_without_weights(parent: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in parent.items() if name != "weights"}


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _lines(values: Iterable[object]) -> str:
    lines = [f"  {_dumps(value)}" for value in values]
    return "[\n" + ",\n".join(lines) + "\n ]" if lines else "[]"


def _element_lines(text: str) -> dict[str, list[int]]:
    """Line numbers of the elements of each list in a JSON object that is known to be valid."""
    decoder = json.JSONDecoder()
    found: dict[str, list[int]] = {"clips": [], "events": []}
    at = _skip(text, text.index("{") + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] == "[":
            places = list(_element_places(decoder, text, at + 1))
            at = places.pop()
            found[str(key)] = _line_numbers(text, places)
        else:
            _, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
    return found


def _element_places(decoder: json.JSONDecoder, text: str, at: int) -> Iterator[int]:
    """Where each element of a list begins, and at last where the list ends."""
    at = _skip(text, at)
    while text[at] != "]":
        yield at
        _, at = decoder.raw_decode(text, at)
        at = _skip(text, at)
    yield at + 1


def _line_numbers(text: str, places: list[int]) -> list[int]:
    numbers: list[int] = []
    line, before = 1, 0
    for place in places:
        line += text.count("\n", before, place)
        before = place
        numbers.append(line)
    return numbers


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,:":
        at += 1
    return at


def with_gain(score: Score, gain_db: float) -> Score:
    """Give the same score with another master gain."""
    return replace(score, master=replace(score.master, gain_db=gain_db))
