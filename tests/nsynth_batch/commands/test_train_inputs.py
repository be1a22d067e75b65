"""`train --family wavenet`: what it begins with, and what its model carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nsynth_batch.catalog.content import content_sha1
from nsynth_batch.cli import main
from nsynth_batch.commands.train_inputs import Inputs, inputs_of
from nsynth_batch.errors import CommandError
from nsynth_batch.models.checkpoint import load_checkpoint
from nsynth_batch.models.loading import load_model
from nsynth_batch.models.model import trained_on
from nsynth_batch.models.wavenet.plain_config import PlainConfig
from nsynth_batch.models.wavenet.plain_family import PlainWaveNet
from nsynth_batch.settings.settings import load_settings
from nsynth_batch.training.checkpoint import ModelFolder
from sequencer import optional
from tests.nsynth_batch.recordings import tone, write_wav

SOURCES = """file,author,licence,title
low.wav,Ann,CC-BY-4.0,Low hum
"""
QUICK = ["--family", "wavenet", "--preset", "tiny", "--batch", "1", "--crop-samples", "512"]


@pytest.fixture(autouse=True)
def quick_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = PlainConfig(num_layers=3, num_stages=3, width=4, skip_width=8)
    monkeypatch.setitem(PlainWaveNet.presets, "tiny", sizes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, hertz in (("low", 200.0), ("high", 300.0)):
        write_wav(tmp_path / "in" / f"{name}.wav", tone(0.2, hertz))
    (tmp_path / "in/sources.csv").write_text(SOURCES)
    return tmp_path / "in"


def inputs(out: Path, folder: Path, **flags: str | float | Sequence[str] | None) -> Inputs:
    given: dict[str, str | float | Sequence[str] | None] = dict.fromkeys(
        ("preset", "init", "quantiser", "held_out")
    )
    given |= {"family_name": "wavenet", "preset": "tiny", "held_out": "0", "seed": 1}
    given |= flags
    return inputs_of(load_settings({}), str(out), folder, **given)  # type: ignore[arg-type]


def save(of: Inputs, out: Path, step: int) -> None:
    weights = replace(of.family.initial(of.config, 0), metadata=of.metadata)
    ModelFolder(str(out)).save(step, weights, {}, "{}")


def titles(of: Inputs) -> set[str]:
    behind = trained_on(of.metadata)
    assert behind is not None
    return {row.rights.title for row in behind.recordings}


def test_a_model_carries_whom_it_has_learned_from(folder: Path, tmp_path: Path) -> None:
    first = inputs(tmp_path / "model", folder)
    behind = trained_on(first.metadata)
    assert behind is not None
    rows = {row.rights.title: row for row in behind.recordings}
    assert set(rows) == {"Low hum", "high"}
    with (folder / "low.wav").open("rb") as stream:
        assert rows["Low hum"].file == content_sha1(stream)
    assert (rows["Low hum"].rights.author, rows["high"].rights.known) == ("Ann", False)
    assert behind.seconds == pytest.approx(0.4, abs=0.01)


def test_it_rests_on_all_that_it_and_those_before_it_have_learned(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    first = inputs(out, folder, quantiser="linear")
    assert first.config.gain == pytest.approx(1 / np.abs(tone(0.2, 200.0)).max(), rel=0.01)
    save(first, out, 1)
    # Others come later, a louder one too: the model keeps its gain.
    (folder / "low.wav").unlink()
    write_wav(folder / "new.wav", 0.99 * np.sign(tone(0.2, 150.0)))
    again = inputs(out, folder, quantiser="linear")
    assert titles(again) == {"Low hum", "high", "new"}
    assert again.config == first.config
    assert len(again.to_train) == 2
    save(again, out, 2)
    write_wav(tmp_path / "one/solo.wav", tone(0.2, 500.0))
    on = inputs(tmp_path / "on", tmp_path / "one", preset=None, init=str(out))
    assert titles(on) == {"Low hum", "high", "new", "solo"}
    assert on.config == first.config


def test_what_another_size_leaves_as_it_was_goes_on(folder: Path, tmp_path: Path) -> None:
    first = inputs(tmp_path / "model", folder)
    save(first, tmp_path / "model", 1)
    begins = {"preset": None, "init": str(tmp_path / "model"), "seed": 2}
    on = inputs(tmp_path / "on", folder, sizes=["skip_width=12"], **begins)
    assert on.config == replace(first.config, skip_width=12)
    assert on.initial is not None
    old = load_checkpoint(tmp_path / "model").tensors
    fresh = on.family.initial(on.config, 2).tensors
    for name, value in on.initial.tensors.items():
        same = name in old and old[name].shape == value.shape
        np.testing.assert_array_equal(value, old[name] if same else fresh[name], err_msg=name)
    assert on.initial.tensors["dilatedconv_1/W"].any()
    with pytest.raises(CommandError, match="--size skip_width=x"):
        inputs(tmp_path / "on", folder, sizes=["skip_width=x"], **begins)


def test_what_is_held_out_is_not_learned(folder: Path, tmp_path: Path) -> None:
    for n in range(20):
        write_wav(folder / f"more {n}.wav", tone(0.1, 100.0 + n))
    some = inputs(tmp_path / "model", folder, held_out="0.5")
    assert len(some.to_train) + len(some.to_score) == 22
    names = {name.removesuffix(".wav") for name in some.to_train.names}
    assert titles(some) == {"Low hum" if name == "low" else name for name in names}


def test_a_wavenet_is_trained_and_says_what_it_rests_on(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "model")
    words = ["train", out, *QUICK, "--from", str(folder), "--held-out", "0", "--steps", "1"]
    assert main(words) == 0
    model = load_model(out)
    assert (model.family, model.quantiser.name) == ("wavenet", "mu-law")
    assert len(model.trained_on.recordings) == 2
    listening = tmp_path / "model/listening/step-000001"
    assert {"temperature-0.8.wav", "temperature-1.wav"} <= {p.name for p in listening.iterdir()}
    capsys.readouterr()
    assert main(["checkpoint", "inspect", out]) == 0
    assert "trained on 2 recordings, 0:00" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--family", "wavenet", "--crop-samples", "5117"],
            "crops of 5117 samples leave nothing to",
        ),
        (["--quantiser", "linear"], "--quantiser: the family nsynth has one of its own"),
        (["--family", "wavenet", "--preset", "h512_bo16"], "choose one of tiny, small, paper"),
        (["--family", "wavenet", "--init", "small"], "--init small: is of the family nsynth"),
        (["--recipe", "published", "--encoder-steps", "5"], "--encoder-steps is of nsynth's"),
        (["--family", "wavenet", "--encoder-steps", "5"], "--encoder-steps is of nsynth's"),
        (["--recipe", "published", "--keep-encoder"], "--keep-encoder is of nsynth's"),
    ],
)
def test_what_does_not_go_together_is_one_line_and_2(
    words: list[str],
    message: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert main(["train", str(out), "--from", str(folder), "--held-out", "0", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_without_tensorflow_it_says_what_to_install(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(optional, "find_spec", lambda module: None)
    assert main(["train", str(tmp_path / "out"), "--from", str(folder)]) == 2
    assert "pip install 'nsynth-batch[tensorflow]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_silence_teaches_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wav(tmp_path / "in/zeros.wav", np.zeros(4000, np.float32))
    out = str(tmp_path / "out")
    assert main(["train", out, *QUICK, "--from", str(tmp_path / "in"), "--held-out", "0"]) == 2
    assert "the recordings hold nothing but silence" in capsys.readouterr().err


def test_one_recording_is_learned_whatever_its_name(tmp_path: Path) -> None:
    # Of many names some are drawn to be held out.
    for number in range(40):
        alone = tmp_path / str(number)
        write_wav(alone / f"{number}.wav", tone(0.02, 200.0))
        found = inputs(tmp_path / "model", alone, held_out=None)
        assert (len(found.to_train), len(found.to_score)) == (1, 0)
    with pytest.raises(CommandError, match="a smaller --held-out"):
        inputs(tmp_path / "model", alone, held_out="0.9999")


def test_a_folder_without_recordings_is_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for _ in range(2):
        with pytest.raises(CommandError, match=r"nothing to train on: .*/in holds no recording"):
            inputs(tmp_path / "model", tmp_path / "in")
        (tmp_path / "in" / "letter.wav").write_text("Dear listener, this is no sound.")


def test_a_store_of_another_rate_is_refused_with_the_way_out(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "store")
    assert main(["harvest", str(folder), "--store", store]) == 0
    assert main(["shard", "--store", store, "--workers", "1", "--sample-rate", "8000"]) == 0
    capsys.readouterr()
    words = ["train", str(tmp_path / "model"), *QUICK, "--store", store, "--steps", "1"]
    assert main([*words, "--sample-rate", "11025"]) == 2
    line = capsys.readouterr().err
    assert "is at 8000 Hz, the model at 11025 Hz: cut it anew" in line
    assert "shard --sample-rate 11025" in line
    assert line.count("\n") == 1


def test_silence_is_trimmed_where_asked_and_counted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = np.zeros(16_000)
    write_wav(folder / "late.wav", np.concatenate([quiet, tone(0.2, 250.0), quiet]))
    write_wav(folder / "rest.wav", quiet)
    assert inputs(tmp_path / "model", folder).to_train.seconds == pytest.approx(3.6, abs=0.01)
    assert "silence" not in capsys.readouterr().err
    trimmed = inputs(tmp_path / "model", folder, trim_silence=-60.0)
    assert trimmed.to_train.seconds == pytest.approx(0.6, abs=0.1)
    assert titles(trimmed) == {"Low hum", "high", "late"}
    printed = capsys.readouterr().err
    assert "silence left out of late.wav: 2.0 s\n" in printed
    assert "silence left out of rest.wav: 1.0 s, all of it" in printed
    assert "2 of 4 recordings" in printed
    with pytest.raises(CommandError, match=r"quieter than --trim-silence -0\.5"):
        inputs(tmp_path / "model", folder, trim_silence=-0.5)
