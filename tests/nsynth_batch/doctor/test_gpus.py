"""What doctor says of GPUs, with and without them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nsynth_batch.doctor.gpus import Device, describe, find_devices

KFD = Device("/dev/kfd", 109, usable=True)
RENDER = Device("/dev/dri/renderD128", 109, usable=True)


def closed(path: str, group: int) -> Device:
    return Device(path, group, usable=False)


def test_device_files_are_found_with_the_number_of_their_group(tmp_path: Path) -> None:
    (tmp_path / "dri").mkdir()
    for name in ("kfd", "dri/renderD129", "dri/renderD128", "dri/card0", "null"):
        (tmp_path / name).touch()
    found = find_devices(tmp_path)
    names = [str(Path(device.path).relative_to(tmp_path)) for device in found]
    assert names == ["dri/renderD128", "dri/renderD129", "kfd"]
    assert {device.group for device in found} == {(tmp_path / "kfd").stat().st_gid}
    assert all(device.usable for device in found)


def test_a_machine_without_devices_has_none(tmp_path: Path) -> None:
    assert find_devices(tmp_path) == []


@pytest.mark.parametrize(
    ("devices", "groups", "seen", "line", "works"),
    [
        ([], {0}, None, "neither /dev/kfd nor /dev/dri/renderD*", False),
        ([], {0}, [], "neither /dev/kfd nor /dev/dri/renderD*", False),
        ([KFD, RENDER], {109}, ["AMD Instinct MI210"], "TensorFlow sees AMD Instinct MI210", True),
        ([], {0}, ["NVIDIA H100"], "TensorFlow sees NVIDIA H100", True),
        ([KFD, RENDER], {109}, [], "TensorFlow sees no GPU: its build must be for ROCm", False),
        ([KFD, RENDER], {109}, None, "TensorFlow is not installed", False),
        ([KFD], {109}, [], "/dev/kfd without /dev/dri/renderD*: add --device /dev/dri", False),
        ([RENDER], {109}, [], "without /dev/kfd: add --device /dev/kfd", False),
        (
            [closed("/dev/kfd", 109), closed("/dev/dri/renderD128", 44)],
            {10001},
            None,
            "start the container with --group-add 44 --group-add 109",
            False,
        ),
        ([closed("/dev/kfd", 109), RENDER], {109}, [], "their mode keeps even their", False),
    ],
)
def test_each_case_is_told_in_one_line_with_what_to_do(
    devices: list[Device], groups: set[int], seen: list[str] | None, line: str, works: bool
) -> None:
    told, usable = describe(devices, groups, seen)
    assert line in told
    assert "\n" not in told
    assert usable is works


def test_doctor_tells_of_gpus() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nsynth_batch", "doctor"], capture_output=True, text=True, check=True
    )
    assert " gpus: " in done.stdout
