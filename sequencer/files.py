"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from sequencer.errors import OutputError, SequencerError


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an error of the operating system that names no file, as a full disk's, name `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a hidden name beside `path` to write to; it takes the name `path` when all went well.

    An exception inside removes what was written and leaves `path` as it was; an error about the
    hidden name is about `path`. A process that is killed leaves at most a hidden
    ``.NAME.*.part``.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except OSError as error:
        if error.filename == str(part):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        part.unlink(missing_ok=True)


def write_output(path: Path, content: str | bytes, *, keeping: Path | None = None) -> None:
    """Write a file, whole or not at all, and its folder if need be.

    Parameters
    ----------
    path : Path
        Its name.
    content : str or bytes
        Text is written as UTF-8.
    keeping : Path, optional
        A file that this must not replace: the one it was made from.

    Raises
    ------
    SequencerError
        When `path` leads to `keeping`; `OutputError` when it cannot be written.
    """
    if keeping is not None and os.path.realpath(path) == os.path.realpath(keeping):
        raise SequencerError(f"{path}: this would replace what it is made from; name another file")
    data = content.encode("utf-8", "replace") if isinstance(content, str) else content
    with _making(path) as part:
        part.write_bytes(data)


def require_own_folder(folder: Path, first: str, what: str) -> None:
    """Refuse to write into a folder that holds what others wrote.

    Parameters
    ----------
    folder : Path
        To be written to; it may be missing, or empty.
    first : str
        The name in it that is written first: where it is, the folder was written before.
    what : str
        What is written, for the message.

    Raises
    ------
    SequencerError
        When it is a file, or holds something else.
    """
    if folder.is_file() or (
        folder.is_dir() and any(folder.iterdir()) and not (folder / first).exists()
    ):
        raise SequencerError(f"{folder} holds something else; give {what} a folder of its own")


def copy_output(source: Path, path: Path) -> None:
    """Copy a file, whole or not at all, and make its folder if need be.

    Raises
    ------
    OutputError
        When it cannot be copied.
    """
    with _making(path) as part:
        shutil.copyfile(source, part)


@contextlib.contextmanager
def _making(path: Path) -> Iterator[Path]:
    """Do as `replacing` does, in a folder that is made; any error is about the output."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            yield part
    except OSError as error:
        raise OutputError(path, error) from error


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, 64 hexadecimal digits."""
    with naming(path), path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
