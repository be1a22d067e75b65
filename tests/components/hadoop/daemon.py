"""One Java process of Hadoop: started, watched by its pid, and ended in three ways."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path


class HadoopError(Exception):
    """Hadoop did not do what it was asked; one line that names the log."""


def java(jars: Path, conf: Path | None = None, *, options: Sequence[str] = ()) -> list[str]:
    """Return the beginning of a command that runs a class of Hadoop.

    Parameters
    ----------
    jars : Path
        The folder of Hadoop's jars.
    conf : Path
        The folder of core-site.xml and its like.
    options
        More of the JVM's own options.

    Raises
    ------
    HadoopError
        There is no Java.
    """
    program = shutil.which("java")
    if program is None:
        raise HadoopError("Java is missing: sudo apt-get install -y default-jdk-headless")
    places = [f"{jars}/*"] if conf is None else [str(conf), f"{jars}/*"]
    heap = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:-UsePerfData"]
    loopback = ["-Djava.net.preferIPv4Stack=true"]
    # WebHDFS's servlet library defines classes at run time, which Java 17 forbids by default.
    loopback += ["--add-opens=java.base/java.lang=ALL-UNNAMED"]
    return [program, *heap, *loopback, *options, "-cp", ":".join(places)]


class Daemon:
    """A process with a log and a file of its pid, so that a later program may find it.

    Parameters
    ----------
    folder : Path
        Where its log and pid go; part of its command, by which it is known again.
    name : str
        Begins the names of both files.
    command
        The whole command; it must hold the folder's name somewhere.
    lasting : bool
        Goes on when this program ends. Otherwise it ends with it, however that ends.
    """

    def __init__(self, folder: Path, name: str, command: Sequence[str], *, lasting: bool) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._pid_file = folder / f"{name}.pid"
        self._mark = str(folder).encode()
        setpriv = None if lasting else shutil.which("setpriv")
        self._command = [*([setpriv, "--pdeathsig", "KILL"] if setpriv else []), *command]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        if self._process is not None:
            return self._process.pid if self._process.poll() is None else None
        try:
            pid = int(self._pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if self._mark in command else None  # ids are used again

    def start(self) -> None:
        """Start it, unless it runs; its output is added to its log."""
        if self.pid is not None:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pid_file.write_text(str(self._process.pid))

    def kill(self) -> None:
        """End it as a machine that dies does (SIGKILL)."""
        self._end(signal.SIGKILL)

    def terminate(self, patience: float = 10.0) -> None:
        """End it in order (SIGTERM), and by SIGKILL after so many seconds."""
        self._end(signal.SIGTERM)
        deadline = time.monotonic() + patience
        while self.pid is not None:
            if time.monotonic() > deadline:
                self._end(signal.SIGKILL)
            time.sleep(0.02)

    def _end(self, how: signal.Signals) -> None:
        pid = self.pid
        if pid is None:
            return
        os.kill(pid, how)
        if how == signal.SIGKILL:
            while self.pid is not None:
                time.sleep(0.02)

    def last_words(self) -> str:
        """Return the last line of the log that tells of a failure."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        told = [line for line in lines if "Exception" in line or " ERROR " in line]
        return (told or lines or ["nothing"])[-1].strip()
