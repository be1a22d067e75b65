"""The manifests of k8s/ as `kubectl kustomize` renders them, and ways through them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

K8S = Path(__file__).parents[2] / "k8s"
OVERLAYS = sorted(folder.name for folder in (K8S / "overlays").iterdir())
TEMPLATES: Mapping[str, Sequence[Sequence[str]]] = {
    "Deployment": [("spec", "template")],
    "Job": [("spec", "template")],
    "CronJob": [("spec", "jobTemplate", "spec", "template")],
    "DaskCluster": [("spec", "scheduler"), ("spec", "worker")],
    "DaskWorkerGroup": [("spec", "worker")],
}
"""Where a kind of object has pod templates: each with ``metadata`` and ``spec``."""

Object = dict[str, Any]


def kustomize(folder: Path) -> str:
    """Render a kustomization.

    Raises
    ------
    AssertionError
        If it cannot be rendered, or kubectl has a remark.
    """
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True)
    assert done.returncode == 0, f"{folder}: {done.stderr}"
    assert not done.stderr, f"{folder}: {done.stderr}"
    return done.stdout


@cache
def _overlay(name: str) -> list[Object]:
    return objects(kustomize(K8S / "overlays" / name))


def overlay(name: str) -> list[Object]:
    """Give the objects of an overlay, each time afresh."""
    return deepcopy(_overlay(name))


def objects(text: str) -> list[Object]:
    """Read the documents of a YAML stream."""
    return list(yaml.load_all(text, Loader=yaml.CSafeLoader))


def named(manifests: Sequence[Object], kind: str, name: str) -> Object:
    """Find one object."""
    (found,) = [m for m in manifests if (m["kind"], m["metadata"]["name"]) == (kind, name)]
    return found


@dataclass(frozen=True)
class PodTemplate:
    """What pods are made from.

    Attributes
    ----------
    owner
        Kind and name of the object that holds it.
    labels
        Of the pods.
    spec
        Of the pods.
    """

    owner: str
    labels: Mapping[str, str]
    spec: Object

    @property
    def component(self) -> str:
        """What the pods are."""
        return self.labels["app.kubernetes.io/component"]

    @property
    def containers(self) -> list[Object]:
        """All containers, those that run first too."""
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]


def pod_templates(manifests: Sequence[Object]) -> Iterator[PodTemplate]:
    """Find all that pods are made from."""
    for manifest in manifests:
        for path in TEMPLATES.get(manifest["kind"], ()):
            place = manifest
            for key in path:
                place = place[key]
            owner = f"{manifest['kind']}/{manifest['metadata']['name']}"
            yield PodTemplate(owner, place["metadata"]["labels"], place["spec"])
