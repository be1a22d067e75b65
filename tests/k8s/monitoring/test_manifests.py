"""The kustomize component of monitoring on top of an overlay: what is scraped is what there is."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import pytest

from nsynth_batch.settings.settings import Settings
from tests.components.needs import need
from tests.k8s.monitoring.files import alerts, rules
from tests.k8s.rendering import K8S, TEMPLATES, Object, kustomize, named, objects


@pytest.fixture(scope="module")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    """What an overlay of one's own makes of the CPU overlay and the component."""
    need("kubectl")
    folder = tmp_path_factory.mktemp("overlay")

    def below(path: Path) -> str:
        return os.path.relpath(path, folder.resolve())

    (folder / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\n"
        "kind: Kustomization\n"
        f"resources: [{below(K8S / 'overlays' / 'cpu')}]\n"
        f"components: [{below(K8S / 'monitoring')}]\n"
    )
    return objects(kustomize(folder))


def pods(manifests: list[Object]) -> list[Object]:
    """Give every pod template."""
    found = []
    for manifest in manifests:
        for path in TEMPLATES.get(manifest["kind"], ()):
            template = manifest
            for key in path:
                template = template[key]
            found.append(template)
    return found


def test_every_pod_is_asked_at_a_port_that_it_has(manifests: list[Object]) -> None:
    monitor = named(manifests, "PodMonitor", "nsynth-batch")["spec"]
    asked = {endpoint["port"] for endpoint in monitor["podMetricsEndpoints"]}
    assert len(asked) == 2
    seen = set()
    for pod in pods(manifests):
        wanted = monitor["selector"]["matchLabels"]
        assert wanted.items() <= pod["metadata"]["labels"].items()
        ports = {port["name"] for c in pod["spec"]["containers"] for port in c.get("ports", ())}
        assert len(asked & ports) == 1
        seen |= asked & ports
    assert seen == asked


def test_drivers_serve_their_figures_where_the_pod_says(manifests: list[Object]) -> None:
    content = named(manifests, "ConfigMap", "nsynth-batch-config")["data"]["nsynth-batch.toml"]
    settings = Settings(**tomllib.loads(content))
    assert settings.metrics_host in {"0.0.0.0", "::"}
    ports = {
        port["containerPort"]
        for pod in pods(manifests)
        for container in pod["spec"]["containers"]
        for port in container.get("ports", ())
        if port["name"] == "metrics"
    }
    assert ports == {settings.metrics_port}


def test_the_alert_knows_our_cron_jobs_by_their_names(manifests: list[Object]) -> None:
    [alert] = [alert for alert in alerts() if alert["alert"] == "NsynthBatchCronRunFailed"]
    patterns = set(re.findall(r'cronjob=~"([^"]+)"', alert["expr"]))
    names = [m["metadata"]["name"] for m in manifests if m["kind"] == "CronJob"]
    assert names
    page = (K8S.parent / "docs" / "kubernetes.md").read_text("utf-8")
    shown = re.findall(r"--name (\S+) --cron", page)
    assert shown
    assert all(re.fullmatch(p, name) for name in [*names, *shown] for p in patterns)


def test_rules_and_dashboard_arrive_as_they_are(manifests: list[Object]) -> None:
    assert named(manifests, "PrometheusRule", "nsynth-batch")["spec"] == rules()
    dashboard = named(manifests, "ConfigMap", "nsynth-batch-dashboard")
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(dashboard["data"]["dashboard.json"])["title"] == "nsynth-batch"
    for kind in ("PodMonitor", "PrometheusRule", "ConfigMap"):
        assert {m["metadata"]["namespace"] for m in manifests if m["kind"] == kind} == {
            "nsynth-batch"
        }
