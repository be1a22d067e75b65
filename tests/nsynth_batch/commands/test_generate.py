"""`generate`: from a model to credits that name the recordings it was trained on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hdfs_jobs.datasets.store import Store
from nsynth_batch.catalog.tombstones import Tombstone, add_tombstone
from nsynth_batch.cli import main
from nsynth_batch.models.model import TRAINED_ON
from nsynth_batch.models.wavenet.plain_config import PlainConfig
from nsynth_batch.models.wavenet.plain_family import FAMILY
from nsynth_batch.models.weights import save_weights
from sequencer.cli import main as sequencer
from sequencer.clips.clips import read_clips
from sequencer.clips.corpus import Corpus
from sequencer.rights.rights import Rights
from sequencer.rights.sources_csv import SourceRow

RAIN, WIND = "1" * 40, "2" * 40
BEHIND = Corpus.of(
    [
        SourceRow(RAIN, Rights("Rain in Fleury", "Ann", "CC-BY-4.0"), ("rain;", "wood"), "", 12.5),
        SourceRow(WIND, Rights("Wind", "Bob", "CC0-1.0"), seconds=30.0),
    ]
)


@pytest.fixture
def model(tmp_path: Path) -> str:
    config = PlainConfig(num_layers=4, num_stages=4, width=8, skip_width=8, sample_rate=8000)
    weights = FAMILY.initial(config, 3)
    path = tmp_path / "model.safetensors"
    save_weights(replace(weights, metadata={TRAINED_ON: BEHIND.text}), path)
    return str(path)


def test_a_model_makes_clips_whose_credits_name_its_corpus(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, clips = str(tmp_path / "store"), tmp_path / "clips"
    words = ["generate", "--checkpoint", model, "--store", url, "--seconds", "0.5", "--seed", "5"]
    words += ["--workers", "1", "--temperature", "0.75:1.1", "--quiet"]
    assert main([*words, "--clips", "3"]) == 0
    assert main(["clips", "--store", url, "--to", str(clips)]) == 0
    first = read_clips(clips)
    assert len(first) == 3
    assert all(clip.trained_on == BEHIND and not clip.parents for clip in first)
    assert {clip.sample_rate for clip in first} == {8000}
    # More of them leave those there are as they are; so does the same again.
    for _ in range(2):
        assert main([*words, "--clips", "5"]) == 0
    assert main(["clips", "--store", url, "--to", str(clips), "--of", "generate"]) == 0
    assert read_clips(clips)[:3] == first
    assert len(read_clips(clips)) == 5
    capsys.readouterr()
    assert main(["status", "--json", "--store", url]) == 0
    assert json.loads(capsys.readouterr().out)["stages"]["clips"]["rows"] == 5
    assert main(["verify", "--store", url]) == 0
    piece = tmp_path / "piece.wav"
    compose = ["compose", str(clips), "-o", str(piece), "--minutes", "0.1", "--keep-all"]
    assert sequencer(compose) == 0
    credits = next(tmp_path.glob("piece*credits*.txt")).read_text(encoding="utf-8")
    assert "Rain in Fleury" in credits
    assert "trained on 2 recordings" in credits
    # A recording that is forgotten is withdrawn with all that was made of it.
    store = Store.open(url)
    add_tombstone(store.storage, Tombstone(RAIN, "Rain", "", "asked to"))
    assert main(["clips", "--store", url, "--to", str(tmp_path / "later")]) == 0
    assert "5 clips are derived from forgotten recordings" in capsys.readouterr().out
    assert main([*words, "--clips", "6"]) == 2
    assert "was trained on recordings that were forgotten" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--temperature", "hot"], "--temperature hot: give a number above 0, or two"),
        (["--temperature", "1:0"], "--temperature 1:0"),
        (["--seconds", "0"], "--seconds 0: give a number above 0"),
        (["--checkpoint", "small"], "small is of the family nsynth, which makes sound of"),
        (["--engine", "tensorflow"], "choose auto, native"),
    ],
)
def test_what_cannot_be_generated_is_one_line_and_2(
    words: list[str],
    message: str,
    model: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    start = ["generate", "--checkpoint", model, "--store", str(tmp_path / "store")]
    assert main([*start, "--workers", "1", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_model_without_a_list_and_one_without_encodings_are_refused(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "bare.safetensors"
    save_weights(FAMILY.initial(PlainConfig(2, 2, 4, 4), 1), bare)
    url = str(tmp_path / "store")
    assert main(["generate", "--checkpoint", str(bare), "--store", url]) == 2
    assert "does not list the recordings that it was trained on" in capsys.readouterr().err
    Store.open(str(tmp_path / "other"), create=True)
    assert main(["encode", "--checkpoint", model, "--store", str(tmp_path / "other")]) == 2
    assert "is of the family wavenet, which has no encodings" in capsys.readouterr().err
