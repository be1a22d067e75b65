"""How many cores this process may use: its affinity, and the CPU quota of its containers."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def usable_cores() -> int:
    """Return the cores that this process may use, at least one.

    A quota counts as cores, rounded up: Kubernetes' CPU limit and ``docker run --cpus`` are
    quotas, and a process of more threads than that is stopped for a part of each second.
    """
    allowed = len(os.sched_getaffinity(0))
    try:
        mine = Path("/proc/self/cgroup").read_text(encoding="utf-8", errors="replace")
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return allowed
    return max(1, math.ceil(min(allowed, quota_in_cores(mine, mounts))))


def quota_in_cores(groups: str, mounts: str) -> float:
    """Return the smallest CPU quota of a process's control groups and of those above them.

    Parameters
    ----------
    groups : str
        The content of ``/proc/<pid>/cgroup``.
    mounts : str
        The content of ``/proc/<pid>/mountinfo``: where the control groups are mounted.

    Returns
    -------
    float
        In cores; infinity without a quota.
    """
    return min((_quota(folder) for folder in _folders(groups, mounts)), default=math.inf)


def _folders(groups: str, mounts: str) -> Iterator[Path]:
    """Yield the folder of each group that may hold a quota, then those above it."""
    mounted = dict(_cpu_mounts(mounts))
    for line in groups.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        kind = "cgroup" if "cpu" in controllers.split(",") else "" if controllers else "cgroup2"
        if kind in mounted:
            point, root = mounted[kind]
            # A container sees its own group at the mount point, by whatever path it is outside.
            inside = PurePosixPath(path)
            below = inside.relative_to(root) if inside.is_relative_to(root) else PurePosixPath()
            yield point / below
            yield from (point / above for above in below.parents)


def _cpu_mounts(mounts: str) -> Iterator[tuple[str, tuple[Path, PurePosixPath]]]:
    """Yield kind, mount point and root of each mount of groups that limit CPU."""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, *_, options) = before.split(), (after.split() or ["", ""])
        if kind == "cgroup2" or (kind == "cgroup" and "cpu" in options.split(",")):
            yield kind, (Path(_unescaped(fields[4])), PurePosixPath(_unescaped(fields[3])))


def _unescaped(path: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(code, character)
    return path


def _quota(folder: Path) -> float:
    """Return the quota of one group in cores: of version 2, or of version 1."""
    quota, period = _numbers(folder / "cpu.max")
    if quota is None:
        (quota,) = _numbers(folder / "cpu.cfs_quota_us")[:1]
        (period,) = _numbers(folder / "cpu.cfs_period_us")[:1]
    return quota / period if quota and period and quota > 0 else math.inf


def _numbers(file: Path) -> tuple[int | None, int | None]:
    """Return the two numbers in a file; None for each that is missing or is no number."""
    try:
        words = file.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        words = []
    found = [int(word) if word.isdecimal() else None for word in [*words, "", ""]]
    return found[0], found[1]
