"""`generate`: from a model to credits that name the recordings it was trained on."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

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
    assert all(clip.nll is not None and 0 < clip.nll < 8 for clip in first)
    # More of them leave those there are as they are; so does the same again.
    for _ in range(2):
        assert main([*words, "--clips", "5"]) == 0
    capsys.readouterr()
    export = ["clips", "--store", url, "--to", str(clips), "--of", "generate"]
    assert main([*export, "--parents"]) == 0
    assert "--parents: 5 clips without: " in capsys.readouterr().out
    assert read_clips(clips)[:3] == first
    assert len(read_clips(clips)) == 5
    likely = str(tmp_path / "likely")
    assert main(["clips", "--store", url, "--to", likely, "--keep-likely", "20%:60%"]) == 0
    ranked = sorted(read_clips(clips), key=lambda clip: clip.nll or 0.0)
    assert {clip.clip_id for clip in read_clips(likely)} == {clip.clip_id for clip in ranked[1:3]}
    assert main(["clips", "--store", url, "--to", likely, "--keep-likely", "5"]) == 2
    assert "--keep-likely 5: give two shares that rise from 0 to 100" in capsys.readouterr().err
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
    assert "5 clips derived from forgotten recordings" in capsys.readouterr().out
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


@pytest.fixture(scope="module")
def cut_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose recordings are cut: two that last, one of half a second."""
    top = tmp_path_factory.mktemp("primes")
    folder = top / "recordings"
    folder.mkdir()
    draw = np.random.default_rng(5)
    for name, seconds in (("bell", 3.0), ("crow", 5.2), ("tick", 0.5)):
        sound = draw.normal(0, 0.1, round(8000 * seconds)).astype(np.float32)
        soundfile.write(folder / f"{name}.wav", sound, 8000)
    (folder / "sources.csv").write_text(
        "file,author,licence,title,category\n"
        "bell.wav,Ann,CC0-1.0,Bell,brass;metal\n"
        "crow.wav,Bob,CC-BY-4.0,Crow,brass\n"
        "tick.wav,Eve,CC0-1.0,Tick,brass\n"
    )
    url = str(top / "store")
    cut = ["--sample-rate", "8000", "--segment-seconds", "2", "--workers", "1", "--quiet"]
    assert main(["harvest", str(folder), "--store", url, "--quiet"]) == 0
    assert main(["shard", "--store", url, *cut]) == 0
    return top


@pytest.fixture
def store(cut_once: Path, tmp_path: Path) -> str:
    shutil.copytree(cut_once, tmp_path / "primed")
    return str(tmp_path / "primed" / "store")


def generating(model: str, url: str, clips: int, *more: str) -> list[str]:
    words = ["generate", "--checkpoint", model, "--store", url, "--seconds", "0.05", "--seed", "5"]
    return [*words, "--clips", str(clips), "--workers", "1", *more]


def test_clips_go_on_from_recordings_and_rest_on_them(
    model: str, store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--prime", "Brass", "--prime-seconds", "1.0", "--batch", "3"]
    assert main(generating(model, store, 6, *words)) == 0
    assert "clips go on from 2 recordings of Brass; 2 segments shorter than 1 s" in (
        capsys.readouterr().err.replace("\n", " ")
    )
    assert main(["clips", "--store", store, "--to", str(tmp_path / "clips")]) == 0
    first = read_clips(tmp_path / "clips")
    assert len(first) == 6
    assert {len(clip.parents) for clip in first} == {1}
    assert {clip.parents[0].rights.title for clip in first} == {"Bell", "Crow"}
    assert all(clip.trained_on == BEHIND and clip.samples == 400 for clip in first)
    # What comes later changes no clip: neither recordings nor more clips, in other batches.
    recordings = tmp_path / "primed" / "recordings"
    soundfile.write(recordings / "late.wav", np.random.default_rng(6).normal(0, 0.1, 16000), 8000)
    with (recordings / "sources.csv").open("a") as rows:
        rows.write("late.wav,Ann,CC0-1.0,Late,brass\n")
    assert main(["harvest", str(recordings), "--store", store, "--quiet"]) == 0
    cut = ["--sample-rate", "8000", "--segment-seconds", "2", "--workers", "1", "--quiet"]
    assert main(["shard", "--store", store, *cut]) == 0
    assert main(generating(model, store, 8, "--quiet", *words[:4], "--batch", "1")) == 0
    assert main(["clips", "--store", store, "--to", str(tmp_path / "clips")]) == 0
    later = read_clips(tmp_path / "clips")
    assert later[:6] == first
    assert "Late" not in {clip.parents[0].rights.title for clip in later}
    # A recording that is forgotten takes the clips with it that go on from it, and no others.
    capsys.readouterr()
    assert main(["forget", "Crow", "--store", store]) == 0
    crows = sum(clip.parents[0].rights.title == "Crow" for clip in later)
    assert f"{crows} clips" in capsys.readouterr().out.replace("\n", " ")
    assert main(["clips", "--store", store, "--to", str(tmp_path / "left")]) == 0
    assert len(read_clips(tmp_path / "left")) == 8 - crows
    assert main(["verify", "--store", store]) == 0


def test_a_prime_is_credited_and_heard_beside_the_clip(
    model: str, store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--prime", "crow.wav", "--prime-seconds", "0.5", "--quiet", "--seconds", "1"]
    assert main(generating(model, store, 2, *words)) == 0
    clips, piece = str(tmp_path / "clips"), str(tmp_path / "piece.wav")
    assert main(["clips", "--store", store, "--to", clips, "--parents"]) == 0
    assert "--parents: " not in capsys.readouterr().out
    source, _ = soundfile.read(tmp_path / "primed" / "recordings" / "crow.wav", dtype="int16")
    for clip in read_clips(tmp_path / "clips"):
        [parent] = clip.parents
        heard, rate = soundfile.read(tmp_path / "clips" / parent.sound, dtype="int16")
        start = parent.segment * 15_872
        assert rate == 8000
        assert np.abs(heard - source[start : start + len(heard)].astype(np.int32)).max() <= 1
    assert sequencer(["compose", clips, "-o", piece, "--minutes", "0.1", "--keep-all"]) == 0
    credits = next(tmp_path.glob("piece*credits*.txt")).read_text(encoding="utf-8")
    assert "Crow" in credits
    assert "Rain in Fleury" in credits


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--prime", "owl", "--prime-seconds", "1"],
            "--prime owl: no recording of this",
        ),
        (["--prime", "Tick", "--prime-seconds", "1"], "(its longest recording has 0.50 s)"),
        (["--prime", "Bell", "--prime-seconds", "9"], "the store's segments have 1.984 s"),
        (["--prime-seconds", "1"], "--prime-seconds 1: give --prime with it"),
        (["--prime", "Bell", "--prime-seconds", "0"], "--prime-seconds 0: give a number above 0"),
    ],
)
def test_a_prime_that_cannot_be_had_is_one_line_and_2(
    words: list[str], message: str, model: str, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(generating(model, store, 1, *words)) == 2
    assert message in capsys.readouterr().err


def test_a_store_without_segments_of_the_models_rate_has_no_primes(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = str(tmp_path / "none")
    assert main(generating(model, url, 1, "--prime", "Bell")) == 2
    assert "has no audio yet: run `nsynth-batch shard" in capsys.readouterr().err
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    soundfile.write(sounds / "Bell.wav", 0.1 * np.sin(np.arange(16000) / 5), 8000)
    assert main(["harvest", str(sounds), "--store", url, "--quiet"]) == 0
    assert main(["shard", "--store", url, "--workers", "1", "--quiet"]) == 0
    assert main(generating(model, url, 1, "--prime", "Bell")) == 2
    assert "reads audio of 8000 Hz, and the store's segments are of 16000 Hz" in (
        capsys.readouterr().err
    )
