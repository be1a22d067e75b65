"""The entry point of `nsynth-batch`; light, so that an interrupt is one line from the start."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from sequencer.commands.run_app import run_app

ALL_FAILED = "--retry-failed"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; whatever goes wrong is one line on stderr.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process by default.

    Returns
    -------
    int
        The exit code.
    """
    return run_app(_load, "nsynth-batch", arguments, _with_values)


def _load() -> Any:
    # TensorFlow's own remarks are kept off stderr, here and in the workers: an error is one line.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from nsynth_batch.commands.program import app

    return app


def _with_values(words: list[str]) -> list[str]:
    """`--retry-failed` takes an optional value; give it one, lest it consumes the next word."""
    return [f"{ALL_FAILED}=all" if word == ALL_FAILED else word for word in words]
