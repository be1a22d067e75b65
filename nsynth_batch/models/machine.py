"""What this machine is: its processor, and how much memory it, its container or its user allow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_KINDS = (
    ("amx", ("amx_tile", "amx_bf16")),
    ("avx512", ("avx512f", "avx512bw", "avx512vl")),
    ("avx2", ("avx2", "fma")),
)

_SHARE = 0.8
"""Of what is left, by default: the rest is for what is not counted."""

_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_V2 = ("memory.max", "memory.current", "inactive_file")


def processor_flags(root: Path = Path("/")) -> frozenset[str]:
    """Return what the kernel says that this processor has, as in ``avx512_vnni``.

    Parameters
    ----------
    root : Path
        Where ``proc`` is.
    """
    cpuinfo = root / "proc/cpuinfo"
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    found = next((line.partition(":")[2] for line in lines if line.startswith("flags")), "")
    return frozenset(found.split())


def processor_instruction_set() -> str:
    """Return the widest instruction set of this processor: amx, avx512, avx2 or portable."""
    flags = processor_flags()
    return next((name for name, wanted in _KINDS if flags.issuperset(wanted)), "portable")


def available_memory(root: Path = Path("/")) -> int:
    """Return the bytes that this process may still allocate, by the machine and its containers.

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``sys`` are.

    Returns
    -------
    int
        The least of what the machine has left and what each control group around this process
        (version 1 or 2) leaves it. Files that the kernel keeps at hand count as free.
    """
    left = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")]
    meminfo = root / "proc/meminfo"
    if meminfo.exists():
        fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        if "MemAvailable" in fields:
            left = [int(fields["MemAvailable"].split()[0]) * 1024]
    return min([*left, *_left_by_groups(root)])


def allowed_memory(memory: int | None) -> int:
    """Return the bytes that may be taken: as many as were asked for, else most of what is left."""
    return int(_SHARE * available_memory()) if memory is None else memory


class MemoryRefusedError(MemoryError):
    """The system has not the memory that was allowed."""


@contextmanager
def within_allowance(what: str) -> Iterator[None]:
    """Turn a lack of memory that was allowed into an error of its own.

    Raises
    ------
    MemoryRefusedError
        If the block raises MemoryError.
    """
    try:
        yield
    except MemoryError:
        raise MemoryRefusedError(
            f"the system refused memory for {what}, though no more than allowed was asked for: "
            "allow less memory, or give it a smaller batch"
        ) from None


def demand_memory(what: str, needed: int, allowed: int) -> None:
    """Refuse what needs more memory than is allowed.

    Raises
    ------
    MemoryError
        One line with both amounts, and what to do.
    """
    if needed > allowed:
        raise MemoryError(
            f"{what} needs {needed / 1e6:.1f} MB and {allowed / 1e6:.1f} MB are allowed: "
            "give it fewer or shorter clips, a smaller batch or more memory"
        )


def _left_by_groups(root: Path) -> Iterator[int]:
    own = root / "proc/self/cgroup"
    if not own.exists():
        return
    for line in own.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            mounts, (limit, usage, files) = ["sys/fs/cgroup", "sys/fs/cgroup/unified"], _V2
        elif "memory" in controllers.split(","):
            mounts, (limit, usage, files) = [f"sys/fs/cgroup/{controllers}"], _V1
        else:
            continue
        for mount in (root / mount for mount in mounts):
            # Inside a container the path can be the host's: then the mount itself is its group.
            group = mount / path.lstrip("/")
            for folder in (group, *group.parents):
                if folder.is_relative_to(mount) and (folder / limit).exists():
                    most = (folder / limit).read_text().strip()
                    if most != "max":
                        taken = int((folder / usage).read_text()) - _field(folder, files)
                        yield max(0, int(most) - taken)


def _field(group: Path, name: str) -> int:
    statistics = (group / "memory.stat").read_text().splitlines()
    return next((int(line.split()[1]) for line in statistics if line.split()[0] == name), 0)
