"""The Versity gateway over a folder; one Go program, which is built once."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.components.certificates import Authority
from tests.components.hadoop.daemon import Daemon
from tests.components.s3.server import ACCESS_KEY, SECRET_KEY, S3Error, S3Server

_MODULE = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
PROGRAM = Path(__file__).parents[3] / "build" / "versitygw" / "versitygw"


def build() -> Path:
    """Return the program, built if it was not yet: minutes of all processors.

    Raises
    ------
    S3Error
        There is no Go, or it failed.
    """
    if PROGRAM.exists():
        return PROGRAM
    go = shutil.which("go")
    if go is None:
        raise S3Error("Go is missing, 1.25 or newer: see your system's packages")
    target = PROGRAM.with_name(f"new-{os.getpid()}")
    done = subprocess.run(
        [go, "install", _MODULE],
        env={**os.environ, "GOBIN": str(target), "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"},
        cwd="/",
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise S3Error(f"go install {_MODULE}: {done.stderr.strip().splitlines()[-1]}")
    (target / PROGRAM.name).replace(PROGRAM)
    target.rmdir()
    return PROGRAM


class VersityGateway(S3Server):
    """Objects are files of a folder, which knows extended attributes.

    Parameters
    ----------
    folder, lasting
        As every server has them.
    authority : Authority, optional
        Who signs its certificate; without one it takes no TLS.
    most_requests : int, optional
        At once; more are asked to slow down.
    """

    def __init__(
        self,
        folder: Path,
        *,
        lasting: bool = False,
        authority: Authority | None = None,
        most_requests: int | None = None,
    ) -> None:
        super().__init__(folder, lasting=lasting)
        self._options: list[str] = []
        if authority is not None:
            self.authority = authority.certificate
            issued = authority.issue("gateway")
            self._options += ["--cert", str(issued.certificate), "--key", str(issued.key)]
        if most_requests is not None:
            self._options += ["--max-requests", str(most_requests)]

    def daemons(self) -> Sequence[Daemon]:
        """Return its one process."""
        return [self._daemon]

    def launch(self) -> None:
        """Start it."""
        root = self.folder / "root"
        root.mkdir(exist_ok=True)
        self._daemon.start()

    @property
    def _daemon(self) -> Daemon:
        if not hasattr(self, "_started"):
            command = [
                *(str(build()), "--quiet", "--keep-alive", "--port", self.host),
                *("--access", ACCESS_KEY, "--secret", SECRET_KEY, *self._options),
                *("posix", str(self.folder / "root")),
            ]
            self._started = Daemon(self.folder, "versitygw", command, lasting=self._lasting)
        return self._started
