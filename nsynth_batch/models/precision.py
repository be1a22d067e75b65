"""Which precision a decode takes by default: the fastest whose loss is small enough.

Losses are differences of negative log-likelihood, in nats a sample, teacher-forced, measured by
`python -m benchmarks.precision` and kept in the docs. Those here are of NSynth's models, on
recordings that `small-0.1` never saw; a family with others names its own. A precision without a
figure is not chosen by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nsynth_batch.settings.choices import Precision

MOST_LOSS = 0.01
"""Nats a sample that the choice may lose against float32."""

LOSSES: Mapping[Precision, float] = {
    "float32": 0.0,
    "bfloat16": 0.0001,
    "int16": 0.0001,
    "int8": 0.001,
}
"""Nats a sample that a precision loses against float32, rounded up: on AVX2, the first 2.5 s of
each of 30 recordings. Integers are summed alike on every processor."""

FASTEST_FIRST: Mapping[str, Sequence[Precision]] = {
    "amx": ("int8", "bfloat16"),
    "avx512-vnni": ("int8",),
    "avx2": ("int8", "int16"),
}
"""Precisions by speed, for each instruction set that has a faster one than float32: for tiles by
their limits, the others as measured."""


def native_precision(
    instruction_set: str | None = None, losses: Mapping[Precision, float] = LOSSES
) -> Precision:
    """Choose the native engine's precision on this machine.

    Parameters
    ----------
    instruction_set : str, optional
        The engine's; by default the one that it would take.
    losses : mapping
        Of a family's precisions, as `LOSSES`.

    Returns
    -------
    str
        As `fastest_precision` chooses it.
    """
    from nsynth_batch.models.instruction_sets import chosen_instruction_set, with_integers

    return fastest_precision(with_integers(chosen_instruction_set(instruction_set)), losses=losses)


def fastest_precision(
    instruction_set: str,
    fastest_first: Mapping[str, Sequence[Precision]] = FASTEST_FIRST,
    losses: Mapping[Precision, float] = LOSSES,
) -> Precision:
    """Choose the native engine's precision for an instruction set.

    Parameters
    ----------
    instruction_set : str
        As the engine names it; ``avx512-vnni`` where AVX-512 also has products of integers.
    fastest_first, losses : mappings
        The tables above.

    Returns
    -------
    str
        The fastest that loses at most `MOST_LOSS`; float32 where no other does.
    """
    for precision in fastest_first.get(instruction_set, ()):
        if losses.get(precision, MOST_LOSS + 1) <= MOST_LOSS:
            return precision
    return "float32"
