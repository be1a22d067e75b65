"""The native engine's instruction sets: those of this build, and which one is taken."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from nsynth_batch.models.engine import EngineUnavailableError
from nsynth_batch.models.machine import processor_flags

try:
    from nsynth_batch.native import _engine
except ImportError as _error:
    _why_missing = str(_error)
else:
    _why_missing = ""

MODELS = frozenset({"amx-model", "avx512-model"})
"""Models of instruction sets, of test builds: had by name, not chosen by themselves."""


def instruction_sets() -> dict[str, bool]:
    """Return the instruction sets of this build, the fastest first, and whether the CPU has them.

    Raises
    ------
    EngineUnavailableError
        If the extension was not built.
    """
    require_built()
    return _engine.instruction_sets()


def fastest_set(sets: Mapping[str, bool]) -> str:
    """Return the fastest instruction set that the CPU has.

    Parameters
    ----------
    sets : mapping of str to bool
        As `instruction_sets` gives them.
    """
    return next(name for name, there in sets.items() if there and name not in MODELS)


def chosen_instruction_set(wanted: str | None = None) -> str:
    """Return the instruction set that an engine will use.

    Parameters
    ----------
    wanted : str, optional
        One of `instruction_sets()`, or ``auto`` for `fastest_set`. By default what the
        environment variable NSYNTH_BATCH_INSTRUCTION_SET names, else ``auto``.

    Raises
    ------
    EngineUnavailableError
        If the extension was not built.
    """
    require_built()
    wanted = wanted or os.environ.get("NSYNTH_BATCH_INSTRUCTION_SET", "auto")
    return fastest_set(instruction_sets()) if wanted == "auto" else wanted


def usable_set(wanted: str | None = None) -> str:
    """Return the instruction set that an engine will use, known to this build.

    Parameters
    ----------
    wanted : str, optional
        As `chosen_instruction_set` takes it.

    Raises
    ------
    EngineUnavailableError
        If the extension was not built, or does not know it.
    """
    name, known = chosen_instruction_set(wanted), instruction_sets()
    if name not in known:
        raise EngineUnavailableError(
            f"engine native: unknown instruction set {name!r}: choose one of {', '.join(known)}"
        )
    return name


def with_integers(instruction_set: str, flags: Collection[str] | None = None) -> str:
    """Return the name under which the speeds of an instruction set are known.

    Parameters
    ----------
    instruction_set : str
        As the engine names it: ``avx512`` with VNNI and without, whose results are the same.
    flags : collection of str, optional
        Of the processor; by default of this one.

    Examples
    --------
    >>> with_integers("avx512", {"avx512f", "avx512_vnni"})
    'avx512-vnni'
    >>> with_integers("avx2", {"avx512_vnni"})
    'avx2'
    """
    found = processor_flags() if flags is None else flags
    vnni = instruction_set == "avx512" and "avx512_vnni" in found
    return f"{instruction_set}-vnni" if vnni else instruction_set


def require_built() -> None:
    """Refuse to go on without the extension.

    Raises
    ------
    EngineUnavailableError
        If it was not built.
    """
    if _why_missing:
        raise EngineUnavailableError(
            f"the native engine is not built here ({_why_missing}): install the package where a "
            "C++ compiler is found, or take another engine"
        )
