from __future__ import annotations

import os

import pytest

from tests.components.needs import remedy


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything is installed, a skipped test is a failed one."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say last what was skipped and how to have it run."""
    line = remedy()
    if line:
        terminalreporter.write_line(line, yellow=True)
