"""Run a command as root of a user namespace with one user: `unprivileged.py COMMAND…`.

Who has no range of further user ids gets a namespace with a single one, and there files cannot be
given to others, nor groups be set: installing packages would end at the first file of group mail.
So these few calls are answered with success and do nothing, by a filter in the kernel that the
command and all its children inherit. Everything then belongs to the one user there is, which is
what an image wants to hold anyway.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_SUCCEED = 0x00050000  # fail with the error number 0
_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_CALL, _ARCHITECTURE = 0, 4  # where these stand in what a filter is shown

# By architecture: its number, then those of chown, fchown, lchown, fchownat and setgroups.
_CALLS = {
    "x86_64": (0xC000003E, (92, 93, 94, 260, 116)),
    "aarch64": (0xC00000B7, (55, 54, 159)),
}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _filter() -> bytes:
    architecture, calls = _CALLS[platform.machine()]
    program = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_IF_EQUAL, architecture, 1),
        _instruction(_RETURN, _ALLOW),
        _instruction(_LOAD, _CALL),
    ]
    for place, call in enumerate(calls):
        program.append(_instruction(_IF_EQUAL, call, len(calls) - place))
    return b"".join([*program, _instruction(_RETURN, _ALLOW), _instruction(_RETURN, _SUCCEED)])


def pretend() -> None:
    """Let this process and its children give files away without effect.

    Raises
    ------
    OSError
        If the kernel takes no filter.
    """
    program = _filter()
    code = ctypes.create_string_buffer(program, len(program))
    given = _Program(len(program) // 8, ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(given), 0, 0
    ):
        number = ctypes.get_errno()
        raise OSError(number, f"the kernel takes no filter of calls: {os.strerror(number)}")


if __name__ == "__main__":
    pretend()
    os.execvp("unshare", ["unshare", "--map-root-user", "--mount", *sys.argv[1:]])
