"""Who may talk to whom, by the policies of each overlay."""

from __future__ import annotations

import pytest

from tests.components.needs import need
from tests.k8s.checks.references import NAMESPACE
from tests.k8s.policies import End, may_flow
from tests.k8s.rendering import Object, named, overlay, pod_templates

SCHEDULER, RPC, METRICS = 8786, 8788, 9108
OTHERS = {
    "dns": End("kube-system", {"k8s-app": "kube-dns"}),
    "other-system-pod": End("kube-system", {"k8s-app": "else"}),
    "hdfs": End("hdfs", {"app": "namenode"}),
    "s3": End("s3", {"app": "gateway"}),
    "kdc": End("kerberos", {"app": "kdc"}),
    "operator": End("dask-operator", {"app": "operator"}),
    "monitoring": End("monitoring", {"app": "prometheus"}),
    "stranger-here": End(NAMESPACE, {"app": "stranger"}),
    "stranger": End("default", {"app.kubernetes.io/name": "nsynth-batch"}),
    "outside": End(address="198.35.26.112"),
    "outside-6": End(address="2620:0:861:ed1a::2:b"),
    "private": End(address="10.0.0.7"),
    "private-172": End(address="172.20.0.1"),
    "private-192": End(address="192.168.1.1"),
    "private-100": End(address="100.64.1.1"),
    "private-6": End(address="fd00::1"),
    "link-6": End(address="fe80::1"),
    "metadata-service": End(address="169.254.169.254"),
}
HDFS = (8020, 9864, 9866, 9870)
S3 = (443, 7480)
ALL_PORTS = (*HDFS, *S3, 53, 80, 88, 6443, 8786, 8787, 8788, 8789, 8790, METRICS)
WORKERS = ("worker-cpu", "worker-gpu")
RUNS = ("driver", "harvest")


def ends(manifests: list[Object]) -> dict[str, End]:
    ours = {pod.component: End(NAMESPACE, pod.labels) for pod in pod_templates(manifests)}
    return ours | OTHERS


def wanted(manifests: list[Object]) -> set[tuple[str, str, int]]:
    """All that may flow, and nothing else, by component."""
    names = ends(manifests)
    ours = names.keys() - OTHERS.keys()
    kinds = {manifest["kind"] for manifest in manifests}
    policies = {m["metadata"]["name"] for m in manifests if m["kind"] == "NetworkPolicy"}
    flows = {(one, "dns", 53) for one in (*ours, "stranger-here")}
    flows |= {(one, "scheduler", SCHEDULER) for one in (*RUNS, *WORKERS)}
    flows |= {("scheduler", one, port) for one in WORKERS for port in (8788, 8789)}
    flows |= {(one, other, RPC) for one in WORKERS for other in WORKERS}
    flows |= {(one, "hdfs", port) for one in (*RUNS, *WORKERS) for port in HDFS}
    flows |= {("monitoring", "scheduler", 8787)}
    flows |= {("monitoring", one, 8790) for one in WORKERS}
    flows |= {("monitoring", one, METRICS) for one in RUNS}
    flows |= {("harvest", one, port) for one in ("outside", "outside-6") for port in (80, 443)}
    if "DaskCluster" in kinds:
        flows |= {("operator", "scheduler", 8787)}
    if "nsynth-batch-kerberos" in policies:
        flows |= {(one, "kdc", 88) for one in (*RUNS, *WORKERS)}
    if "nsynth-batch-s3" in policies:
        flows |= {(one, "s3", port) for one in (*RUNS, *WORKERS) for port in S3}
    return {(one, other, port) for one, other, port in flows if {one, other} <= names.keys()}


def test_what_may_flow_is_what_is_needed(manifests: list[Object]) -> None:
    names = ends(manifests)
    ours = names.keys() - OTHERS.keys() | {"stranger-here"}
    found = {
        (one, other, port)
        for one, source in names.items()
        for other, target in names.items()
        for port in ALL_PORTS
        if ours & {one, other}
        and not (source.address and target.address)
        and may_flow(manifests, source, target, port)
    }
    assert found == wanted(manifests)


def test_a_policy_less_lets_strangers_in() -> None:
    need("kubectl")
    manifests = overlay("cpu")
    scheduler = ends(manifests)["scheduler"]
    assert not may_flow(manifests, OTHERS["stranger"], scheduler, SCHEDULER)
    left = [m for m in manifests if m["metadata"]["name"] != "nsynth-batch-scheduler"]
    left.remove(named(left, "NetworkPolicy", "nsynth-batch-default-deny"))
    assert may_flow(left, OTHERS["stranger"], scheduler, SCHEDULER)


@pytest.mark.parametrize("name", ["nsynth-batch-workers", "nsynth-batch-hdfs", "nsynth-batch-runs"])
def test_a_policy_less_stops_the_work(name: str) -> None:
    need("kubectl")
    manifests = overlay("cpu")
    left = [m for m in manifests if m["metadata"]["name"] != name]
    assert any(
        not may_flow(left, names[one], names[other], port)
        for names in [ends(manifests)]
        for one, other, port in wanted(manifests)
    )
