"""An export whose names are hostile, and the page of it, served."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from sequencer.audition.listing import list_clips
from sequencer.audition.server import Audition, AuditionServer
from sequencer.clips.choices import write_choices
from tests.sequencer.audition.exports import COMMAND, export


@pytest.fixture(scope="module")
def downloads(browser: Chrome) -> Path:
    return Path(browser.capabilities["chrome"]["userDataDir"]).parent / "downloads"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where rainbowgrams are kept; every export here has the same sounds."""
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture
def served(tmp_path: Path, pictures: Path) -> Iterator[tuple[str, Path]]:
    """The address of an audition with a choice made before, and its choices file."""
    folder = export(tmp_path / "clips")
    choices = tmp_path / "choices.json"
    write_choices(choices, {"clip-5": "reject", "of another folder": "keep"})
    audition = Audition("clips", list_clips(folder), choices, pictures, COMMAND)
    with AuditionServer(audition, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.address, choices
        server.shutdown()
        thread.join()
