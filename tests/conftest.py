from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from tests.components.hadoop import Hdfs
from tests.components.needs import need, remedy


@pytest.fixture(scope="session")
def hdfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hdfs]:
    """HDFS with one DataNode, shared by all tests: each leaves it running and writable.

    Its blocks are small, so that files of a few MB have several.
    """
    need("hdfs")
    settings = {"dfs.blocksize": str(4 << 20)}
    with Hdfs(tmp_path_factory.mktemp("hdfs"), settings=settings) as running:
        yield running


@pytest.fixture
def hdfs_folder() -> str:
    """A path on HDFS for one test, to go behind ``hdfs.webhdfs_url`` or ``hdfs.hdfs_url``."""
    return f"/tests/{uuid.uuid4().hex}"


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
