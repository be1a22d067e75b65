"""The one table of exit codes, and the line of an error."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from sequencer.errors import AudioError, OutputError, SequencerError, exit_code_of, failure

# The parser ends a command quietly when the reader of its output has ended.
ALL_NUMBERS = sorted(set(errno.errorcode) - {errno.EPIPE})
PROGRAMS = {
    "sequencer": ("sequencer.commands.program", "sequencer.cli"),
    "nsynth-batch": ("nsynth_batch.commands.program", "nsynth_batch.cli"),
}
ENDS = """
import contextlib, errno, importlib, io, sys
module, cli = sys.argv[1:]
app = importlib.import_module(module).app
@app.command("fail")
def fail(number: int) -> None:
    raise OSError(number, errno.errorcode[number], "a/file")
main = importlib.import_module(cli).main
for number in sorted(set(errno.errorcode) - {errno.EPIPE}):
    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        code = main(["fail", str(number)])
    assert err.getvalue().count("\\n") == 1, err.getvalue()
    assert "a/file" in err.getvalue()
    print(number, code)
"""


def ends_of(program: str) -> dict[int, int]:
    """The exit code of a program for each number of the operating system."""
    done = subprocess.run(
        [sys.executable, "-c", ENDS, *PROGRAMS[program]], capture_output=True, text=True, check=True
    )
    pairs = (line.split() for line in done.stdout.splitlines())
    return {int(number): int(code) for number, code in pairs}


def test_both_programs_end_alike_for_every_error_of_the_operating_system() -> None:
    ends = ends_of("sequencer")
    assert list(ends) == ALL_NUMBERS
    assert ends_of("nsynth-batch") == ends
    assert ends == {number: exit_code_of(OSError(number, "")) for number in ALL_NUMBERS}
    assert set(ends.values()) == {2, 75}


@pytest.mark.parametrize(
    "number",
    [
        errno.EACCES, errno.EEXIST, errno.EFBIG, errno.EINVAL, errno.EISDIR, errno.ELOOP,
        errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR, errno.EPERM, errno.EROFS, errno.EXDEV,
    ],
)  # fmt: skip
def test_a_path_that_cannot_be_stays_so(number: int) -> None:
    assert exit_code_of(OSError(number, "")) == 2


@pytest.mark.parametrize(
    "number",
    [
        errno.ECONNREFUSED, errno.ECONNRESET, errno.EDQUOT, errno.EHOSTUNREACH, errno.EIO,
        errno.EMFILE, errno.ENOMEM, errno.ENOSPC, errno.ESTALE, errno.ETIMEDOUT,
    ],
)  # fmt: skip
def test_what_the_machine_or_the_network_lacks_may_pass(number: int) -> None:
    assert exit_code_of(OSError(number, "")) == 75


def test_an_error_without_a_number_is_of_a_library_and_its_class_decides() -> None:
    assert exit_code_of(OSError("no answer")) == exit_code_of(TimeoutError("no answer")) == 75
    assert exit_code_of(FileNotFoundError("no such file")) == 2
    assert exit_code_of(PermissionError("forbidden")) == 2


def test_an_error_of_a_file_names_it_and_what_to_do() -> None:
    full = failure(OSError(errno.ENOSPC, "No space left on device", "store/x"))
    assert full.message.startswith("store/x: No space left on device; the disk is full: make room")
    assert failure(FileNotFoundError(errno.ENOENT, "No such file", "x")).message == (
        "x: No such file"
    )
    assert failure(OSError("two\nlines")).message == "two lines"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_file_that_cannot_be_written_ends_as_its_cause_does(number: int) -> None:
    error = OutputError(Path("out.wav"), OSError(number, "why"))
    assert failure(error).exit_code == exit_code_of(OSError(number, "why"))


def test_errors_of_this_package_are_usage() -> None:
    assert failure(SequencerError("say this")) == ("say this", 2)
    assert failure(AudioError("truncated", "say this")).exit_code == 2
    assert failure(KeyboardInterrupt()).exit_code == 130
    assert failure(ValueError("x")).exit_code == 1
