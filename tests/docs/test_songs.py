"""The preparation of songs, as it is written down: mp3 files become shards that a model learns."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hdfs_jobs.datasets.store import Store
from nsynth_batch.cli import main
from nsynth_batch.models.loading import load_model
from nsynth_batch.models.wavenet.plain_config import PlainConfig
from nsynth_batch.models.wavenet.plain_family import PlainWaveNet
from nsynth_batch.training.store_corpus import store_corpus

PAGE = Path(__file__).parents[2] / "docs/generate.md"
RATE = 44_100
QUICK = {
    "harvest": (),
    "shard": ("--workers", "1"),
    "train": ("--steps", "1", "--batch", "1", "--crop-samples", "512", "--held-out", "0"),
}


def commands() -> list[list[str]]:
    """Give the words of each line of the section."""
    section = PAGE.read_text("utf-8").split("## Songs, from mp3 to chunks")[1].split("\n## ")[0]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block is not None
    return [shlex.split(line) for line in block[1].splitlines()]


def test_songs_are_prepared_and_learned_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(
        PlainWaveNet.presets,
        "tiny",
        PlainConfig(num_layers=3, num_stages=3, width=4, skip_width=8),
    )
    (tmp_path / "songs").mkdir()
    t = np.arange(2 * RATE) / RATE
    for hertz in (300, 700):
        sides = np.stack([0.5 * np.sin(2 * np.pi * hertz * t)] * 2, axis=1)
        soundfile.write(tmp_path / "songs" / f"{hertz}.mp3", sides, RATE, format="MP3")
    (tmp_path / "songs" / "bad.mp3").write_bytes(b"ID3 and no more")
    for program, command, *words in commands():
        assert program == "nsynth-batch"
        assert main([command, *words, *QUICK[command]]) == 0
    corpus = store_corpus(Store.open("song-store"))
    assert corpus.sample_rate == 8000
    assert len(corpus) == 2
    found = set()
    for _, samples in corpus.recordings():
        assert len(samples) == pytest.approx(2 * 8000, abs=800)
        spectrum = np.abs(np.fft.rfft(samples[4000:12_000] / 32768))
        found.add(round(float(np.argmax(spectrum))))
        # Neither mixing nor resampling moves the level.
        assert np.abs(samples[4000:12_000]).max() / 32768 == pytest.approx(0.5, abs=0.05)
    assert found == {300, 700}
    config = load_model("my-songs").config
    assert (config.sample_rate, config.quantiser) == (8000, "mu-law")
