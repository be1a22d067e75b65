"""What k8s/monitoring/ holds, as the tests read it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
MONITORING = ROOT / "k8s" / "monitoring"
_NAME = re.compile(r"\b(?:nsynth_batch|dask|process|kube)_[a-z0-9_]+")


def rules() -> dict[str, Any]:
    """Give the rule file that the PrometheusRule is made around."""
    content: dict[str, Any] = yaml.safe_load((MONITORING / "rules.yaml").read_text("utf-8"))
    spec: dict[str, Any] = content["spec"]
    return spec


def alerts() -> list[dict[str, Any]]:
    """Give every alert."""
    return [rule for group in rules()["groups"] for rule in group["rules"]]


def panels() -> Iterator[tuple[str, str]]:
    """Give title and expression of every query of the dashboard, as Grafana would send it."""
    dashboard = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"].replace("$namespace", ".*")


def names(expression: str) -> set[str]:
    """Give the metrics that an expression asks for."""
    return set(_NAME.findall(re.sub(r'"[^"]*"', '""', expression)))
