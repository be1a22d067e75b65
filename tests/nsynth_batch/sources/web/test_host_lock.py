"""One harvest of a host at a time on a machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HOLD = """
import sys
from nsynth_batch.sources.web.host_lock import host_lock
with host_lock(sys.argv[1:]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("cache", ["cache", "a file"])
def test_a_host_is_held_until_its_holder_is_gone(tmp_path: Path, cache: str) -> None:
    # Where no cache can be kept, the machine's temporary files are the place.
    (tmp_path / "a file").touch()
    places = {"XDG_CACHE_HOME": str(tmp_path / cache), "TMPDIR": str(tmp_path)}

    def start(*hosts: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", HOLD, *hosts],
            env={**os.environ, **places},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    holder = start("Files.example:80")
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    told, error = start("files.example:80", "other.example").communicate()
    assert told == ""
    assert "another harvest on this machine fetches from files.example:80" in error
    # What another could not have does not keep it from the rest.
    assert start("other.example").communicate()[0] == "held\n"
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert start("files.example:80").communicate()[0] == "held\n"
