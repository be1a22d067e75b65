"""Containers of the image for CPUs: read-only, an ordinary user's, cut off from any network."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.components.images import Image
from tests.components.sandbox import SECONDS, Container, Options
from tests.waiting import until

pytestmark = pytest.mark.timeout(1200)  # whichever test is first builds the image

RECORDINGS = "/opt/nsynth-batch/recordings"
_PLAIN = Options()
SCHEDULER = ("scheduler", "--port", "8786", "--dashboard-address", ":8787")


def run(image: Image, folder: Path, *arguments: str, options: Options = _PLAIN) -> tuple[int, str]:
    """Run a container to its end; give its exit code and output."""
    with Container(image, arguments, options, folder) as container:
        return container.wait(SECONDS), container.output()


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    folder = tmp_path / "volume"
    folder.mkdir()
    return folder


def test_help_is_quick(image: Image, tmp_path: Path) -> None:
    run(image, tmp_path, "--help")  # reads the files once
    before = time.monotonic()
    code, output = run(image, tmp_path)
    assert code == 0
    assert "Begin with `nsynth-batch demo`" in " ".join(output.split())
    assert time.monotonic() - before < 3


def test_doctor_finds_all_that_a_run_needs(image: Image, tmp_path: Path) -> None:
    code, output = run(image, tmp_path, "doctor")
    assert code == 0, output
    assert "ok      engine native: float32" in output
    assert "BROKEN" not in output
    assert "gpus: there is neither /dev/kfd nor /dev/dri/renderD*: CPUs do the work" in output
    assert "install it with pip install 'nsynth-batch[tensorflow]'" in output


def test_the_whole_job_runs_and_its_store_suits_any_user(
    image: Image, tmp_path: Path, volume: Path
) -> None:
    flags = ("--pairs", "3", "--minutes", "0.4", "--workers", "1", "--seed", "7")
    code, output = run(image, tmp_path, "demo", *flags, options=Options(volume=volume))
    assert code == 0, output
    assert (volume / "demo-out/composition.wav").stat().st_size > 100_000
    assert "made of 3 clips" in (volume / "demo-out/credits.txt").read_text()
    other = Options(volume=volume, user=1_000_777_000)
    code, output = run(
        image, tmp_path, "status", "--json", "--store", "demo-out/store", options=other
    )
    assert code == 0, output
    assert json.loads(output)["stages"]["clips"]["rows"] == 3


def test_sigterm_drains_and_the_next_run_goes_on(
    image: Image, tmp_path: Path, volume: Path
) -> None:
    options = Options(volume=volume)
    job = ("run", RECORDINGS, "--store", "sounds", "--pairs", "2", "--workers", "1", "--seed", "1")
    with Container(image, job, options, tmp_path) as container:
        until(
            lambda: any(volume.glob("sounds/audio/*/manifests/*")), SECONDS, failed=container.failed
        )
        container.send(signal.SIGTERM)
        assert container.wait(SECONDS) == 143, container.output()
    assert not any(volume.glob("sounds/clips/*/manifests/*")), "there was nothing left to drain"
    code, output = run(image, tmp_path, *job, options=options)
    assert code == 0, output
    code, output = run(image, tmp_path, "verify", "--store", "sounds", options=options)
    assert code == 0, output


def test_nothing_but_the_volume_can_be_written(image: Image, tmp_path: Path, volume: Path) -> None:
    script = (
        "touch /work/here || exit 1\n"
        "for place in / /etc /opt/nsynth-batch /tmp /usr/local/bin; do\n"
        "  touch $place/file 2>/dev/null && echo $place\n"
        "done\n"
        "id -u; grep CapEff /proc/self/status"
    )
    shell = Options(entrypoint=("sh", "-c"), volume=volume)
    code, output = run(image, tmp_path, script, options=shell)
    assert code == 0, output
    assert output.split() == ["10001", "CapEff:", "0" * 16]
    assert (volume / "here").exists()


def test_a_scheduler_that_answers_is_healthy_and_one_that_hangs_is_not(
    image: Image, tmp_path: Path
) -> None:
    check = image.config["Healthcheck"]["Test"][1:]
    with Container(image, SCHEDULER, Options(entrypoint=("dask",)), tmp_path) as container:
        until(
            lambda: container.execute(*check, "8787").returncode == 0,
            SECONDS,
            failed=container.failed,
        )
        assert container.execute(*check).stdout == "healthy\n"
        container.send(signal.SIGSTOP)
        hung = container.execute(*check)
        assert hung.returncode == 1
        assert "http://127.0.0.1:8787/health does not answer: timed out" in hung.stdout


def test_a_container_that_should_serve_and_does_not_is_ill(image: Image, tmp_path: Path) -> None:
    idle = Options(entrypoint=("sleep", "60"))
    with Container(image, (), idle, tmp_path) as container:
        assert container.execute("healthcheck").returncode == 0
        asked = container.execute("healthcheck", "8790")
        assert asked.returncode == 1
        assert "8790/health does not answer" in asked.stdout


def test_a_container_without_scratch_space_is_ill(image: Image, tmp_path: Path) -> None:
    idle = Options(entrypoint=("sleep", "60"), memory=4096)
    with Container(image, (), idle, tmp_path) as container:
        container.execute("dd", "if=/dev/zero", "of=/work/full", "bs=4096", "count=1")
        full = container.execute("healthcheck")
        assert full.returncode == 1
        assert "scratch space cannot be written" in full.stdout


def test_wrong_usage_and_broken_settings_end_as_anywhere(image: Image, tmp_path: Path) -> None:
    code, output = run(image, tmp_path, "rum")
    assert (code, output.count("\n")) == (2, 1), output
    wrong = Options(environment={"NSYNTH_BATCH_WORKERS": "none"})
    code, output = run(image, tmp_path, "doctor", options=wrong)
    assert (code, output.count("\n")) == (2, 1), output
