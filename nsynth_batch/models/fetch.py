"""Download the published checkpoint: with progress, resumed where it broke off, checked."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hdfs_jobs.errors import BadInput
from hdfs_jobs.storage.http_download import (
    OK,
    RANGE_NOT_SATISFIABLE,
    Answer,
    RestartError,
    range_headers,
    receive,
)
from nsynth_batch.models.weights import CheckpointError

PUBLISHED_URL = "http://download.magenta.tensorflow.org/models/nsynth/wavenet-ckpt.tar"

_BLOCK = 1 << 20
_TIMEOUT_SECONDS = 60.0


class DownloadError(OSError):
    """A download broke off; what came is kept, and another try goes on from there."""


@dataclass(frozen=True)
class Fetched:
    """What a download left.

    Attributes
    ----------
    prefix
        Magenta's name for the checkpoint: its files begin with it.
    sha256
        Of the tar file.
    checked
        Whether it was compared with a checksum, given now or kept from an earlier download.
    """

    prefix: Path
    sha256: str
    checked: bool


def fetch_checkpoint(
    folder: Path,
    *,
    url: str = PUBLISHED_URL,
    sha256: str | None = None,
    tries: int = 5,
    wait_seconds: float = 2.0,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> Fetched:
    """Download a checkpoint's tar file into a folder and unpack it there.

    The published tar has no published checksum. So the checksum of the first whole download is
    kept beside it (``<name>.sha256``), and a later one must agree with it; pass the checksum
    if you have it from elsewhere.

    Parameters
    ----------
    folder : Path
        Made if it is missing.
    url : str
        Where the tar file is.
    sha256 : str, optional
        What its checksum must be.
    tries : int
        How often to connect before giving up.
    wait_seconds : float
        Between tries, doubled each time.
    on_progress : callable, optional
        Called with the bytes that are there, and how many there will be where the server sends it.

    Raises
    ------
    DownloadError
        If the server cannot be reached or keeps breaking off.
    CheckpointError
        If the server has no such file, the checksum is another, or the tar holds no checkpoint.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tar = folder / (url.rsplit("/", 1)[-1] or "checkpoint.tar")
    kept = tar.with_name(tar.name + ".sha256")
    if not tar.exists():
        _download(url, tar, tries, wait_seconds, on_progress)
    found = _sha256(tar)
    wanted = (sha256 or (kept.read_text().split()[0] if kept.exists() else "")).lower()
    if wanted and found != wanted:
        tar.unlink()
        raise CheckpointError(
            f"{tar}: its SHA-256 is {found}, not {wanted}; it was removed, fetch it again"
        )
    kept.write_text(f"{found}  {tar.name}\n")
    return Fetched(_unpack(tar, folder), found, bool(wanted))


def _download(
    url: str,
    target: Path,
    tries: int,
    wait_seconds: float,
    on_progress: Callable[[int, int | None], None] | None,
) -> None:
    part = _Part(target.with_name(target.name + ".part"))
    failed = 0
    while True:
        try:
            with _open(url, range_headers(part)) as answer:
                receive(answer, part, on_progress=on_progress)
            part.complete(target)
            return
        except RestartError:
            # Nothing is left to continue, so this happens once for each time that it broke off.
            continue
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise CheckpointError(f"{url}: the server answers {error.code}") from None
            reason: object = f"the server answers {error.code}"
        except BadInput as error:
            part.discard()
            raise CheckpointError(f"{url}: {error.detail}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
        failed += 1
        if failed >= tries:
            break
        time.sleep(wait_seconds * 2 ** (failed - 1))
    raise DownloadError(f"{url}: {reason}, after {tries} tries; what came is kept, run it again")


@contextmanager
def _open(url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
    request = urllib.request.Request(url, headers={"User-Agent": "nsynth-batch", **headers})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != RANGE_NOT_SATISFIABLE:
            raise
        response = error
    with response:
        blocks = iter(lambda: response.read(_BLOCK), b"")
        # A file:// URL has no status.
        yield Answer(response.status or OK, response.headers, blocks)


class _Part:
    """The beginning of a file, in a file of its own; what server's version it is of is beside it.

    Parameters
    ----------
    path : Path
        The file, which need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version = path.with_name(path.name + ".version")

    @property
    def have(self) -> int:
        """How many bytes there are."""
        return self._path.stat().st_size if self._path.exists() else 0

    @property
    def validator(self) -> str:
        """What the server said of its version; empty if nothing."""
        return self._version.read_text() if self._version.exists() else ""

    @validator.setter
    def validator(self, version: str) -> None:
        self._version.write_text(version)

    def write(self, block: bytes) -> None:
        """Append bytes."""
        with self._path.open("ab") as out:
            out.write(block)

    def discard(self) -> None:
        """Delete what there is."""
        self._path.unlink(missing_ok=True)
        self._version.unlink(missing_ok=True)

    def complete(self, target: Path) -> None:
        """Have all of it under its final name."""
        self._path.touch()
        self._path.replace(target)
        self._version.unlink(missing_ok=True)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _unpack(tar: Path, folder: Path) -> Path:
    """Unpack the plain files of a tar, none of them outside the folder; return the prefix.

    By hand, since the tarfile of Python 3.11.2, which Debian 12 has, has no extraction filters.
    """
    indexes: list[Path] = []
    try:
        with tarfile.open(tar) as archive:
            for member in archive:
                file = folder / member.name
                content = archive.extractfile(member)
                if content is None or not member.isfile():
                    continue
                if not file.resolve().is_relative_to(folder.resolve()):
                    raise CheckpointError(f"{tar}: holds {member.name!r}, which leads elsewhere")
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("wb") as out:
                    shutil.copyfileobj(content, out)
                if file.suffix == ".index":
                    indexes.append(file)
    except (tarfile.TarError, EOFError) as error:
        raise CheckpointError(f"{tar}: not a whole tar file ({error}); fetch it again") from None
    if len(indexes) != 1:
        raise CheckpointError(f"{tar}: holds {len(indexes)} checkpoints, not one")
    return indexes[0].with_suffix("")
