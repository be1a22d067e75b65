"""What this machine computes with, as far as the bytes of a result depend on it."""

from __future__ import annotations

from pathlib import Path

_KINDS = (
    ("amx", ("amx_tile", "amx_bf16")),
    ("avx512", ("avx512f", "avx512bw", "avx512vl")),
    ("avx2", ("avx2", "fma")),
)


def processor_instruction_set() -> str:
    """Name the widest instruction set of this processor: amx, avx512, avx2 or portable."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    flags = next((set(line.split()) for line in lines if line.startswith("flags")), set())
    return next((name for name, wanted in _KINDS if flags.issuperset(wanted)), "portable")
