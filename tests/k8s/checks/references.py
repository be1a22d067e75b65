"""Names and labels that meet: what is referred to is there, or docs/kubernetes.md has how."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from tests.k8s.rendering import K8S, Object, PodTemplate, pod_templates

NAMESPACE = "nsynth-batch"
_ABOVE_NAMESPACES = ("Namespace", "PriorityClass")
_SECRET = re.compile(r"kubectl [^\n]*create secret generic (\S+)((?:\s*\\\n|[^\n\\])*)")
_KEY = re.compile(r"--from-(?:file|literal)=([\w.-]+)=")


@cache
def secrets_to_create() -> Mapping[str, frozenset[str]]:
    """Read out of docs/kubernetes.md which Secrets an operator makes, and their keys."""
    text = (K8S.parent / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    found: dict[str, frozenset[str]] = {}
    for name, rest in _SECRET.findall(text):
        found[name] = found.get(name, frozenset()) | frozenset(_KEY.findall(rest))
    return found


def dangling(manifests: Sequence[Object]) -> Iterator[str]:
    """Find what is referred to and is not there."""
    there = {(m["kind"], m["metadata"]["name"]) for m in manifests}
    maps = {m["metadata"]["name"]: m["data"].keys() for m in manifests if m["kind"] == "ConfigMap"}
    for manifest in manifests:
        inside = manifest["metadata"].get("namespace")
        if (inside != NAMESPACE) != (manifest["kind"] in _ABOVE_NAMESPACES):
            yield f"{manifest['kind']}/{manifest['metadata']['name']}: is in {inside}"
        cluster = manifest["kind"] == "DaskWorkerGroup" and manifest["spec"]["cluster"]
        if cluster and ("DaskCluster", cluster) not in there:
            yield f"{manifest['metadata']['name']}: no cluster {cluster}"
    for pod in pod_templates(manifests):
        wanted = [("ServiceAccount", pod.spec["serviceAccountName"])]
        wanted += [("PriorityClass", pod.spec["priorityClassName"])]
        wanted += [
            ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
            for volume in pod.spec["volumes"]
            if "persistentVolumeClaim" in volume
        ]
        yield from (f"{pod.owner}: no {kind} {name}" for kind, name in set(wanted) - there)
        for kind, name, keys in _sources(pod):
            known: Mapping[str, Collection[str]] = (
                maps if kind == "configMap" else secrets_to_create()
            )
            if name not in known:
                yield f"{pod.owner}: no {kind} {name}"
            else:
                yield from (f"{pod.owner}: no {key} in {name}" for key in keys - set(known[name]))
        volumes = {volume["name"] for volume in pod.spec["volumes"]}
        for container in pod.containers:
            mounted = [mount["name"] for mount in container.get("volumeMounts", ())]
            yield from (f"{pod.owner}: no volume {name}" for name in set(mounted) - volumes)
            yield from (f"{pod.owner}: {what}" for what in _ports(container))
        unused = volumes - {m["name"] for c in pod.containers for m in c.get("volumeMounts", ())}
        yield from (f"{pod.owner}: the volume {name} is mounted nowhere" for name in unused)


def mismatched(manifests: Sequence[Object]) -> Iterator[str]:
    """Find selectors that do not find the pods that they are for."""
    pods = list(pod_templates(manifests))
    for manifest in manifests:
        name = f"{manifest['kind']}/{manifest['metadata']['name']}"
        spec = manifest.get("spec", {})
        if manifest["kind"] == "Deployment":
            labels = spec["template"]["metadata"]["labels"]
            if not spec["selector"]["matchLabels"].items() <= labels.items():
                yield f"{name}: does not find its own pods"
        if manifest["kind"] in ("NetworkPolicy", "PodDisruptionBudget"):
            selector = spec["selector" if "selector" in spec else "podSelector"]
            if not any(selects(selector, pod.labels) for pod in pods):
                yield f"{name}: finds no pods"
        if manifest["kind"] in ("Job", "CronJob"):
            job = spec if manifest["kind"] == "Job" else spec["jobTemplate"]["spec"]
            names = {container["name"] for container in job["template"]["spec"]["containers"]}
            for rule in job["podFailurePolicy"]["rules"]:
                if rule.get("onExitCodes", {}).get("containerName", *names) not in names:
                    yield f"{name}: podFailurePolicy names another container"
            if job["template"]["spec"]["restartPolicy"] != "Never":
                yield f"{name}: podFailurePolicy needs restartPolicy Never"
    components = {pod.component for pod in pods}
    budgets = [m["spec"]["selector"] for m in manifests if m["kind"] == "PodDisruptionBudget"]
    for pod in pods:
        covering = [b for b in budgets if selects(b, pod.labels)]
        if len(covering) != (1 if pod.component.startswith("worker") else 0):
            yield f"{pod.owner}: {len(covering)} disruption budgets"
    for name, service in services(manifests).items():
        found = [pod for pod in pods if service["selector"].items() <= pod.labels.items()]
        if {pod.component for pod in found} != {"scheduler"}:
            yield f"Service/{name}: leads to {[pod.owner for pod in found]} of {components}"
        ports = {port["name"] for pod in found for c in pod.containers for port in c["ports"]}
        yield from (
            f"Service/{name}: no port {port['targetPort']}"
            for port in service["ports"]
            if port["targetPort"] not in ports
        )


def services(manifests: Sequence[Object]) -> Mapping[str, Any]:
    """Give the specs of services by name; a DaskCluster makes one for its scheduler."""
    found = {m["metadata"]["name"]: m["spec"] for m in manifests if m["kind"] == "Service"}
    for manifest in manifests:
        if manifest["kind"] == "DaskCluster":
            name = f"{manifest['metadata']['name']}-scheduler"
            found[name] = manifest["spec"]["scheduler"]["service"]
    return found


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector finds an object of some labels; an empty one finds all."""
    if not selector.get("matchLabels", {}).items() <= labels.items():
        return False
    for expression in selector.get("matchExpressions", ()):
        value, values = labels.get(expression["key"]), expression.get("values", ())
        match expression["operator"]:
            case "In":
                fits = value in values
            case "NotIn":
                fits = value not in values
            case "Exists":
                fits = value is not None
            case _:
                fits = value is None
        if not fits:
            return False
    return True


def _sources(pod: PodTemplate) -> Iterator[tuple[str, str, set[str]]]:
    """Give kind, name and keys of every ConfigMap and Secret that a pod refers to."""
    for volume in pod.spec["volumes"]:
        parts = volume["projected"]["sources"] if "projected" in volume else [volume]
        for part in parts:
            for kind in ("configMap", "secret"):
                if kind in part:
                    source = part[kind]
                    name = source.get("name") or source["secretName"]
                    yield kind, name, {item["key"] for item in source.get("items", ())}
    for container in pod.containers:
        for source in container.get("envFrom", ()):
            yield "configMap", source["configMapRef"]["name"], set()
        for variable in container.get("env", ()):
            for kind in ("configMap", "secret"):
                if reference := variable.get("valueFrom", {}).get(f"{kind}KeyRef"):
                    yield kind, reference["name"], {reference["key"]}


def _ports(container: Object) -> Iterator[str]:
    names = {port["name"] for port in container.get("ports", ())}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if probe in container and container[probe]["httpGet"]["port"] not in names:
            yield f"{probe} asks a port that is not there"
