from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from sequencer.cli import main
from sequencer.errors import SequencerError
from sequencer.piece import make_piece
from sequencer.player.folder import write_player
from sequencer.score.clip_folder import clip_folder, with_clip_folder
from sequencer.score.files import read_score, score_json
from tests.sequencer.scores import piece
from tests.sequencer.sounds import encoded, pluck


@pytest.fixture
def composed(tmp_path: Path) -> Path:
    """The score of a piece whose clips are in a folder beside that of the piece."""
    clips = tmp_path / "clips"
    clips.mkdir()
    for number in range(3):
        (clips / f"{number}.wav").write_bytes(encoded(pluck(2.0, 200 + 70 * number)))
    return make_piece(clips, tmp_path / "out" / "x.wav", minutes=0.1, seed=3).score_path


def test_render_finds_the_clips_wherever_both_moved_together(
    composed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_score(composed).clips_folder == "../clips"
    first = composed.with_name("x.wav").read_bytes()
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("clips", "out"):
        (tmp_path / name).rename(moved / name)
    monkeypatch.chdir(moved / "out")
    assert main(["render", "x.score.json", "-o", "deep/down/y.wav"]) == 0
    assert Path("deep/down/y.wav").read_bytes() == first
    assert read_score("deep/down/y.score.json").clips_folder == "../../../clips"
    assert main(["export", "x.score.json", "-o", "x.rpp"]) == 0
    assert '"../clips/' in Path("x.rpp").read_text()


def test_a_missing_folder_is_named_and_another_one_taken(
    composed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "clips").rename(tmp_path / "others")
    render = ["render", str(composed), "-o", str(tmp_path / "y.wav")]
    assert main(render) == 2
    errors = capsys.readouterr().err
    assert f"its clips were in {tmp_path / 'clips'}, which is missing" in errors
    assert (errors.count("\n"), "--clips" in errors) == (1, True)
    assert main([*render, "--clips", str(tmp_path / "others")]) == 0
    assert read_score(tmp_path / "y.score.json").clips_folder == "others"
    # Labels need no clips.
    assert main(["export", str(composed), "-o", str(tmp_path / "x.txt")]) == 0


def test_a_score_without_the_field_has_its_clips_beside_it(composed: Path, tmp_path: Path) -> None:
    value = json.loads(composed.read_text())
    del value["clips_folder"]
    old = tmp_path / "clips" / "old.score.json"
    old.write_text(json.dumps(value))
    assert main(["render", str(old), "-o", str(tmp_path / "y.wav")]) == 0
    shutil.copy(old, tmp_path / "out" / "old.score.json")
    assert main(["render", str(tmp_path / "out" / "old.score.json"), "-o", "z.wav"]) == 2


def test_the_folder_is_relative_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a" / "p.score.json"
    score = with_clip_folder(piece(), path, tmp_path / "b")
    assert score.clips_folder == "../b"
    (tmp_path / "a").mkdir()
    path.write_text(score_json(score), encoding="utf-8")
    assert read_score(path) == score
    with pytest.raises(SequencerError, match="which is missing"):
        clip_folder(score, path)
    (tmp_path / "b").mkdir()
    assert clip_folder(score, path) == tmp_path / "b"
    assert clip_folder(score, path, tmp_path / "c") == tmp_path / "c"
    assert clip_folder(replace(score, clips_folder=""), path) == path.parent


def test_a_page_names_no_folder(composed: Path, tmp_path: Path) -> None:
    write_player(composed, tmp_path / "page")
    assert not read_score(tmp_path / "page" / "piece.score.json").clips_folder
