"""Where a store keeps the bytes of recordings: as they came, named by their SHA-1."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

from sequencer.audio.recording import open_recording
from sequencer.errors import AudioError

RAW = "raw"
_BLOCK_BYTES = 1 << 20


def raw_path(file_id: str, name: str) -> str:
    """Give the place of a recording's bytes in a store."""
    return f"{RAW}/{file_id[:2]}/{file_id}{PurePosixPath(name).suffix.lower()}"


def content_sha1(stream: BinaryIO) -> str:
    """Give the SHA-1 of what a stream holds from here on, in hex."""
    digest = hashlib.sha1(usedforsecurity=False)
    for block in blocks(stream):
        digest.update(block)
    return digest.hexdigest()


def blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Give what a stream holds from here on, never much of it at once."""
    while block := stream.read(_BLOCK_BYTES):
        yield block


def declared_seconds(stream: BinaryIO) -> float | None:
    """Give the length that a recording's header declares; none where it cannot be read.

    Whatever is wrong with it, the audio stage puts it in the quarantine with the reason.
    """
    try:
        with open_recording(stream) as recording:
            return recording.seconds
    except AudioError:
        return None
