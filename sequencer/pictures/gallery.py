"""Pictures of many clips, each drawn once: its name holds its kind and the digest of its sound."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from sequencer.audio.recording import mono_blocks
from sequencer.errors import AudioError
from sequencer.files import write_output
from sequencer.optional import extra
from sequencer.pictures.log_mel import log_mel
from sequencer.pictures.rainbowgram import DRAWN_RATE, png, rainbowgram

Kind = Literal["rainbowgram", "log-mel"]
KINDS: tuple[Kind, ...] = get_args(Kind)

MOST_SECONDS = 60.0
"""Of a longer sound this much is drawn, from its beginning."""

# A change of a drawing draws all anew.
_ENDINGS: Mapping[Kind, str] = {"rainbowgram": ".v1.png", "log-mel": ".mel1.png"}

_WORTH_A_POOL = 32
"""Starting processes takes as long as drawing about this many."""


def picture_name(digest: str, kind: Kind = "rainbowgram") -> str:
    """Name the picture of a sound by the SHA-256 of its file."""
    return f"{digest[:24]}{_ENDINGS[kind]}"


def picture_names(digest: str) -> list[str]:
    """Name the pictures of a sound, one of each of `KINDS`."""
    return [picture_name(digest, kind) for kind in KINDS]


def picture_of(path: Path, kind: Kind = "rainbowgram") -> bytes:
    """Draw the sound in a file, as a PNG; the same sound gives the same bytes.

    Raises
    ------
    AudioError
        When the file is no usable sound.
    OSError
        What reading raised.
    """
    wanted = round(MOST_SECONDS * DRAWN_RATE)
    blocks, length = [], 0
    for block in mono_blocks(path, DRAWN_RATE):
        blocks.append(block)
        length += len(block)
        if length >= wanted:
            break
    samples = np.concatenate(blocks)[:wanted]
    return png(rainbowgram(samples) if kind == "rainbowgram" else log_mel(samples, DRAWN_RATE))


def cache_folder() -> Path:
    """Return the folder of the user's cache that keeps pictures, made or not."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "sequencer" / "pictures"


def draw(wanted: Mapping[Path, Path]) -> Iterator[tuple[Path, str]]:
    """Draw what is not there yet, on all cores when it is much.

    Parameters
    ----------
    wanted : mapping of Path to Path
        From each picture, named as `picture_name` does, to its sound file.

    Yields
    ------
    picture : Path
    error : str
        Empty, or why this one could not be drawn.

    Raises
    ------
    SequencerError
        When librosa or matplotlib are not installed, or a picture cannot be written.
    """
    missing = {picture: sound for picture, sound in wanted.items() if not picture.exists()}
    yield from ((picture, "") for picture in wanted if picture not in missing)
    if len(missing) < _WORTH_A_POOL:
        for picture, sound in missing.items():
            yield picture, _draw_one(picture, sound)
        return
    # joblib comes with librosa, and knows affinities and the CPU quotas of containers.
    cores = extra("joblib", "librosa").cpu_count()
    with ProcessPoolExecutor(cores, get_context("spawn"), _let_go) as pool:
        drawing = {pool.submit(_draw_one, *each): each[0] for each in missing.items()}
        try:
            for done in as_completed(drawing):
                yield drawing[done], done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _let_go() -> None:
    # An interrupt reaches the whole group of processes; the one that waits for the others ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _draw_one(picture: Path, sound: Path) -> str:
    kind = next(kind for kind in KINDS if picture.name.endswith(_ENDINGS[kind]))
    try:
        data = picture_of(sound, kind)
    except AudioError as error:
        return str(error)
    except OSError as error:
        return f"{error.strerror}"
    write_output(picture, data)
    return ""
