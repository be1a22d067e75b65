"""The Job and the CronJobs are those that `nsynth-batch submit` makes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from nsynth_batch.submit.job_manifest import cron_job, job
from tests.components.needs import need
from tests.k8s.rendering import K8S, Object, kustomize, named, objects, overlay, pod_templates
from tests.k8s.runs import FILES, NIGHTLY, ONCE, SCHEDULES, text


@pytest.mark.parametrize("path", FILES)
def test_files_are_what_submit_prints(path: str) -> None:
    there = (K8S / path).read_text(encoding="utf-8")
    assert there == text(FILES[path]), "python -m tests.k8s.runs writes it anew"


@pytest.mark.parametrize(("component", "way"), [("kerberos", "kerberos"), ("hdfs-token", "token")])
def test_ways_into_hdfs_are_those_of_submit(
    component: str, way: Literal["kerberos", "token"], tmp_path: Path
) -> None:
    need("kubectl")
    manifests = composed(tmp_path, "run-once", component)
    wanted = [cron_job(replace(run, hdfs_auth=way), when) for run, when in SCHEDULES.items()]
    for submitted in [*wanted, job(replace(ONCE, hdfs_auth=way))]:
        there = named(manifests, submitted["kind"], submitted["metadata"]["name"])
        assert variables_sorted(there) == variables_sorted(submitted)


def test_the_way_to_s3_is_that_of_submit(tmp_path: Path) -> None:
    need("kubectl")
    manifests = composed(tmp_path, "run-once", "s3")
    way = {"s3_secret": "nsynth-batch-s3"}
    wanted = [cron_job(replace(run, **way), when) for run, when in SCHEDULES.items()]
    for submitted in [*wanted, job(replace(ONCE, **way))]:
        there = named(manifests, submitted["kind"], submitted["metadata"]["name"])
        assert variables_sorted(there) == variables_sorted(submitted)


@pytest.mark.parametrize("component", ["kerberos", "hdfs-token"])
def test_workers_get_into_hdfs_as_runs_do(component: str, tmp_path: Path) -> None:
    need("kubectl")
    pods = pod_templates(composed(tmp_path, "run-once", component, "operator"))
    ways = {pod.component: way_in(pod.containers[0]) for pod in pods}
    assert ways.pop("scheduler") == {}
    assert ways["driver"]
    assert all(way == ways["driver"] for way in ways.values())


def composed(folder: Path, *components: str) -> list[Object]:
    """Render the base with components, in their order."""
    k8s = os.path.relpath(K8S, folder.resolve())
    places = ", ".join(f"{k8s}/components/{component}" for component in components)
    (folder / "kustomization.yaml").write_text(f"resources: [{k8s}/base]\ncomponents: [{places}]\n")
    return objects(kustomize(folder))


def test_a_run_on_gpus_is_that_of_submit() -> None:
    need("kubectl")
    manifests = overlay("rocm")
    (worker,) = [pod for pod in pod_templates(manifests) if pod.component == "worker-gpu"]
    on_gpu = replace(
        NIGHTLY,
        image=worker.containers[0]["image"],
        gpus=1,
        groups=tuple(worker.spec["securityContext"]["supplementalGroups"]),
        node_labels=(("feature.node.kubernetes.io/amd-gpu", "true"),),
    )
    there = named(manifests, "CronJob", NIGHTLY.name)
    assert there == cron_job(on_gpu, SCHEDULES[NIGHTLY])


def way_in(container: Object) -> Mapping[str, Any]:
    """Give the variables by which HDFS is told who asks."""
    ways = ("KRB5", "HADOOP")
    return {one["name"]: one["value"] for one in container["env"] if one["name"].startswith(ways)}


def variables_sorted(manifest: Object) -> Object:
    """Sort a pod's variables: kustomize can add to their end alone."""
    (pod,) = pod_templates([manifest])
    pod.containers[0]["env"].sort(key=lambda variable: str(variable["name"]))
    return manifest
