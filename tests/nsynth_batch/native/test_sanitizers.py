"""The engine's tests once more, on a build that watches memory and undefined behaviour."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BUILD = ROOT / "build" / "sanitized"


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    # CMake may stand beside this Python without its folder being on the path.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def compiler_library(name: str) -> str:
    return run([os.environ.get("CXX", "c++"), f"-print-file-name={name}"]).stdout.strip()


@pytest.fixture(scope="module")
def sanitized() -> str:
    for command in (
        ["cmake", "-S", str(ROOT), "-B", str(BUILD), "-DNSYNTH_SANITIZE=ON", "-DNSYNTH_MODELS=ON",
         # One file of many, but for the kernels: most of the time goes into the same headers.
         "-DCMAKE_UNITY_BUILD=ON", "-DCMAKE_UNITY_BUILD_BATCH_SIZE=0",
         "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1",
         f"-DPython_EXECUTABLE={sys.executable}",
         f"-DCMAKE_LIBRARY_OUTPUT_DIRECTORY={BUILD / 'out'}"],
        ["cmake", "--build", str(BUILD), "--parallel", "2"],
    ):  # fmt: skip
        done = run(command)
        assert done.returncode == 0, done.stdout + done.stderr
    (extension,) = (BUILD / "out").glob("_engine*.so")
    return str(extension)


@pytest.mark.timeout(1800)
def test_no_test_touches_memory_that_is_not_its_own(sanitized: str) -> None:
    machine_code = Path(sanitized).read_bytes()
    assert b"__asan_load" in machine_code or b"__asan_report_load" in machine_code
    assert b"__ubsan_handle" in machine_code
    done = run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
         # Thousands of decodes to find one border, or a model that is not tiny: minutes of what the
         # other tests run through too.
         "-k", "not the_last_bit_of_a_probability and not progress_adds_up"
               " and not going_through_prefixes",
         *(f"tests/nsynth_batch/native/{room}" for room in ("wavenet", "frames", "samplernn"))],
        NSYNTH_BATCH_TEST_EXTENSION=sanitized,
        LD_PRELOAD=" ".join(compiler_library(name) for name in ("libasan.so", "libubsan.so")),
        # Python itself ends with memory that it never gives back.
        ASAN_OPTIONS="detect_leaks=0",
        UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1",
        NSYNTH_BATCH_TEST_EXAMPLES="10",
        NSYNTH_BATCH_TEST_SLOWER="8",
        OPENBLAS_NUM_THREADS="1",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert " passed" in done.stdout
