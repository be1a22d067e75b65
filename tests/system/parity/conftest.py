"""The engines that are compared, on a checkpoint that magenta's own graph wrote.

These tests run in the environment of `make magenta-env`: elsewhere there is no magenta to compare
with, and none of them is collected.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from nsynth_batch.nsynth import Model, load_model

if TYPE_CHECKING:
    from tests.system.parity.checkpoints import Published

collect_ignore_glob = [] if importlib.util.find_spec("magenta") else ["test_*.py"]

# TensorFlow reads this when it is loaded, which the tests do: magenta's tools ask for a GPU for
# each of their variables, and TensorFlow tells at length for each that there is none.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    from tests.system.parity.checkpoints import write_published

    folder = tmp_path_factory.mktemp("published")
    yield write_published(folder, seed=20)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def ours(published: Published) -> Model:
    return load_model(published.prefix, engine="tensorflow")


@pytest.fixture(scope="session")
def theirs(published: Published) -> Model:
    return load_model(published.prefix, engine="magenta")
