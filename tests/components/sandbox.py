"""Containers without a container engine: bubblewrap runs an image as its configuration says.

The root is read-only, the user is the image's, there are no capabilities and, unless asked for, no
network but a loopback of its own: as strict as a cluster may be. Nothing needs root.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.components.images import Image

_SHARED = ("--tmpfs", "/dev/shm")
"""Memory that processes share, as engines give it to each container."""

_NAMESPACES = {name: name for name in ("user", "net", "pid", "ipc", "uts")} | {"mnt": "mount"}
"""What they are to the kernel, and to nsenter."""

SECONDS = 120.0
"""What anything in a container may take, on a machine with much else to do."""


@dataclass(frozen=True)
class Options:
    """What a container engine would be told with its flags.

    Attributes
    ----------
    entrypoint
        Instead of the image's.
    environment
        More variables, or other values.
    hosts
        Names that mean this machine; with any, the container shares the machine's network.
    user
        Instead of the image's.
    memory
        Bytes that may be written to the volume, which then is in memory; none takes a folder.
    volume
        The folder that is mounted where the image wants a volume; none takes memory.
    """

    entrypoint: Sequence[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    hosts: Sequence[str] = ()
    user: int | None = None
    memory: int | None = None
    volume: Path | None = None


class Container:
    """A running container; leaving the context ends it.

    Parameters
    ----------
    image : Image
        What to run.
    arguments : sequence of str
        Instead of the image's own.
    options : Options
        How.
    folder : Path
        For a file with the container's output, and one with the names of hosts.
    """

    def __init__(
        self, image: Image, arguments: Sequence[str], options: Options, folder: Path
    ) -> None:
        config = image.config
        self._environment = dict(item.split("=", 1) for item in config["Env"])
        self._environment |= options.environment
        self.log = folder / "container.log"
        read, write = os.pipe()
        command = [
            *("bwrap", "--unshare-all", "--die-with-parent", "--as-pid-1", "--cap-drop", "ALL"),
            *("--info-fd", str(write)),
            *_user(config["User"], options.user),
            *("--ro-bind", str(image.root), "/", "--proc", "/proc", *_devices()),
            *_volumes(config["Volumes"], options),
            *_network(options.hosts, folder / "hosts"),
            *("--clearenv", "--chdir", config["WorkingDir"]),
        ]
        for name, value in self._environment.items():
            command += ["--setenv", name, value]
        entrypoint = config["Entrypoint"] if options.entrypoint is None else options.entrypoint
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *entrypoint, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[write],
            )
        os.close(write)
        with os.fdopen(read) as told:
            text = told.read()
        if not text:
            self._process.wait()
            raise RuntimeError(f"bubblewrap failed: {self.output()}")
        self._first: int = json.loads(text)["child-pid"]
        name = Path(f"/proc/{self._first}/comm")
        while not self.ended() and name.read_text() == "bwrap\n":
            time.sleep(0.01)  # the container is still being made

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self.send(signal.SIGKILL)
        self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the container's first process, as an engine does."""
        os.kill(self._first, number)

    def wait(self, seconds: float) -> int:
        """Wait for its end; give the exit code."""
        return self._process.wait(seconds)

    def ended(self) -> bool:
        """Tell whether it has ended."""
        return self._process.poll() is not None

    def failed(self) -> str:
        """Return what it said if it has ended, for who waits for something of it."""
        return f"it ended: {self.output()}" if self.ended() else ""

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command beside the container's own, as its healthcheck is run."""
        variables = [f"{name}={value}" for name, value in self._environment.items()]
        return subprocess.run(
            [
                *("nsenter", "--target", str(self._first), "--preserve-credentials"),
                *(f"--{word}" for name, word in _NAMESPACES.items() if self._is_own(name)),
                *("env", "--ignore-environment", *variables, *command),
            ],
            capture_output=True,
            text=True,
            check=False,
        )

    def _is_own(self, namespace: str) -> bool:
        """Whether it has a namespace for itself: nobody but root may enter the one of all."""
        own, ours = (
            Path(f"/proc/{pid}/ns/{namespace}").readlink() for pid in (self._first, "self")
        )
        return own != ours

    def output(self) -> str:
        """Give what it has written so far."""
        return self.log.read_text(errors="replace")


def _user(own: str, other: int | None) -> list[str]:
    user, group = own.split(":")
    if other is not None:
        user = group = str(other)
    return ["--uid", user, "--gid", group]


def _devices() -> list[str]:
    # Bubblewrap's own /dev has terminals, for which it nests a second namespace of users, and
    # into that one nobody but root could follow to look after the container.
    flags = ["--tmpfs", "/dev"]
    for name in ("full", "null", "random", "urandom", "zero"):
        flags += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    flags += ["--symlink", "/proc/self/fd", "/dev/fd", *_SHARED]
    return [*flags, "--remount-ro", "/dev"]


def _volumes(paths: Mapping[str, object], options: Options) -> list[str]:
    flags: list[str] = []
    for path in paths:
        if options.volume is not None:
            flags += ["--bind", str(options.volume), path]
        else:
            size = [] if options.memory is None else ["--size", str(options.memory)]
            flags += [*size, "--tmpfs", path]
    return flags


def _network(hosts: Sequence[str], file: Path) -> list[str]:
    if not hosts:
        return []
    file.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *hosts)))
    return ["--share-net", "--ro-bind", str(file), "/etc/hosts"]
