from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencer.composing.compose import compose
from sequencer.credits.credits import sources
from sequencer.errors import SequencerError
from sequencer.score.files import read_score, score_json
from sequencer.score.score import Layer, Master, Score, Section
from tests.sequencer.builders import candidate


def example(seed: int = 1) -> Score:
    clips = [candidate(f"c{n}", 16_000 + 37 * n, ("a", f"p{n}")) for n in range(5)]
    return compose(clips, 0.15, seed, notes=["a note\nof two lines"])


def test_a_score_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.score.json"

    @given(st.integers(0, 2**64 - 1))
    @settings(max_examples=30, deadline=None)
    def check(seed: int) -> None:
        text = score_json(example(seed))
        path.write_text(text, encoding="utf-8")
        got = read_score(path)
        assert got.events == example(seed).events
        assert score_json(got) == text

    check()


def test_each_event_has_a_line() -> None:
    score = example()
    lines = score_json(score).splitlines()
    assert sum(line.startswith('  {"at": ') for line in lines) == len(score.events)


def test_a_score_holds_no_path_and_no_time_of_day() -> None:
    value = json.loads(score_json(example()))
    assert list(value) == [
        *("schema", "version", "seed", "sample_rate", "seconds", "channels", "fade_law", "style"),
        *("licence", "target", "master", "layers", "sections", "notes", "clips", "events"),
    ]
    assert all(not clip["file"].startswith("/") for clip in value["clips"])


def edited(tmp_path: Path, **changes: Any) -> Path:
    """A score with top-level fields changed."""
    value = json.loads(score_json(example())) | changes
    path = tmp_path / "edited.score.json"
    path.write_text(json.dumps(value, indent=1))
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": "other"}, "field 'schema': not a score"),
        ({"version": 1}, "field 'version': must be 2, as `sequencer compose` writes it now, not 1"),
        ({"channels": 6}, "field 'channels': must be 1 or 2, not 6"),
        ({"licence": "CC BY"}, "field 'licence': 'CC BY' is no SPDX expression"),
        ({"target": "?"}, "field 'target': '?' is no SPDX expression"),
        ({"layers": [{"name": "../x"}]}, "layer 1, field 'name': up to 40 letters"),
        ({"layers": [{"name": "a"}, {"name": "a"}]}, "layer 2, field 'name': must be unique"),
        ({"layers": [{"name": "pads"}]}, "event 1, field 'layer': must be one of pads"),
        ({"sections": [{"at": 9, "name": "x"}]}, "section 1, field 'at': the composition ends"),
        ({"master": {"loudness": 3}}, "field 'loudness': must be from -70 to 0"),
        ({"master": {"true_peak": 1}}, "field 'true_peak': must be from -40 to 0"),
        ({"seconds": -1}, "field 'seconds': must be from 0"),
        ({"seconds": 0}, "field 'seconds': must be above 0"),
        ({"fade_law": "cubic"}, "field 'fade_law': must be one of linear"),
        ({"seed": "seven"}, "field 'seed': a whole number is expected"),
        ({"events": []}, "field 'events': a score needs at least one"),
        ({"events": {}}, "field 'events': a list is expected"),
        ({"master": {"gain": 1}}, "field 'gain': not known here"),
        (
            {"master": {"fade_in": 9.1}},
            "'master', field 'fade_in': must be at most 9 s, the length of the piece, not 9.1",
        ),
        ({"master": {"fade_out": 9.1}}, "field 'fade_out': must be at most 9 s"),
        ({"tempo": 120}, "field 'tempo': not known here"),
        ({"notes": [1]}, "field 'notes': a list of texts"),
    ],
)
def test_errors_at_the_top_name_the_field(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(SequencerError) as caught:
        read_score(edited(tmp_path, **changes))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clip": "nobody"}, "field 'clip': no clip of this score has this id"),
        ({"at": "soon"}, "field 'at': a number is expected"),
        ({"at": 1e6}, "field 'at': the composition ends at 9 s"),
        ({"at": -0.5}, "field 'at': must be from 0"),
        ({"length": 0}, "field 'length': must be above 0"),
        ({"length": 99}, "field 'length': the clip has 1"),
        ({"offset": 0.9}, "field 'length': the clip has 1"),
        ({"fade_in": 0.9, "fade_out": 0.9}, "field 'fade_out': fade_in and fade_out together"),
        ({"gain_db": 1000}, "field 'gain_db': must be from -200 to 100"),
        ({"pan": 1.5}, "field 'pan': must be from -1 to 1"),
        ({"layer": "pads"}, "field 'layer': must be one of main"),
        ({"gain_db": True}, "field 'gain_db': a number is expected"),
        ({"gain": 3}, "field 'gain': not known here; known are at, clip"),
    ],
)
def test_errors_in_events_name_line_and_field(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    text = score_json(example())
    lines = text.splitlines()
    number = next(n for n, line in enumerate(lines) if line.startswith('  {"at": ')) + 3
    event = json.loads(lines[number].rstrip(",")) | changes
    lines[number] = json.dumps(event) + ","
    path = tmp_path / "edited.score.json"
    path.write_text("\n".join(lines))
    with pytest.raises(SequencerError) as caught:
        read_score(path)
    assert f"edited.score.json, line {number + 1}, event 4" in str(caught.value)
    assert words in str(caught.value)


def test_lines_are_those_of_any_layout(tmp_path: Path) -> None:
    value = json.loads(score_json(example()))
    value["events"][2]["clip"] = "nobody"
    value["clips"][0]["parents"][0]["title"] = 'tricky "events": [\n{'
    path = tmp_path / "indented.json"
    path.write_text(json.dumps(value, indent=2))
    start = [n for n, line in enumerate(path.read_text().splitlines(), 1) if line == "    {"]
    expected = start[sum(len(value[name]) for name in ("layers", "sections", "clips")) + 2]
    with pytest.raises(SequencerError, match=f"line {expected}, event 3"):
        read_score(path)


def test_clips_are_checked_too(tmp_path: Path) -> None:
    value = json.loads(score_json(example()))
    for changes, words in [
        ({"file": "../x.wav"}, r"line \d+, clip 2, field 'file'"),
        ({"sha256": "A" * 64}, r"clip 2, field 'sha256': 64 hexadecimal digits"),
        ({"clip_id": "c0"}, r"clip 2, field 'clip_id': must be unique"),
        ({"parents": [{"file_id": "x", "weights": [2]}]}, r"clip 2, field 'parents': in 'weights'"),
        ({"parents": [{"title": "x"}]}, r"clip 2, parents\[0\]: field 'file_id' is missing"),
    ]:
        clips = [dict(clip) for clip in value["clips"]]
        clips[1] |= changes
        with pytest.raises(SequencerError, match=words):
            read_score(edited(tmp_path, clips=clips))


def test_broken_json_names_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('{\n "schema": "sequencer-score",\n oops\n}')
    with pytest.raises(SequencerError, match=r"broken\.json, line 3, column 2: not JSON"):
        read_score(path)
    for data, words in [(b"\xff\xfe", "not UTF-8"), (b"[" * 100_000, "deep"), (b"[]", "braces")]:
        path.write_bytes(data)
        with pytest.raises(SequencerError, match=words):
            read_score(path)


def test_events_in_any_order_and_without_the_optional_fields(tmp_path: Path) -> None:
    events = [
        {"at": 1.0, "clip": "c1", "length": 0.5},
        {"at": 0.25, "clip": "c0", "length": 1.0},
    ]
    got = read_score(edited(tmp_path, events=events))
    assert [(event.start, event.clip, event.gain_db) for event in got.events] == [
        (4000, "c0", 0.0),
        (16_000, "c1", 0.0),
    ]


def test_everything_that_a_score_holds_comes_back(tmp_path: Path) -> None:
    plain = example()
    clips = {
        name: replace(
            clip,
            made_with={"engine": "native"},
            parents=(replace(clip.parents[0], weights=(0.0, 0.125, 1.0)), *clip.parents[1:]),
        )
        for name, clip in plain.clips.items()
    }
    score = replace(
        plain,
        clips=clips,
        channels=2,
        style="drone",
        layers=(Layer("main"), Layer("low rumble", -6.5)),
        sections=(Section(0, "sparse"), Section(48_000, "rising", "from 2 to 5 a minute")),
        master=Master(-1.25, 160, 320, loudness=-23.0, true_peak=-2.0),
        licence="CC-BY-SA-4.0",
        target="CC-BY-SA-4.0",
        events=tuple(replace(event, pan=-0.5, layer="low rumble") for event in plain.events),
    )
    path = tmp_path / "full.score.json"
    path.write_text(score_json(score), encoding="utf-8")
    got = read_score(path)
    assert got == replace(score, clips=got.clips)
    for name, clip in got.clips.items():
        assert clip.made_with == {"engine": "native"}
        assert clip.parents == clips[name].parents


def test_a_clip_whose_events_were_taken_out_is_not_credited(tmp_path: Path) -> None:
    value = json.loads(score_json(example()))
    out = value["events"][0]["clip"]
    left = [event for event in value["events"] if event["clip"] != out]
    score = read_score(edited(tmp_path, events=left))
    assert set(score.clips) == {clip["clip_id"] for clip in value["clips"]} - {out}
    assert {source.file_id for source in sources(score)} == {
        parent.file_id for clip in score.clips.values() for parent in clip.parents
    }
