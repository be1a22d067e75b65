"""A signal at any moment of a command: its own exit code, one line, and nothing lost by it."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.nsynth_batch.recordings import tone, write_wav
from tests.sequencer.sounds import encoded, pluck

# A moment is one of what Python audits (imports, opened files, calls of the system): as many as
# there are on every machine, however fast it is.
SCRIPT = """
import signal, sys
from {package}.cli import main
number, moment, seen = int(sys.argv[1]), int(sys.argv[2]), 0
def hook(event, arguments):
    global seen
    if running:
        seen += 1
        if seen == moment:
            signal.raise_signal(number)
signal.signal(signal.SIGINT, signal.default_int_handler)
running = False
sys.addaudithook(hook)
running = True
code = main(sys.argv[3:])
running = False
print(seen, file=sys.stdout)
sys.exit(code)
"""
RIGHTS = "file,author,licence\n" + "".join(f"{n}.wav,Ann,CC0-1.0\n" for n in range(3))


def sounds(package: str, folder: Path) -> None:
    folder.mkdir()
    for n in range(3):
        if package == "sequencer":
            (folder / f"{n}.wav").write_bytes(encoded(pluck(1.0, 200 + 100 * n)))
        else:
            write_wav(folder / f"{n}.wav", tone(1.0, 200.0 + n))
    (folder / "sources.csv").write_text(RIGHTS)


def command(package: str, folder: Path) -> list[str]:
    if package == "sequencer":
        out = str(folder / "out" / "piece.wav")
        return ["compose", str(folder / "in"), "-o", out, "--minutes", "0.1", "--seed", "3"]
    return ["harvest", str(folder / "in"), "--store", str(folder / "out"), "--quiet"]


def run(package: str, folder: Path, number: int = 0, moment: int = 0) -> tuple[int, str, str]:
    """Run the command, with a signal at a moment of it: exit code as a shell has it, and output."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(package=package), str(number), str(moment),
         *command(package, folder)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    code = done.returncode
    return (code if code >= 0 else 128 - code), done.stdout, done.stderr


def left(package: str, folder: Path) -> dict[str, bytes]:
    """What a command is for, by name: the piece and its score, or the store's recordings."""
    top = folder / "out" / ("raw" if package == "nsynth_batch" else "")
    files = (path for path in top.rglob("*") if path.is_file())
    return {path.relative_to(top).as_posix(): path.read_bytes() for path in files}


@cache
def undisturbed(package: str) -> tuple[int, dict[str, bytes]]:
    """How many moments the command has, and what it leaves."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sounds(package, folder / "in")
        code, out, err = run(package, folder)
        assert code == 0, err
        return int(out.splitlines()[-1]), left(package, folder)


@pytest.mark.parametrize("package", ["sequencer", "nsynth_batch"])
@settings(max_examples=4, deadline=None, derandomize=True, phases=[Phase.generate])
@given(st.sampled_from([signal.SIGINT, signal.SIGTERM]), st.floats(0, 1))
def test_a_signal_at_any_moment_loses_nothing(
    package: str, number: signal.Signals, moment: float
) -> None:
    moments, whole = undisturbed(package)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sounds(package, folder / "in")
        code, _, err = run(package, folder, number, 1 + int(moment * (moments - 1)))
        assert code in {0, 128 + number}, err
        assert "Traceback" not in err
        # A harvest that drains says so, with the time, before it ends.
        lines = [line for line in err.splitlines() if " draining; a second " not in line]
        assert len(lines) <= 1, err
        if code:
            code, _, err = run(package, folder)
            assert code == 0, err
        assert left(package, folder) == whole
