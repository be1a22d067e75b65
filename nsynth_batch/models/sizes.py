"""The sizes of a model, as they come from a checkpoint's metadata, checked by name."""

from __future__ import annotations

from collections.abc import Iterable


def require_sizes(given: Iterable[str], known: Iterable[str], needed: Iterable[str]) -> None:
    """Refuse sizes that a configuration does not know, or does without.

    Parameters
    ----------
    given : iterable of str
        Their names.
    known : iterable of str
        All that the configuration has.
    needed : iterable of str
        Those that have no default for a checkpoint.

    Raises
    ------
    ValueError
        If one is unknown or missing; it names the first.

    Examples
    --------
    >>> require_sizes(["hidden"], ["frame", "hidden"], ["frame"])
    Traceback (most recent call last):
        ...
    ValueError: model size 'frame' is missing
    """
    names = set(given)
    if unknown := sorted(names - set(known)):
        raise ValueError(f"unknown model size {unknown[0]!r}")
    if missing := sorted(set(needed) - names):
        raise ValueError(f"model size {missing[0]!r} is missing")
