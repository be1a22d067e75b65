"""`checkpoint` and `train` from the command line."""

from __future__ import annotations

import http.server
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path

import pytest

from hdfs_jobs.datasets.store import Store
from hdfs_jobs.errors import UsageError
from hdfs_jobs.runs.cluster import Cluster
from nsynth_batch.catalog.tombstones import Tombstone, add_tombstone
from nsynth_batch.cli import main
from nsynth_batch.models.checkpoint import bundled_names
from nsynth_batch.nsynth import CONFIGS
from nsynth_batch.pipeline.context import Context
from nsynth_batch.pipeline.steps import require_plan, step_named
from nsynth_batch.settings.settings import load_settings
from nsynth_batch.sources.harvest import harvest
from nsynth_batch.sources.resolve import resolve
from nsynth_batch.training.store_corpus import store_corpus
from tests.nsynth_batch.builders import TINY
from tests.nsynth_batch.recordings import tone, write_wav


def test_inspect_shows_sizes_and_where_asked_tensors(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["checkpoint", "inspect", str(tiny)]) == 0
    out = capsys.readouterr().out
    assert "safetensors, family nsynth, " in out
    assert f"sees {TINY.receptive_field:,} samples" in out
    assert f"width: {TINY.width}" in out
    assert "tensors: --tensors lists them" in out
    assert "ae_bottleneck/W" not in out
    assert main(["checkpoint", "inspect", str(tiny), "--tensors"]) == 0
    out = capsys.readouterr().out
    assert f"width: {TINY.width}" in out
    assert "ae_bottleneck/W" in out
    assert "1 x 3 x 1 x 8" in out


@pytest.mark.parametrize("name", bundled_names())
def test_inspect_says_of_a_bundled_model_what_its_card_does(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["checkpoint", "inspect", name]) == 0
    said = capsys.readouterr().out
    card = (files("nsynth_batch") / "checkpoints" / f"{name}.md").read_text("utf-8")
    for fact in ("licence", "learned from", "keeps"):
        row = card.partition(f"| {fact} | ")[2].partition(" |\n")[0]
        assert row
        assert f"{fact}: {row.replace(' (below)', '').replace('`', '')}\n" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["inspect", "missing.safetensors"],
        ["inspect", "{cut}"],
        ["convert", "missing/model.ckpt-1", "{folder}/out.safetensors"],
    ],
)
def test_a_checkpoint_that_cannot_be_read_is_one_line_and_2(
    arguments: list[str], tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(tiny.read_bytes()[:3000])
    given = [word.format(cut=cut, folder=tmp_path) for word in arguments]
    assert main(["checkpoint", *given]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert given[1].split("/")[0] in error
    assert not (tmp_path / "out.safetensors").exists()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A folder served on loopback, with a tar of something named like a checkpoint in it."""
    folder = tmp_path / "served"
    folder.mkdir()
    for suffix in ("index", "data-00000-of-00001"):
        (folder / f"model.ckpt-7.{suffix}").write_bytes(suffix.encode() * 1000)
    with tarfile.open(folder / "published.tar", "w") as tar:
        for file in sorted(folder.glob("model*")):
            tar.add(file, arcname=f"inside/{file.name}")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


def test_fetch_unpacks_and_names_the_prefix(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["checkpoint", "fetch", f"{server}/published.tar", "--to", str(out)]) == 0
    captured = capsys.readouterr()
    prefix = out / "inside" / "model.ckpt-7"
    assert captured.out.splitlines()[-1] == f"use it with --checkpoint {prefix}"
    assert prefix.with_name("model.ckpt-7.index").read_bytes().startswith(b"index")
    assert " kB of " in captured.err


@pytest.mark.parametrize(
    ("file", "sha256", "words"),
    [
        ("missing.tar", None, "the server answers 404"),
        ("published.tar", "0" * 64, f"not {'0' * 64}"),
    ],
)
def test_what_cannot_be_fetched_is_one_line_and_2(
    server: str, file: str, sha256: str | None, words: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "nsynth_batch", "checkpoint", "fetch", f"{server}/{file}"]
    command += ["--to", str(tmp_path / "out"), *(["--sha256", sha256] if sha256 else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_train_goes_on_where_it_stopped_and_scores_what_it_held_out(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "model"
    for i in range(6):
        write_wav(folder / f"{i}.wav", tone(0.2, 200 + 50 * i))
    (folder / "bad.wav").write_text("no sound")
    words = ["train", str(out), "--init", str(tiny), "--from", str(folder), "--batch", "1"]
    words += ["--crop-samples", "512"]
    assert main([*words, "--steps", "1", "--held-out", "0.5"]) == 0
    captured = capsys.readouterr()
    assert "left out bad.wav: not-audio" in captured.err
    assert "uniform" in captured.out
    assert "5.545" in captured.out
    assert main([*words, "--steps", "2", "--held-out", "0.5"]) == 0
    assert main(["checkpoint", "inspect", str(out)]) == 0
    assert "step: 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--preset", "huge"], f"--preset huge: choose one of {', '.join(CONFIGS)}"),
        (["--from", "missing"], "missing: no such folder"),
        (["--store", "missing"], "missing: not a store"),
    ],
)
def test_a_training_that_cannot_begin_is_one_line_and_2(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "out", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"nsynth-batch: {message}")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_store_is_a_corpus_of_whole_recordings(tmp_path: Path) -> None:
    for i in range(3):
        write_wav(tmp_path / "in" / f"{i}.wav", tone(0.4 + i / 10, 300))
    store = Store.open(str(tmp_path / "store"), create=True)
    with pytest.raises(UsageError, match="no audio yet"):
        store_corpus(store)
    harvest(resolve(str(tmp_path / "in")), lambda: store.storage)
    settings = load_settings({"store": store.url, "segment_seconds": 0.128})
    context = Context(settings, store)
    with Cluster(workers=1) as cluster:
        require_plan(step_named("audio"), context).run(settings, cluster, lambda _: None)
    corpus = store_corpus(store)
    assert sorted(corpus.names) == sorted(context.recordings)
    lengths = sorted(len(samples) for _, samples in corpus.recordings())
    assert lengths == [n // 512 * 512 for n in (6400, 8000, 9600)]
    add_tombstone(store.storage, Tombstone(corpus.names[0]))
    assert store_corpus(store).names == corpus.names[1:]
