"""Cores that a process may use, with real control groups where this machine lets us make one."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdfs_jobs.cores import quota_in_cores, usable_cores

PRINT = "from hdfs_jobs.cores import usable_cores; print(usable_cores())"


def mounts(point: Path, root: str = "/", kind: str = "cgroup2", options: str = "rw") -> str:
    return f"30 25 0:26 {root} {point} rw,nosuid shared:4 - {kind} {kind} {options}\n"


def group(folder: Path, quota: str, period: int = 100_000) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cpu.max").write_text(f"{quota} {period}\n")


def test_the_smallest_quota_on_the_way_up_counts(tmp_path: Path) -> None:
    group(tmp_path, "max")
    group(tmp_path / "pod", "150000")
    group(tmp_path / "pod" / "container", "max")
    assert quota_in_cores("0::/pod/container\n", mounts(tmp_path)) == 1.5
    group(tmp_path / "pod" / "container", "50000")
    assert quota_in_cores("0::/pod/container\n", mounts(tmp_path)) == 0.5
    assert quota_in_cores("0::/\n", mounts(tmp_path)) == math.inf


def test_a_container_finds_its_quota_at_the_mount_point(tmp_path: Path) -> None:
    """Its group has a long path outside, of which nothing is mounted inside."""
    group(tmp_path, "250000")
    assert quota_in_cores("0::/../docker/4711\n", mounts(tmp_path)) == 2.5
    assert quota_in_cores("0::/docker/4711\n", mounts(tmp_path, root="/docker/4711")) == 2.5


@pytest.mark.parametrize("controllers", ["cpu", "cpu,cpuacct", "cpuacct,cpu"])
def test_groups_of_version_1(tmp_path: Path, controllers: str) -> None:
    folder = tmp_path / "a b" / "job"
    folder.mkdir(parents=True)
    (folder / "cpu.cfs_quota_us").write_text("300000\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    mounted = mounts(Path(f"{tmp_path}/a\\040b"), kind="cgroup", options=f"rw,{controllers}")
    assert quota_in_cores(f"9:memory:/job\n3:{controllers}:/job\n", mounted) == 3.0
    (folder / "cpu.cfs_quota_us").write_text("-1\n")
    assert quota_in_cores(f"3:{controllers}:/job\n", mounted) == math.inf


@given(st.text(max_size=80), st.text(max_size=80))
def test_what_is_not_understood_limits_nothing(groups: str, mounted: str) -> None:
    assert quota_in_cores(groups, mounted) == math.inf


def test_affinity_counts() -> None:
    one = [sorted(os.sched_getaffinity(0))[0]]
    code = f"import os; os.sched_setaffinity(0, {one}); {PRINT}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
    assert usable_cores() <= len(os.sched_getaffinity(0))


@pytest.fixture
def half_a_core() -> Iterator[Path]:
    """The file through which a process joins a real group of half a core."""
    for top, quota in (
        ("/sys/fs/cgroup", {"cpu.max": "50000 100000"}),
        ("/sys/fs/cgroup/cpu", {"cpu.cfs_quota_us": "50000"}),
        ("/sys/fs/cgroup/cpu,cpuacct", {"cpu.cfs_quota_us": "50000"}),
    ):
        folder = Path(top) / f"nsynth-batch-test-{uuid.uuid4().hex}"
        try:
            folder.mkdir()
        except OSError:
            continue
        # A folder that is no group is an empty one.
        if all((folder / name).exists() for name in quota):
            for name, value in quota.items():
                (folder / name).write_text(value)
            yield folder / "cgroup.procs"
            folder.rmdir()
            return
        folder.rmdir()
    pytest.skip("no control group for CPU can be made here")


def test_a_real_quota_counts(half_a_core: Path) -> None:
    code = f"import os; open({str(half_a_core)!r}, 'w').write(str(os.getpid())); {PRINT}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
