"""Fixtures that several folders share.

What they need is imported where they need it: the comparison with magenta runs where neither Dask
nor Arrow is, and a test of the sequencer loads no more than the sequencer.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.components.hadoop import Hdfs
from tests.components.needs import need, remedy
from tests.components.s3 import Ceph, S3Server, VersityGateway

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    from hdfs_jobs.datasets.store import Store
    from hdfs_jobs.runs.cluster import Cluster


_HERE = Path(__file__).parent
_LONGEST = (
    _HERE / "nsynth_batch" / "native" / "test_sanitizers.py",
    # It builds an image, for which the files beside it would wait, each in a process of its own.
    _HERE / "docker" / "test_image.py",
    _HERE / "system",
)

# Shared machines pause for longer than a deadline for one example.
settings.register_profile("unhurried", deadline=None, max_examples=50)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def hdfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hdfs]:
    """HDFS with one DataNode, shared by all tests: each leaves it running and writable.

    Its blocks are small, so that files of a few MB have several.
    """
    need("hdfs")
    settings = {"dfs.blocksize": str(4 << 20)}
    with Hdfs(tmp_path_factory.mktemp("hdfs"), settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A headless Chromium; what it downloads goes beside its profile."""
    from tests.components.chromium import chromium

    need("chromium")
    place = tmp_path_factory.mktemp("chromium")
    with chromium(place / "profile", place / "downloads") as started:
        yield started


@pytest.fixture
def hdfs_folder() -> str:
    """A path on HDFS for one test, to go behind ``hdfs.webhdfs_url`` or ``hdfs.hdfs_url``."""
    return f"/tests/{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Ceph's server of S3, shared by all tests: each leaves it running and writable."""
    need("ceph")
    with Ceph(tmp_path_factory.mktemp("ceph")) as running:
        yield running


@pytest.fixture(scope="session")
def versitygw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Another server of S3, which is quick: each leaves it running and writable."""
    need("versitygw")
    with VersityGateway(tmp_path_factory.mktemp("versitygw")) as running:
        yield running


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Two Dask workers, shared by all tests: each leaves them idle."""
    from hdfs_jobs.runs.cluster import Cluster

    with Cluster(workers=2) as shared:
        yield shared


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    from hdfs_jobs.datasets.store import Store

    return Store.open(str(tmp_path / "store"), create=True)


@pytest.fixture
def traps(tmp_path: Path) -> Path:
    """A folder whose files are signs between a stage in a worker and its test."""
    folder = tmp_path / "traps"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of random weights, small enough to decode in no time."""
    from nsynth_batch.models.wavenet.family import random_weights
    from nsynth_batch.models.weights import save_weights
    from tests.nsynth_batch.builders import TINY

    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    save_weights(random_weights(TINY, seed=3), path)
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no process is left alone with it at the end."""
    items.sort(key=lambda item: [not item.path.is_relative_to(longest) for longest in _LONGEST])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything is installed, a skipped test is a failed one."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say last what was skipped and how to have it run."""
    skipped = terminalreporter.stats.get("skipped", [])
    line = remedy([str(report.longrepr) for report in skipped])
    if line:
        terminalreporter.write_line(line, yellow=True)
