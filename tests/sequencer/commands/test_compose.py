from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sequencer.cli import main
from sequencer.clips.choices import write_choices
from sequencer.clips.clips import Clip, Parent, write_clips_jsonl
from sequencer.commands.compose import StyleName
from sequencer.composing.styles import PRESETS
from sequencer.rights.rights import Rights
from tests.sequencer.sounds import encoded, pluck

LICENCES = ("CC0-1.0", "CC-BY-3.0", "CC-BY-SA-4.0 OR GFDL-1.3-only", "CC-BY-NC-4.0")


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight mash-ups of five recordings, of which the last is of no known licence."""
    folder = tmp_path_factory.mktemp("clips")
    parents = [
        Parent(f"{number}" * 40, rights=Rights(title=f"R{number}", licence=licence))
        for number, licence in enumerate([*LICENCES, "LicenseRef-unknown"])
    ]
    clips = []
    for number, (one, other) in enumerate(
        [(0, 1), (1, 2), (0, 2), (0, 1), (2, 1), (0, 3), (0, 4), (1, 0)]
    ):
        name = f"c{number}"
        (folder / f"{name}.wav").write_bytes(encoded(pluck(2.0, 200 * 1.3**number)))
        fades = (
            replace(parents[one], weights=(1.0, 0.0)),
            replace(parents[other], weights=(0.0, 1.0)),
        )
        clips.append(Clip(name, f"{name}.wav", mash_id=f"m{number}", parents=fades))
    write_clips_jsonl(folder, clips)
    return folder


def composed(export: Path, out: Path, *flags: object) -> tuple[int, dict[str, Any]]:
    code = main(["compose", str(export), "-o", str(out), "--minutes", "0.1", *map(str, flags)])
    path = out.with_suffix(".score.json")
    return code, json.loads(path.read_text()) if path.exists() else {}


def test_a_flag_goes_before_its_preset(export: Path, tmp_path: Path) -> None:
    code, score = composed(export, tmp_path / "a.wav", "--style", "drone", "--layers", 2)
    assert code == 0
    assert (score["style"], len(score["layers"]), score["channels"]) == ("drone", 2, 2)
    code, score = composed(
        export, tmp_path / "b.wav", "--style", "drone", "--width", 0, "--sections", "rising,dense"
    )
    assert (score["channels"], len(score["layers"])) == (1, 3)
    assert [section["name"] for section in score["sections"]] == ["rising", "dense"]


def test_each_preset_can_be_had(export: Path, tmp_path: Path) -> None:
    assert set(StyleName.__args__) == set(PRESETS)
    for name in PRESETS:
        code, score = composed(export, tmp_path / f"{name}.flac", "--style", name)
        assert (code, score["style"]) == (0, name)


def test_the_licence_is_in_the_score_and_what_does_not_fit_is_said(
    export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, score = composed(export, tmp_path / "a.wav")
    assert (code, score["licence"]) == (0, "")
    errors = capsys.readouterr().err
    assert "left out 'c5': \"R3\" (CC-BY-NC-4.0) excludes commerce; --allow-nc plays it" in errors
    assert 'cannot be stated, since that of "R4" is not known' in errors
    code, score = composed(export, tmp_path / "b.wav", "--target", "CC-BY-4.0")
    assert (code, score["licence"], score["target"]) == (0, "CC-BY-4.0", "CC-BY-4.0")
    assert {clip["clip_id"] for clip in score["clips"]} == {"c0", "c3", "c7"}
    errors = capsys.readouterr().err
    assert "left out 'c6': the licence of \"R4\" is not known" in errors
    assert "left out 'c1': \"R2\" (CC-BY-SA-4.0 OR GFDL-1.3-only) does not go into" in errors
    code, _ = composed(export, tmp_path / "c.wav", "--target", "CC0-1.0")
    errors = capsys.readouterr().err
    assert (code, errors.count("\n")) == (2, 1)
    assert errors.startswith("sequencer: none of the 8 clips goes into CC0-1.0: 'c0': ")
    assert not (tmp_path / "c.wav").exists()


def test_choices_are_kept_to(export: Path, tmp_path: Path) -> None:
    path = tmp_path / "choices.json"
    write_choices(path, {f"c{number}": "reject" for number in range(7)})
    code, score = composed(export, tmp_path / "a.wav", "--choices", path)
    assert code == 0
    assert {event["clip"] for event in score["events"]} == {"c7"}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--max-share", "0"), "--max-share 0: above 0% and at most 100% is expected"),
        (("--max-share", "x%"), "--max-share x%: "),
        (("--tempo", "fast"), "--tempo fast: give beats a minute, or free"),
        (("--tempo", "-9"), "--tempo must be from 20 to 400, not -9"),
        (("--tempo", "3"), "--tempo must be from 20 to 400, not 3"),
        (("--event-seconds", "9-2"), "--event-seconds: 9 is more than 2"),
        (("--sections", "loud"), "--sections: 'loud' is none of steady"),
        (("--target", "CC BY"), "'CC BY' is no SPDX expression"),
        (("--target", "Beerware"), "'Beerware' is no licence to aim at"),
        (("--choices", "none.json"), "none.json: No such file"),
        (("--style", "jazz"), "'jazz' is not one of"),
    ],
)
def test_wrong_flags_are_one_line_before_a_clip_is_heard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], words: str
) -> None:
    code, _ = composed(tmp_path / "nothing here", tmp_path / "a.wav", *flags)
    errors = capsys.readouterr().err
    assert (code, errors.count("\n")) == (2, 1)
    assert words in errors


def test_a_style_has_its_loudness_and_the_flag_goes_before_it(export: Path, tmp_path: Path) -> None:
    found = [
        composed(export, tmp_path / "h.wav", "--style", "horror", *flags)[1]["master"]["loudness"]
        for flags in ((), ("--loudness", "-14"), ("--loudness", "off"))
    ]
    assert found == [-23.0, -14.0, None]


def test_the_usual_loudness_flattens_no_attacks_and_one_asked_for_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Ticks: their peaks are far above their loudness.
    for number in range(3):
        ticks = np.zeros(48_000)
        ticks[:: 8_000 + 500 * number] = 0.9
        (tmp_path / f"t{number}.wav").write_bytes(encoded(ticks))
    code, score = composed(tmp_path, tmp_path / "soft.wav", "--keep-all")
    softer = capsys.readouterr()
    assert code == 0
    aim = score["master"]["loudness"]
    assert aim < -20
    assert f"brought to {aim:g} LUFS, since -16 would take more than 6 dB" in softer.out
    assert "limiter" not in softer.err
    # Rendered again it is the same, and still no warning.
    again = ["render", str(tmp_path / "soft.score.json"), "-o", str(tmp_path / "again.wav")]
    assert main(again) == 0
    assert "limiter" not in (told := capsys.readouterr()).err
    assert "aims at" not in told.err
    assert (tmp_path / "again.wav").read_bytes() == (tmp_path / "soft.wav").read_bytes()
    (tmp_path / "again.wav").unlink()
    code, score = composed(tmp_path, tmp_path / "loud.wav", "--keep-all", "--loudness", "-18")
    assert (code, score["master"]["loudness"]) == (0, -18.0)
    assert "the limiter takes up to" in (loud := capsys.readouterr()).err
    assert "brought to" not in loud.out
