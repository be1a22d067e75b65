"""The alerts, by Prometheus's own tool: their form, and when they fire and do not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.components.needs import need
from tests.components.prometheus import promtool
from tests.k8s.monitoring.files import MONITORING, ROOT, alerts, rules

CASES = Path(__file__).with_name("alerts.yaml")


@pytest.fixture(autouse=True)
def tool() -> None:
    need("prometheus")


def test_rules_are_valid(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps(rules()))
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 rules found" in done.stdout


def test_alerts_fire_when_they_are_to_and_at_no_other_time(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(json.dumps(rules()))
    shutil.copy(CASES, tmp_path / "alerts.yaml")
    done = promtool("test", "rules", str(tmp_path / "alerts.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    tests = [
        case for group in yaml.safe_load(CASES.read_text())["tests"]
        for case in group["alert_rule_test"]
    ]  # fmt: skip
    seen = {(case["alertname"], bool(case.get("exp_alerts"))) for case in tests}
    assert seen == {(alert["alert"], fires) for alert in alerts() for fires in (True, False)}


def test_every_alert_has_its_section_in_the_runbook() -> None:
    for alert in alerts():
        path, _, anchor = alert["annotations"]["runbook_url"].partition("#")
        headings = re.findall(r"^#+ (.+)$", (ROOT / path).read_text("utf-8"), re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
        assert anchor in slugs
        assert anchor == alert["alert"].lower()


def test_the_rule_file_for_a_prometheus_without_the_operator_is_cut_out_as_the_docs_say() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    [command] = [line for line in text.splitlines() if line.startswith("sed ")]
    command, _, target = command.partition(" > ")
    assert target
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True)
    assert yaml.safe_load(done.stdout) == rules()
    assert (MONITORING / "rules.yaml").is_file()
