"""Every object is what the API of Kubernetes, and Dask's operator, have by their own schemas."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from tests.components.needs import need
from tests.k8s.rendering import OVERLAYS, Object, named, overlay, pod_templates

VERSIONS = ("1.31", "1.37")
_ROOT = Path(__file__).parents[2]
_CUSTOM = "kubernetes.dask.org/v1"


@pytest.fixture(scope="module")
def manifests_env() -> Path:
    """The environment of checkov and the operator's schemas; nothing is done if it is there."""
    subprocess.run(["sh", "scripts/manifests-env.sh"], cwd=_ROOT, check=True)
    return _ROOT / ".venv-manifests"


def distinct() -> list[Object]:
    """Give what any overlay has, the same object once; and the pods of the operator's objects."""
    need("kubectl")
    found = {yaml.safe_dump(one): one for name in OVERLAYS for one in overlay(name)}
    return list(found.values())


def pods(manifests: Sequence[Object]) -> Iterator[Object]:
    """Give the pods of what Kubernetes itself does not know."""
    for pod in pod_templates([m for m in manifests if m["apiVersion"] == _CUSTOM]):
        name = {"name": pod.component, "labels": dict(pod.labels)}
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": name, "spec": pod.spec}


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_all_of_it(version: str) -> None:
    manifests = distinct()
    for manifest in [*pods(manifests), *manifests]:
        if manifest["apiVersion"] != _CUSTOM:
            assert kubernetes_validate.validate(manifest, version, strict=True) == version


@pytest.mark.parametrize(
    ("key", "value"), [("replica", 1), ("replicas", "one")], ids=["unknown", "of another type"]
)
def test_what_kubernetes_does_not_know_is_seen(key: str, value: Any) -> None:
    need("kubectl")
    worker = named(overlay("cpu"), "Deployment", "nsynth-batch-worker-cpu")
    worker["spec"][key] = value
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(worker, VERSIONS[0], strict=True)


def test_dasks_operator_knows_all_of_it(manifests_env: Path) -> None:
    ours = [manifest for manifest in distinct() if manifest["apiVersion"] == _CUSTOM]
    assert {manifest["kind"] for manifest in ours} == {"DaskCluster", "DaskWorkerGroup"}
    for manifest in ours:
        schema(manifests_env, manifest["kind"]).validate(manifest)


@pytest.mark.parametrize("path", [("worker",), ("spec", "worker", "spec", "containers", 0)])
def test_what_the_operator_does_not_know_is_seen(
    path: tuple[str | int, ...], manifests_env: Path
) -> None:
    need("kubectl")
    group = named(overlay("rocm-operator"), "DaskWorkerGroup", "nsynth-batch-gpu")
    place: Any = group if path[0] == "spec" else group["spec"]
    for key in path:
        place = place[key]
    place["unheardOf"] = True
    with pytest.raises(jsonschema.ValidationError, match="unheardOf"):
        schema(manifests_env, "DaskWorkerGroup").validate(group)


@cache
def schema(manifests_env: Path, kind: str) -> jsonschema.Draft202012Validator:
    """Read the operator's schema of a kind; fields that the API server would drop are refused."""
    (folder,) = manifests_env.glob(
        "lib/python*/site-packages/dask_kubernetes/operator/deployment/helm/*/crds"
    )
    text = (folder / f"{kind.lower()}.yaml").read_text(encoding="utf-8")
    (version,) = yaml.load(text, Loader=yaml.CSafeLoader)["spec"]["versions"]
    strict: dict[str, Any] = _refusing(version["schema"]["openAPIV3Schema"])
    # What every object has is not in a resource's own schema.
    strict["properties"] |= dict.fromkeys(("apiVersion", "kind", "metadata"), True)
    return jsonschema.Draft202012Validator(strict)


def _refusing(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_refusing(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    refusing = {key: _refusing(value) for key, value in schema.items()}
    keeps = schema.get("x-kubernetes-preserve-unknown-fields")
    if schema.get("type") == "object" and "properties" in schema and not keeps:
        refusing.setdefault("additionalProperties", False)
    if schema.get("x-kubernetes-int-or-string"):
        refusing.pop("type", None)
    return refusing


@pytest.mark.parametrize("name", ["cpu", "rocm"])
def test_both_forms_of_a_cluster_have_the_same_pods(name: str) -> None:
    need("kubectl")
    plain = [m for m in overlay(name) if m["kind"] == "Deployment"]
    operators = [m for m in overlay(f"{name}-operator") if m["apiVersion"] == _CUSTOM]
    assert {p.component: p.spec for p in pod_templates(plain)} == {
        p.component: p.spec for p in pod_templates(operators)
    }
    replicas = {m["metadata"]["name"]: m["spec"]["replicas"] for m in plain}
    assert [m["spec"]["worker"]["replicas"] for m in operators] == [
        replicas[f"nsynth-batch-worker-{kind}"] for kind in ("cpu", "gpu")[: len(operators)]
    ]
    assert not [m for m in overlay(f"{name}-operator") if m["kind"] in ("Deployment", "Service")]
