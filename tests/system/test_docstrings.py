"""The examples in the docstrings of the package run, and give what they show."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import hdfs_jobs

MODULES = [
    found.name
    for found in pkgutil.walk_packages(hdfs_jobs.__path__, "hdfs_jobs.")
    if not found.ispkg
]
SHOWN = ("canonical_json", "datasets.dataset", "datasets.store", "storage.local", "storage.open")


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
    assert result.attempted or name.removeprefix("hdfs_jobs.") not in SHOWN
