"""Libraries that only some commands need, imported when they do."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

from sequencer.errors import SequencerError


def installed(*modules: str) -> bool:
    """Whether modules are there to be imported, without importing them."""
    return all(find_spec(module) for module in modules)


def extra(module: str, package: str) -> Any:
    """Import a module of a package that may not be installed.

    Raises
    ------
    SequencerError
        When it is not there: how to install it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise SequencerError(
            f"this needs {package}, which is not installed; pip install {package}"
        ) from error
