"""The kernels' own check: here, and on emulated processors with what this one may lack."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.components.bochs import DEBIANS, Processor, compiler, emulate, with_tiles
from tests.components.needs import need
from tests.nsynth_batch.native.models import SUPPORTED

ROOT = Path(__file__).parents[4]
PRECISIONS = ("float32", "bfloat16", "int16", "int8")


def lines(instruction_set: str) -> set[str]:
    return {f"{instruction_set} {precision}: right" for precision in PRECISIONS}


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The check around the very kernels that the installed engine was made of."""
    tag = f"cp{sysconfig.get_config_var('py_version_nodot')}"
    libraries = list((ROOT / "build").glob(f"{tag}-{tag}*/libengine.a"))
    assert libraries, "the engine was not built in this folder: make dev"
    newest = max(libraries, key=lambda library: library.stat().st_mtime)
    to = tmp_path_factory.mktemp("check") / "check_kernels"
    sources = sorted((ROOT / "tests" / "nsynth_batch" / "native" / "kernels").glob("*.cpp"))
    subprocess.run(
        [compiler(), "-std=c++20", "-O2", "-Wall", "-Wextra", "-ffp-contract=off",
         "-I", str(ROOT / "nsynth_batch" / "native"), *map(str, sources), str(newest),
         "-static", "-no-pie", "-s", "-o", str(to)],
        check=True,
    )  # fmt: skip
    return to


def test_every_kernel_of_this_processor_is_right(check: Path) -> None:
    ran = subprocess.run([check], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert set(ran.stdout.splitlines()) == set().union(*map(lines, SUPPORTED))


@pytest.mark.parametrize(
    ("processor", "instruction_set"),
    [(DEBIANS, "avx512"), *((tiled, name) for tiled in with_tiles() for name in ("avx512", "amx"))],
)
def test_every_kernel_of_another_processor_is_right(
    check: Path, processor: Processor, instruction_set: str, tmp_path: Path
) -> None:
    need("bochs")
    ended = emulate(processor, check, instruction_set, folder=tmp_path)
    assert ended.status == 0, ended.output
    assert set(ended.output.splitlines()) == lines(instruction_set)


def test_tiles_are_not_taken_for_granted(check: Path, tmp_path: Path) -> None:
    need("bochs")
    ended = emulate(DEBIANS, check, "amx", folder=tmp_path)
    assert ended.status == 1
    assert "this processor lacks amx" in ended.output
