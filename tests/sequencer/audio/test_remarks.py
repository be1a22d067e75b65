"""Decoders' own remarks stay off stderr."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from sequencer.audio.recording import load_audio
from sequencer.audio.remarks import without_remarks
from tests.sequencer.sounds import encoded, tone

MP3 = encoded(tone(2.0), "MP3", "MPEG_LAYER_III")
DAMAGED = MP3[:1500] + bytes(400) + MP3[1900:]


@pytest.mark.parametrize("data", [MP3 + bytes(5000), DAMAGED, MP3[:-3], MP3 + MP3[:1000]])
def test_mp3s_of_all_sorts_leave_stderr_empty(
    data: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    from sequencer.errors import AudioError

    try:
        load_audio(io.BytesIO(data))
    except AudioError as error:
        assert error.reason in {"truncated", "corrupt"}
    assert capfd.readouterr().err == ""


def test_what_others_write_comes_through(capfd: pytest.CaptureFixture[str]) -> None:
    with without_remarks(), without_remarks():
        os.write(2, b"Warning: Xing stream size off by more than 1%\nNote: a note\nmine\n")
        os.write(2, b"\n[src/libmpg123/id3.c:process_comment():587] error: No comment text\n")
    assert capfd.readouterr().err == "mine\n"


def test_a_process_without_stderr_is_no_trouble() -> None:
    code = (
        "import os, io, sys; os.close(2)\n"
        "from sequencer.audio.remarks import without_remarks\n"
        "with without_remarks(): print('in')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "in\n"
