"""Locks that end with their process, on a file system with `flock` and on one without."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.components.needs import need

NO_FLOCK = """
#include <errno.h>
#include <stdlib.h>
int flock(int fd, int op) { errno = atoi(getenv("REFUSED_WITH")); return -1; }
"""
HOLD = """
import sys
from pathlib import Path
from sequencer.locks import take_lock
try:
    lock = take_lock(Path(sys.argv[1]))
except BlockingIOError:
    sys.exit("taken")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("cc") is None:
        need("compiler")
    folder = tmp_path_factory.mktemp("shim")
    (folder / "noflock.c").write_text(NO_FLOCK)
    library = folder / "noflock.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", str(library), str(folder / "noflock.c")], check=True
    )
    return library


@pytest.mark.parametrize("refused", [None, "ENOLCK", "ENOSYS", "EOPNOTSUPP"])
def test_a_lock_is_held_by_one_until_its_process_ends(
    tmp_path: Path, shim: Path, refused: str | None
) -> None:
    import errno

    without = {"LD_PRELOAD": str(shim), "REFUSED_WITH": str(getattr(errno, refused or "ENOLCK"))}
    environment = {**os.environ, **(without if refused else {})}
    (tmp_path / "link").symlink_to(tmp_path)

    def start(path: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", HOLD, str(path)],
            env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    holder = start(tmp_path / "lock")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert start(tmp_path / "link" / "lock").communicate() == ("", "taken\n")
    assert start(tmp_path / "other").communicate()[0] == "held\n"
    holder.kill()
    holder.communicate()
    assert start(tmp_path / "lock").communicate()[0] == "held\n"
