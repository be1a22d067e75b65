"""AMD's GPUs as a container or a machine shows them: device files, their groups, and TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_COMPUTE = "kfd"
_RENDER = "dri/renderD*"


@dataclass(frozen=True)
class Device:
    """A device file of the kernel's.

    Attributes
    ----------
    path
        Where it is.
    group
        The number of the group that it belongs to: names of groups differ between machines.
    usable
        Whether this process may read and write it.
    """

    path: str
    group: int
    usable: bool


def find_devices(folder: Path = Path("/dev")) -> list[Device]:
    """Look for the device files that ROCm uses: one for computing, and one for each GPU.

    Parameters
    ----------
    folder : Path
        Where device files are.

    Returns
    -------
    list of Device
        By name.
    """
    found = []
    for path in sorted([*folder.glob(_COMPUTE), *folder.glob(_RENDER)]):
        usable = os.access(path, os.R_OK | os.W_OK)
        found.append(Device(str(path), path.stat().st_gid, usable))
    return found


def seen_by_tensorflow() -> list[str] | None:
    """Return the names of the GPUs that TensorFlow sees; None if it is not installed."""
    if find_spec("tensorflow") is None:
        return None
    import tensorflow as tf

    return [
        str(tf.config.experimental.get_device_details(device).get("device_name", device.name))
        for device in tf.config.list_physical_devices("GPU")
    ]


def describe(
    devices: Sequence[Device], groups: Collection[int], seen: Sequence[str] | None
) -> tuple[str, bool]:
    """Describe in one line the GPUs, and what to do about those that cannot be used.

    Parameters
    ----------
    devices : sequence of Device
        What `find_devices` found.
    groups : collection of int
        Numbers of the groups that this process is in.
    seen : sequence of str or None
        What `seen_by_tensorflow` gave.

    Returns
    -------
    str
        The line.
    bool
        Whether a GPU can be used.
    """
    if seen:
        return f"TensorFlow sees {', '.join(seen)}", True
    if not devices:
        return "there is neither /dev/kfd nor /dev/dri/renderD*: CPUs do the work", False
    names = ", ".join(device.path for device in devices)
    closed = [device for device in devices if not device.usable]
    if closed:
        missing = sorted({device.group for device in closed} - set(groups))
        flags = " ".join(f"--group-add {group}" for group in missing)
        advice = (
            f"start the container with {flags} (Kubernetes: supplementalGroups)"
            if missing
            else "their mode keeps even their group out"
        )
        closed_names = ", ".join(device.path for device in closed)
        return f"{closed_names} may not be used by user {os.getuid()}: {advice}", False
    kinds = {Path(device.path).name == _COMPUTE for device in devices}
    if kinds == {True}:
        return f"{names} without /dev/dri/renderD*: add --device /dev/dri", False
    if kinds == {False}:
        return f"{names} without /dev/kfd: add --device /dev/kfd, or load the driver amdgpu", False
    if seen is None:
        return f"{names} can be used, but TensorFlow is not installed: take the image rocm", False
    return f"{names} can be used, but TensorFlow sees no GPU: its build must be for ROCm", False
