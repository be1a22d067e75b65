from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from sequencer.composing.candidates import Candidate
from sequencer.composing.compose import compose
from sequencer.composing.replace import replace_source, source_ids
from sequencer.credits.aligned import audible_seconds, parents_of
from sequencer.errors import SequencerError
from sequencer.rights.rights import Rights
from sequencer.score.files import read_score, score_json
from sequencer.score.score import Score
from tests.sequencer.builders import candidate
from tests.sequencer.sounds import RATE


def licensed(each: Candidate, licence: str) -> Candidate:
    parents = tuple(
        replace(parent, rights=Rights(title=f"Title of {parent.file_id}", licence=licence))
        for parent in each.clip.parents
    )
    return replace(each, clip=replace(each.clip, parents=parents))


CLIPS = [
    licensed(
        candidate(f"c{n}", (3 + n % 3) * RATE, (f"source{n % 7}", f"source{(n + 1) % 7}")), lic
    )
    for n, lic in enumerate(["CC-BY-4.0", "CC0-1.0"] * 10)
]


def composed() -> Score:
    return compose(CLIPS, 2.0, 3)


def test_only_the_events_of_that_recording_change(tmp_path: Path) -> None:
    before = composed()
    after = replace_source(before, "source3", CLIPS)
    assert audible_seconds(before)["source3"] > 0
    assert "source3" not in audible_seconds(after)
    assert len(after.events) == len(before.events)
    changed = 0
    for old, new in zip(before.events, after.events, strict=True):
        if "source3" in {parent.file_id for parent in parents_of(before.clips[old.clip])}:
            changed += 1
            assert (new.start, new.length, new.fade_in, new.fade_out, new.layer) == (
                old.start,
                old.length,
                old.fade_in,
                old.fade_out,
                old.layer,
            )
            assert new.why.startswith(f"in place of {old.clip!r}")
        else:
            assert new == old
    assert 0 < changed < len(before.events)
    assert after.master == before.master
    assert f"{changed} events got another clip" in after.notes[-1]
    lines = set(score_json(before).splitlines())
    same = [line for line in score_json(after).splitlines() if line in lines]
    assert len(same) >= len(lines) - 3 * changed - 2
    path = tmp_path / "after.score.json"
    path.write_text(score_json(after))
    assert read_score(path).events == after.events
    assert replace_source(before, "source3", CLIPS) == after


def test_what_does_not_fit_is_silent_and_said() -> None:
    before = composed()
    short = [each for each in CLIPS if each.length == 3 * RATE]
    after = replace_source(before, "source3", short)
    assert len(after.events) < len(before.events)
    assert "left out, since no clip is long enough" in after.notes[-1]
    assert replace_source(before, "source3", []).events == tuple(
        event
        for event in before.events
        if all(parent.file_id != "source3" for parent in before.clips[event.clip].parents)
    )


def test_replacements_keep_the_licence_and_it_is_found_anew() -> None:
    before = composed()
    assert before.licence == "CC-BY-4.0"
    share_alike = [licensed(each, "CC-BY-SA-4.0") for each in CLIPS]
    assert not [
        e for e in replace_source(before, "source3", share_alike).events if "in place" in e.why
    ]
    mixed = [licensed(CLIPS[0], "CC0-1.0"), licensed(CLIPS[3], "CC-BY-4.0")]
    score = compose(mixed, 0.3, 1)
    assert (score.licence, replace_source(score, "source3", []).licence) == ("CC-BY-4.0", "CC0-1.0")


def test_a_recording_has_many_names(tmp_path: Path) -> None:
    path = tmp_path / "my wind.wav"
    path.write_bytes(b"whatever it holds")
    digest = hashlib.sha1(path.read_bytes()).hexdigest()
    rights = Rights(title="Wind", page_url="https://example.org/wind")
    each = candidate("c", RATE, (digest, "sub/rain.wav"))
    parents = (replace(each.clip.parents[0], rights=rights), each.clip.parents[1])
    score = compose([replace(each, clip=replace(each.clip, parents=parents))], 0.1, 0)
    for name in (digest, digest[:10], "wind", rights.page_url, str(path)):
        assert source_ids(score, name) == {digest}
    for name in ("sub/rain.wav", "rain.wav"):
        assert source_ids(score, name) == {"sub/rain.wav"}
    with pytest.raises(SequencerError, match=r"called 'hail'; there are 'Wind', 'sub/rain\.wav'"):
        source_ids(score, "hail")
    with pytest.raises(SequencerError, match="nothing would be left"):
        replace_source(score, "wind", [])
