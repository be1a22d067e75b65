"""The Job and the CronJobs are those that `nsynth-batch submit` makes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from nsynth_batch.submit.manifests import cron_job, job
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
    k8s = os.path.relpath(K8S, tmp_path.resolve())
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [{k8s}/base]\n"
        f"components: [{k8s}/components/run-once, {k8s}/components/{component}]\n"
    )
    manifests = objects(kustomize(tmp_path))
    wanted = [cron_job(replace(run, hdfs_auth=way), when) for run, when in SCHEDULES.items()]
    for submitted in [*wanted, job(replace(ONCE, hdfs_auth=way))]:
        there = named(manifests, submitted["kind"], submitted["metadata"]["name"])
        assert variables_sorted(there) == variables_sorted(submitted)
    (worker,) = [p for p in pod_templates(manifests) if p.component == "worker-cpu"]
    (run,) = [p for p in pod_templates(manifests) if p.owner == f"Job/{ONCE.name}"]
    added = variables(worker.containers[0]).items() & variables(run.containers[0]).items()
    assert [name for name, _ in added if "KRB5" in name or "TOKEN" in name]
    assert {n for n in variables(run.containers[0]) if n.startswith(("KRB5", "HADOOP"))} == {
        name for name, _ in added if name.startswith(("KRB5", "HADOOP"))
    }


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


def variables(container: Object) -> Mapping[str, Any]:
    """Give the variables that have a value written out."""
    return {one["name"]: one["value"] for one in container["env"] if "value" in one}


def variables_sorted(manifest: Object) -> Object:
    """Sort a pod's variables: kustomize can add to their end alone."""
    (pod,) = pod_templates([manifest])
    pod.containers[0]["env"].sort(key=lambda variable: str(variable["name"]))
    return manifest
