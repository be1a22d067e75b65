"""The examples in docstrings do what they show."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WITH_EXAMPLES = sorted(
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for package in ("sequencer", "hdfs_jobs", "nsynth_batch")
    for file in (ROOT / package).rglob("*.py")
    if ">>> " in file.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_do_what_they_show(name: str) -> None:
    assert not doctest.testmod(importlib.import_module(name)).failed


@pytest.mark.parametrize(
    "module",
    [
        "sequencer.clips.clips",
        "sequencer.clips.corpus",
        "sequencer.composing.compose",
        "sequencer.credits.credits",
        "sequencer.piece",
        "sequencer.rights.rights",
        "sequencer.rights.solver",
        "sequencer.score.score",
    ],
)
def test_ways_in_have_an_example(module: str) -> None:
    assert module in WITH_EXAMPLES
