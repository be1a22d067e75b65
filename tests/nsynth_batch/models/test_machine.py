"""What a process may take, as the kernel's own files tell it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nsynth_batch.models.machine import allowed_memory, available_memory, demand_memory

GB = 10**9


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MEMINFO = {"proc/meminfo": "MemTotal: 20000000 kB\nMemFree: 1 kB\nMemAvailable: 15625000 kB\n"}


def test_memory_of_this_machine_is_known() -> None:
    assert 2**20 < available_memory() < 2**50
    assert allowed_memory(5) == 5
    assert allowed_memory(None) < available_memory() * 1.1


def test_without_containers_it_is_what_the_machine_has_left(tmp_path: Path) -> None:
    assert available_memory(write(tmp_path, MEMINFO)) == 16 * GB


def group(
    folder: str, names: tuple[str, str, str], most: str, taken: int, files: int
) -> dict[str, str]:
    limit, usage, inactive = names
    return {
        f"{folder}/{limit}": f"{most}\n",
        f"{folder}/{usage}": f"{taken}\n",
        f"{folder}/memory.stat": f"anon 5\n{inactive} {files}\n",
    }


V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = ("memory.max", "memory.current", "inactive_file")


@pytest.mark.parametrize(
    ("line", "folder", "names"),
    [
        # A container that sees its own group as the root of all.
        ("0::/", "sys/fs/cgroup", V2),
        # One whose path is the host's, as with version 1 and in older containers.
        ("4:memory:/docker/abc", "sys/fs/cgroup/memory", V1),
        ("0::/system.slice/job.service", "sys/fs/cgroup/system.slice/job.service", V2),
        # A limit above the group that the process is in.
        ("0::/user.slice/a/b", "sys/fs/cgroup/user.slice", V2),
        ("4:memory:/process/x", "sys/fs/cgroup/memory/process/x", V1),
        # Both versions at once.
        ("0::/job", "sys/fs/cgroup/unified/job", V2),
    ],
)
def test_a_container_leaves_what_its_limit_says(
    tmp_path: Path, line: str, folder: str, names: tuple[str, str, str]
) -> None:
    files = {**MEMINFO, "proc/self/cgroup": f"9:cpu:/x\n{line}\n"}
    root = write(tmp_path, {**files, **group(folder, names, str(4 * GB), 3 * GB, GB)})
    assert available_memory(root) == 2 * GB
    write(root, group(folder, names, str(4 * GB), 5 * GB, 0))
    assert available_memory(root) == 0


def test_a_container_without_a_limit_leaves_all(tmp_path: Path) -> None:
    files = {**MEMINFO, "proc/self/cgroup": "4:memory:/\n0::/\n"}
    unlimited = group("sys/fs/cgroup/memory", V1, "9223372036854771712", GB, 0)
    root = write(tmp_path, {**files, **unlimited, **group("sys/fs/cgroup", V2, "max", GB, 0)})
    assert available_memory(root) == 16 * GB


def test_what_needs_more_than_is_allowed_is_refused_with_both_numbers() -> None:
    demand_memory("decoding", 10**6, 10**6)
    with pytest.raises(MemoryError, match=r"decoding needs 2\.0 MB and 1\.0 MB are allowed"):
        demand_memory("decoding", 2 * 10**6, 10**6)
