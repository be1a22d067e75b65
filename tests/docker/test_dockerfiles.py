"""Both Dockerfiles: what a linter and a reader can tell of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

from tests.components.images import ROOT, context_files

DOCKERFILES = ("docker/Dockerfile.cpu", "docker/Dockerfile.rocm")
# What the two have in common, word by word: how a container starts, ends and is known.
COMMON = ("USER", "WORKDIR /work", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT")


def instructions(dockerfile: str) -> list[str]:
    text = (ROOT / dockerfile).read_text()
    if base := re.search(r"^ARG BASE=(\S+)$", text, re.MULTILINE):
        text = (
            text.replace(f"{base[0]}\n", "").replace("${BASE}", base[1]).replace("$BASE", base[1])
        )
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return [line.strip() for line in lines.replace("\\\n", " ").splitlines() if line.strip()]


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_hadolint_finds_nothing(dockerfile: str) -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert linter, "hadolint comes with the extra dev: make dev"
    done = subprocess.run(
        [linter, "--no-color", dockerfile], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_bases_and_packages_are_pinned(dockerfile: str) -> None:
    stages = set()
    for line in instructions(dockerfile):
        if line.startswith("FROM "):
            base, *name = line.removeprefix("FROM ").split(" AS ")
            assert base in stages or re.search(r":\d+\.\d+", base), line
            stages |= set(name)
        if " apt-get install " in line:
            installed = line.partition("--no-install-recommends")[2].partition("&&")[0].split()
            assert installed
            assert all("=" in package for package in installed), line


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_what_is_copied_is_let_through(dockerfile: str) -> None:
    sent = {str(file.relative_to(ROOT)) for file in context_files()}
    for line in instructions(dockerfile):
        if line.startswith("COPY ") and "--from=" not in line:
            sources = [word for word in line.split()[1:-1] if not word.startswith("--")]
            for source in sources:
                assert any(f"{name}/".startswith(f"{source}/") for name in sent), line


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_ffmpeg_is_there_for_the_asking(dockerfile: str) -> None:
    lines = instructions(dockerfile)
    [asked] = [line for line in lines if re.search(r" ffmpeg=", line)]
    assert asked.startswith('RUN if [ "$FFMPEG" = yes ]; then ')
    last_stage = max(n for n, line in enumerate(lines) if line.startswith("FROM "))
    assert lines.index("ARG FFMPEG=no") > last_stage
    # Files that run as their owner lose that right after all is installed.
    assert lines.index(asked) < next(n for n, line in enumerate(lines) if "-perm /6000" in line)


def test_another_tensorflow_has_no_pins_of_2_14() -> None:
    text = (ROOT / "docker/Dockerfile.rocm").read_text()
    # The two ways, run by the shell that runs them there.
    [branch] = re.findall(r'if \[ -n "\$TENSORFLOW" \].*?fi', text, re.DOTALL)
    for wheel, pins, asked in (
        ("", "numpy==1\n", ""),
        ("https://a.b/tf.whl", "", "https://a.b/tf.whl\n"),
    ):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "constraints-magenta.txt").write_text("numpy==1\n")
            Path(folder, "requirements.txt").touch()
            environment = {"TENSORFLOW": wheel, "PATH": os.environ["PATH"]}
            subprocess.run(["sh", "-ec", branch], cwd=folder, env=environment, check=True)
            assert Path(folder, "pins.txt").read_text() == pins
            assert Path(folder, "requirements.txt").read_text() == asked


def test_both_images_are_run_alike() -> None:
    cpu, rocm = (
        [line for line in instructions(one) if line.startswith(COMMON)] for one in DOCKERFILES
    )
    assert cpu == rocm
    assert len(cpu) == len(COMMON)


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_labels_say_this_release_and_the_base(dockerfile: str) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    lines = instructions(dockerfile)
    assert f"ARG VERSION={version}" in lines
    base = lines[0].split()[1]
    assert any(f'org.opencontainers.image.base.name="{base}"' in line for line in lines)


def test_requirements_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [sys.executable, "docker/requirements.py"]
    plain = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
    assert plain.stdout.splitlines() == project["dependencies"]
    more = subprocess.run(
        [*asked, "rocm,kerberos"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    extras = project["optional-dependencies"]
    assert more.stdout.splitlines() == [
        *project["dependencies"],
        *extras["rocm"],
        *extras["kerberos"],
    ]


def test_an_extra_that_is_none_ends_the_build_with_one_line() -> None:
    asked = [sys.executable, "docker/requirements.py", "tensorflwo"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("there is no extra 'tensorflwo'; EXTRAS takes some of tensorflow")
    assert done.stderr.count("\n") == 1
