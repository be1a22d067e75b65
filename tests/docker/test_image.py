"""The image for CPUs: what is in it, and what it says of how to run it."""

from __future__ import annotations

import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.components.images import ROOT, Image, context_files, sent_files
from tests.components.needs import need

pytestmark = pytest.mark.timeout(1200)  # whichever test is first builds the image

MOST_BYTES = 470_000_000
WRITABLE = {"run/lock", "tmp", "var/tmp", "work"}
UNWANTED = ("cc", "gcc", "g++", "c++", "ld", "make", "cmake", "pip", "pip3", "curl", "wget")


def project() -> dict[str, str]:
    read: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return read


def test_it_is_small(image: Image) -> None:
    assert image.size < MOST_BYTES, f"{image.size / 1e6:.0f} MB"


def test_it_holds_no_tool_to_build_or_to_fetch_with(image: Image) -> None:
    names = {path.name for path in image.root.rglob("bin/*")}
    assert "nsynth-batch" in names, "the search found nothing at all"
    assert not names & set(UNWANTED)


def test_it_holds_no_tensorflow_and_no_caches(image: Image) -> None:
    packages = image.root / "opt/nsynth-batch/lib/python3.11/site-packages"
    assert (packages / "pyarrow").is_dir()
    assert not [path.name for path in packages.glob("tensorflow*")]
    assert not list((packages / "pyarrow").rglob("tests"))
    assert not list((image.root / "var/lib/apt/lists").glob("*_*"))
    assert not list((image.root / "root").glob(".cache/*"))


def test_what_the_build_was_given_in_secret_does_not_stay(image: Image) -> None:
    assert (image.root / "etc/passwd").exists()
    assert not (image.root / "etc/pip.conf").exists()
    assert not (image.root / "etc/pip-ca.pem").exists()


def test_anyone_can_read_and_nobody_can_become_root(image: Image) -> None:
    for path in image.root.rglob("*"):
        name, mode = str(path.relative_to(image.root)), path.lstat().st_mode
        if stat.S_ISLNK(mode):
            continue
        assert not mode & (stat.S_ISUID | stat.S_ISGID), f"{name} runs as its owner"
        if name.startswith(("opt", "usr/local", "work")):
            demanded = 0o005 if stat.S_ISDIR(mode) else 0o004
            assert mode & demanded == demanded, f"{name} cannot be read by everyone"
        if mode & 0o002:
            assert name in WRITABLE, f"{name} can be written by everyone"


def test_it_says_how_it_is_run(image: Image) -> None:
    config = image.config
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"][-1] == "nsynth-batch"
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "healthcheck"]
    assert set(config["Volumes"]) == {config["WorkingDir"]} == {"/work"}
    users = (image.root / "etc/passwd").read_text()
    assert "nsynth:x:10001:10001::/work:/usr/sbin/nologin" in users


def test_its_labels_say_what_it_is(image: Image) -> None:
    labels = image.config["Labels"]
    prefix = "org.opencontainers.image."
    assert labels[f"{prefix}version"] == project()["version"]
    assert labels[f"{prefix}licenses"] == project()["license"]
    assert {f"{prefix}title", f"{prefix}description", f"{prefix}revision"} < set(labels)


def test_a_build_sees_the_source_and_nothing_else(tmp_path: Path) -> None:
    need("images")
    sent = sent_files(tmp_path)
    assert sent == [str(file.relative_to(ROOT)) for file in context_files()]
    tracked = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert set(sent) <= set(tracked)
    assert {"pyproject.toml", "nsynth_batch/cli.py", "nsynth_batch/native/module.cpp"} <= set(sent)
    assert not [name for name in sent if name.startswith(("tests/", ".git", "build/", "docs/"))]
