"""`train --workers`: what the command makes of a training on workers."""

from __future__ import annotations

import json
import re
import shlex
import socket
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from nsynth_batch.cli import main
from nsynth_batch.models import load_model
from nsynth_batch.models.family import family_named
from nsynth_batch.models.frame_gru.config import FrameConfig
from nsynth_batch.models.frame_gru.family import Frames
from nsynth_batch.models.spectral.config import SpectralConfig
from nsynth_batch.models.spectral.family import Spectral
from tests.components.daskcluster import forking
from tests.components.prometheus import LOOPBACK, free_port
from tests.nsynth_batch.builders import SMALLEST
from tests.nsynth_batch.recordings import tone, write_wav

RATE = 16_000


@pytest.fixture(scope="module")
def forks() -> Iterator[None]:
    """Workers have imported TensorFlow when they start."""
    with forking("tensorflow"):
        yield


@pytest.mark.usefixtures("forks")
def test_it_trains_on_workers_and_reports_their_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Spectral.presets, "small", SpectralConfig(width=4, hidden=6))
    write_wav(tmp_path / "in" / "low.wav", tone(0.5, 200.0))
    out = tmp_path / "model"
    words = ["train", str(out), "--from", str(tmp_path / "in"), "--family", "spectral"]
    quick = ["--steps", "100", "--batch", "1", "--crop-samples", "1024", "--listen-steps", "0"]
    assert main([*words, *quick, "--held-out", "0", "--workers", "1"]) == 0
    printed = capsys.readouterr()
    assert "--batch" not in printed.err
    assert re.search(r"step 100 of 100: .*, \d+% of the workers' time without a gr", printed.err)
    assert load_model(out).family == "spectral"
    records = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records if "exchange_share" in record] == [100]
    assert main([*words, *quick, "--held-out", "0", "--exchange", "alone"]) == 2
    assert "other sizes or options (exchange)" in capsys.readouterr().err


@pytest.mark.usefixtures("forks")
def test_it_trains_asynchronously_serves_metrics_and_logs_how_stale_gradients_were(
    frames: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    words = ["train", str(out), *frames, "--preset", "tiny", "--batch", "4"]
    for flags, said in (
        (["--most-stale", "3"], "--most-stale is of --exchange async alone"),
        (["--exchange", "sync", "--replay", "x"], "--replay is of --exchange async alone"),
        (["--replay", "x", "--workers", "2"], "--replay is done by this process"),
        (["--replay", str(tmp_path / "x")], f"{tmp_path / 'x'}: no such log"),
    ):
        assert main([*words, "--steps", "1", *flags]) == 2
        assert said in capsys.readouterr().err
    assert not (out / "model.json").exists()
    on_workers = ["--exchange", "async", "--workers", "1", "--most-stale", "0"]
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main([*words, "--steps", "100", *on_workers, "--metrics-port", port]) == 75
        assert f"port {port} of {LOOPBACK} is in use" in capsys.readouterr().err
    port = str(free_port())
    with ThreadPoolExecutor(1) as pool:
        ended = threading.Event()
        asking = pool.submit(metrics_with, "training_step 100.0", port, ended)
        assert main([*words, "--steps", "100", *on_workers, "--metrics-port", port]) == 0
        ended.set()
        served = asking.result()
    assert "nsynth_batch_training_staleness_updates_count 100.0" in served
    assert "nsynth_batch_training_samples_total" in served
    assert "gradients 0.0 updates old, 0 at most" in capsys.readouterr().err
    record = json.loads((out / "log.jsonl").read_text().splitlines()[0])
    assert record["staleness"] == {"0": 100}
    assert record["wall_seconds"] > 0
    assert len((out / "updates.jsonl").read_text().splitlines()) == 2 + 100


def metrics_with(text: str, port: str, ended: threading.Event) -> str:
    """Return the metrics as soon as some text is in them; the last ones once it has ended."""
    found = ""
    while text not in found and not ended.wait(0.02):
        with suppress(OSError), urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics") as page:
            found = page.read().decode()
    return found


@pytest.fixture
def frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Words that train a model over frames, of a few weights."""
    monkeypatch.setitem(Frames.presets, "tiny", FrameConfig(8, 5, hidden=4, sample_rate=8000))
    write_wav(tmp_path / "in" / "low.wav", tone(0.5, 200.0))
    words = ["--from", str(tmp_path / "in"), "--family", "frames", "--held-out", "0"]
    return [*words, "--listen-steps", "0"]


def test_a_loss_that_is_not_finite_ends_with_a_command_that_goes_on(
    frames: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a model"
    words = ["train", str(out), *frames, "--preset", "tiny", "--learning-rate", "1e25"]
    diverging = [*words, "--steps", "50", "--decay-steps", "1"]
    assert main(diverging) == 2
    begins = "no step was saved. Begin anew with a smaller rate: nsynth-batch train "
    assert begins in capsys.readouterr().err
    assert not list(out.glob("*.safetensors"))
    # The rate falls over so many steps that two of them are as small as any.
    assert main([*words, "--steps", "2", "--decay-steps", f"{10**27}"]) == 0
    files = {path.name: path.read_bytes() for path in out.glob("*.safetensors")}
    capsys.readouterr()
    assert main(diverging) == 2
    [*_, said] = capsys.readouterr().err.strip().splitlines()
    assert re.search(r"loss is (nan|inf) at step \d+: .* keeps step 2", said)
    assert {path.name: path.read_bytes() for path in out.glob("*.safetensors")} == files
    [advice] = re.findall(r"nsynth-batch (train .* --learning-rate [^ ,]+)", said)
    assert main([*shlex.split(advice), *frames, "--steps", "3"]) == 0
    assert load_model(tmp_path / "a model-2").family == "frames"


@pytest.mark.parametrize(
    ("head", "name", "unit"),
    [
        ("mean", "squared_error", "squared error"),
        ("gaussian", "density_nll", "nats of a density"),
    ],
)
def test_a_loss_is_logged_under_the_name_of_what_it_measures(
    head: str,
    name: str,
    unit: str,
    frames: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "model"
    words = ["train", str(out), *frames, "--preset", "tiny", "--head", head, "--steps", "100"]
    assert main([*words, "--recipe", "copies"]) == 0
    record, listened = map(json.loads, (out / "log.jsonl").read_text().splitlines())
    assert name in record and not {"nll", "loss"} & set(record)
    # A model that draws no codes has no entropy of them.
    assert "good" in listened and not {"drawn_nll", "entropy"} & set(listened)
    printed = capsys.readouterr().err
    assert f"step 100 of 100: {record[name]:.3f} {unit}, " in printed
    # Half a second in pieces of 5 frames of 8 samples, 16 at once: 7 steps are an epoch.
    assert record["epochs"] == pytest.approx(100 / 7, abs=1e-3)
    assert record["seconds_seen"] == pytest.approx(0.5 * 100 / 7, abs=1e-2)
    assert f"0:07 of audio seen, {100 / 7:.1f} epochs" in printed


@pytest.mark.parametrize("family", ["nsynth", "wavenet", "samplernn"])
def test_a_listening_point_logs_what_was_drawn_beside_its_entropy(
    family: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(type(family_named(family)).presets, "small", SMALLEST[family])
    write_wav(tmp_path / "in" / "low.wav", tone(0.5, 200.0))
    out = tmp_path / "model"
    words = ["train", str(out), "--from", str(tmp_path / "in"), "--family", family]
    words += ["--sample-rate", str(RATE), "--preset", "small", "--batch", "1", "--steps", "1"]
    words += ["--recipe", "published", "--held-out", "0", "--listen-steps", "0"]
    assert main(words) == 0
    [point] = [
        record
        for record in map(json.loads, (out / "log.jsonl").read_text().splitlines())
        if "score" in record
    ]
    printed = capsys.readouterr().err
    assert point["drawn_nll"] == pytest.approx(point["entropy"], abs=0.2)
    said = f"drawn nll {point['drawn_nll']:.2f}, entropy {point['entropy']:.2f}"
    assert re.search(rf"step 1, free running: .*{said}", printed)
