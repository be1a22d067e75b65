from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sequencer.clips.clips import Clip, write_clips_jsonl
from tests.sequencer.sounds import encoded, pluck, tone
from tests.waiting import until

ROOT = Path(__file__).parents[2]
COMMAND = "import sys; from sequencer.cli import main; sys.exit(main())"
# A limit on the size of a file stands in for a full disk: the same call fails, half way.
LITTLE_ROOM = (
    f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); {COMMAND}"
)
LONG = ["--minutes", "8"]
BROKEN = f"""
from sequencer.commands.program import app
@app.command("broken")
def broken(verbose: bool = False) -> None:
    raise ZeroDivisionError("two\\nlines")
{COMMAND}
"""


def run(script: str, *arguments: object) -> tuple[int, str]:
    """Run the command in a process of its own: exit code and everything on stderr."""
    result = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stderr


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    folder = tmp_path / "sounds"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.wav").write_bytes(encoded(pluck(1.0, 200 + 100 * number)))
    return folder


@pytest.mark.parametrize(
    "name", ["/proc/pz.wav", "file/x.wav", "file/deep/x.flac", f"{'n' * 300}.wav"]
)
def test_a_path_that_cannot_be_is_one_line(sounds: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("no folder")
    out = tmp_path / name
    code, errors = run(COMMAND, "compose", sounds, "-o", out, "--minutes", 0.1)
    assert code == 2
    assert errors.count("\n") == 1
    assert errors.startswith(f"sequencer: {out}: cannot be written (")
    assert "choose another place" in errors


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    sounds: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / "new" / f"piece{suffix}"
    code, errors = run(LITTLE_ROOM, "compose", sounds, "-o", out, "--minutes", 0.2)
    # A limit on the size of files stays; a full disk may be emptied.
    assert code == 2, errors
    assert errors == (
        f"sequencer: {out}: cannot be written (File too large); "
        "choose another place, one where files can be made\n"
    )
    assert list(out.parent.iterdir()) == []


def test_a_link_to_itself_is_replaced_when_it_is_the_output(sounds: Path, tmp_path: Path) -> None:
    out = tmp_path / "loop.wav"
    out.symlink_to(out)
    code, errors = run(COMMAND, "compose", sounds, "-o", out, "--minutes", 0.1)
    assert code == 0, errors
    assert out.is_file()


def test_what_nobody_expected_is_one_line_too() -> None:
    code, errors = run(BROKEN, "broken")
    assert code == 1
    assert errors.startswith("sequencer: unexpected ZeroDivisionError in broken, line 5 of ")
    assert errors.endswith(": two lines; --verbose shows the traceback\n")
    assert errors.count("\n") == 1
    code, errors = run(BROKEN, "broken", "--verbose")
    assert code == 1
    assert errors.startswith("Traceback")
    assert errors.splitlines()[-1].startswith("sequencer: unexpected ZeroDivisionError")


def test_tones_of_ones_own_are_played(tmp_path: Path) -> None:
    folder = tmp_path / "wavs"
    folder.mkdir()
    names = [f"{number}.wav" for number in range(5)]
    for number, name in enumerate(names):
        (folder / name).write_bytes(encoded(tone(1.0, 200 + 50 * number)))
    out = tmp_path / "piece.wav"
    code, errors = run(COMMAND, "compose", folder, "-o", out, "--minutes", 0.1)
    assert code == 0, errors
    assert errors.count("warning: kept ") == 5
    out.unlink()
    # The same sounds as decoded clips are the model's failure.
    write_clips_jsonl(folder, [Clip(name, name) for name in names])
    code, errors = run(COMMAND, "compose", folder, "-o", out, "--minutes", 0.1)
    assert code == 2
    assert "none of the 5 clips" in errors
    assert "(5 tone); train longer" in errors


def test_an_interrupt_is_one_line_wherever_it_comes(sounds: Path, tmp_path: Path) -> None:
    out = tmp_path / "piece.wav"
    for number in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "compose", str(sounds), "-o", str(out), *LONG],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        until(lambda: list(tmp_path.glob(".piece.wav.*.part")), process=process)
        time.sleep(0.013 * number)  # another moment each time
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130, errors
        assert errors == "sequencer: interrupted; run the same command again to go on\n"
        # What is mixed already is kept for the next attempt.
        assert {path.name for path in tmp_path.iterdir()} == {"sounds", ".piece.wav.spool"}
