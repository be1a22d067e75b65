"""Processors that the machine is not: Bochs runs one statically linked Linux program on them.

There is no operating system in between. A ROM of a few KB (boot.S, supervisor.cpp) switches the
processor to 64 bits with all the vector state that it has, loads the program from a disk image,
answers its few system calls, and prints what it writes over the parallel port. So a run takes no
longer than the program, at some 30 to 80 million instructions a second.

One thread, no files, 512 MB.
"""

from __future__ import annotations

import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.components.needs import program

_HERE = Path(__file__).parent
_SECTOR = 512
_CYLINDER = 16 * 63 * _SECTOR
_DISK_BYTES = 32 << 20  # what the supervisor has room for
_END = "\nexit status "

_SETTINGS = """\
megs: 512
romimage: file={folder}/rom.bin
vgaromimage: file={folder}/vga.bin
cpu: model={model}, count=1, ips=1000000000, reset_on_triple_fault=0
ata0-master: type=disk, path={folder}/disk.img, mode=flat
display_library: {display}
parport1: enabled=1, file={folder}/console.txt
log: {folder}/bochs.log
panic: action=fatal
error: action=report
info: action=ignore
clock: sync=none
"""


@dataclass(frozen=True)
class Processor:
    """What is emulated, and by which build of Bochs.

    Attributes
    ----------
    model
        One of ``bochs -help cpu``.
    bochs
        The program.
    display
        A display library of that build which needs no screen.
    """

    model: str
    bochs: str = "bochs"
    display: str = "term"


DEBIANS = Processor("tigerlake")
"""AVX-512 with VNNI, by the Bochs of Debian 12."""


def with_tiles() -> list[Processor]:
    """Give a processor with AMX, where ``NSYNTH_BATCH_TEST_BOCHS`` names a Bochs that has one."""
    bochs = os.environ.get("NSYNTH_BATCH_TEST_BOCHS")
    return [Processor("sapphire_rapids", bochs, "nogui")] if bochs else []


@dataclass(frozen=True)
class Ended:
    """How an emulated program ended: its exit status, and what it printed."""

    status: int
    output: str


def compiler() -> str:
    """Give the C++ compiler."""
    return os.environ.get("CXX", "c++")


def _build_rom(folder: Path) -> None:
    # It may touch no vector register: those are the program's.
    subprocess.run(
        [
            compiler(), "-std=c++20", "-O2", "-Wall", "-Wextra",
            "-ffreestanding", "-nostdlib", "-static", "-no-pie", "-fno-pie",
            "-mgeneral-regs-only", "-mno-red-zone", "-fno-stack-protector", "-fcf-protection=none",
            "-fno-exceptions", "-fno-rtti", "-fno-asynchronous-unwind-tables",
            f"-Wl,-T,{_HERE / 'rom.ld'},--build-id=none", "-o", str(folder / "rom.elf"),
            str(_HERE / "boot.S"), str(_HERE / "supervisor.cpp"),
        ],
        check=True,
    )  # fmt: skip
    subprocess.run(
        ["objcopy", "-O", "binary", "-j", ".text", "-j", ".start", "-j", ".reset",
         str(folder / "rom.elf"), str(folder / "rom.bin")],
        check=True,
    )  # fmt: skip
    (folder / "vga.bin").write_bytes(bytes(_SECTOR))


def _write_disk(image: Path, executable: bytes, arguments: tuple[str, ...]) -> None:
    words = b"".join(word.encode() + b"\0" for word in ("program", *arguments))
    first = struct.pack("<I", -(-len(executable) // _SECTOR)) + words
    if len(first) >= _SECTOR or len(executable) > _DISK_BYTES:
        raise ValueError("the program or its arguments are larger than the emulator takes")
    data = first.ljust(_SECTOR, b"\0") + executable
    image.write_bytes(data.ljust(-(-len(data) // _CYLINDER) * _CYLINDER, b"\0"))


def emulate(
    processor: Processor, executable: Path, *arguments: str, folder: Path, timeout: float = 600
) -> Ended:
    """Run a program to its end.

    Parameters
    ----------
    processor
        What it runs on.
    executable
        A statically linked Linux program for x86-64 at a fixed address.
    arguments
        Its arguments, at most 15.
    folder
        An empty folder for what the emulator needs and leaves.
    timeout
        Seconds after which the emulator is killed.

    Raises
    ------
    RuntimeError
        Where the program did not come to an end of its own; with what the emulator said.
    """
    _build_rom(folder)
    _write_disk(folder / "disk.img", executable.read_bytes(), arguments)
    settings = folder / "bochsrc"
    settings.write_text(
        _SETTINGS.format(folder=folder, model=processor.model, display=processor.display)
    )
    ran = subprocess.run(
        [program(processor.bochs) or processor.bochs, "-q", "-f", str(settings)],
        # Debian's build has a debugger, which waits to be told to continue.
        input="c\n",
        env={**os.environ, "TERM": "linux"},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )
    console = folder / "console.txt"
    output, end, status = (console.read_text() if console.exists() else "").rpartition(_END)
    if not end:
        log = folder / "bochs.log"
        told = log.read_text(errors="replace") if log.exists() else ran.stderr
        raise RuntimeError(f"{processor.model} did not come to an end: {status}\n{told[-2000:]}")
    return Ended(int(status), output)
