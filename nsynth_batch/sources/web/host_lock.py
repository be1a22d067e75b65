"""One harvest of a host at a time on a machine, for limits hold for all of them together."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from hdfs_jobs.errors import InfrastructureError
from sequencer.locks import take_lock


@contextmanager
def host_lock(hosts: Collection[str]) -> Iterator[None]:
    """Keep other processes of this user from fetching from some hosts, for the block.

    A process that ends, even by a kill, releases its locks. They are files in the user's cache
    folder, or with the machine's temporary files where that cannot be written.

    Parameters
    ----------
    hosts : collection of str
        That files are fetched from.

    Raises
    ------
    InfrastructureError
        If another process fetches from one of them.
    """
    folder = _folder()
    with ExitStack() as stack:
        for host in sorted({host.lower() for host in hosts}):
            try:
                lock = take_lock(folder / f"{quote(host, safe='')}.lock")
            except BlockingIOError as error:
                raise InfrastructureError(
                    f"another harvest on this machine fetches from {host}, and its limits are for "
                    "both together: run this one when that has ended"
                ) from error
            stack.enter_context(closing(lock))
        yield


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        return _made(Path(cache).expanduser() / "nsynth-batch" / "hosts")
    except (OSError, RuntimeError):
        return _made(Path(tempfile.gettempdir()) / f"nsynth-batch-hosts-{os.getuid()}")


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()
    return folder
