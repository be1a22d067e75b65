"""What every pod has to be: confined as PodSecurity's `restricted` demands, limited, pinned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tests.k8s.checks.words import quantity
from tests.k8s.rendering import Object, PodTemplate, pod_templates

USER = 10001
_VOLUMES = frozenset(
    [
        *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"),
        *("persistentVolumeClaim", "projected", "secret"),
    ]
)
_HOST = ("hostNetwork", "hostPID", "hostIPC", "hostUsers")
_PROFILES = ("RuntimeDefault", "Localhost")
_LIMITED = ("cpu", "memory", "ephemeral-storage")


def unconfined(manifests: Sequence[Object]) -> Iterator[str]:
    """Find what the Pod Security Standard `restricted` of Kubernetes 1.32 forbids, and more.

    Beyond it: our own user, no token of the API server, a read-only root.
    """
    for pod in pod_templates(manifests):
        yield from (f"{pod.owner}: {what}" for what in _unconfined(pod))
    for manifest in manifests:
        if manifest["kind"] == "Namespace":
            labels = manifest["metadata"]["labels"]
            if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
                yield f"Namespace/{manifest['metadata']['name']}: restricted is not enforced"
        if manifest["kind"] == "ServiceAccount" and manifest["automountServiceAccountToken"]:
            yield f"ServiceAccount/{manifest['metadata']['name']}: gives out tokens"
        if "Role" in manifest["kind"]:
            yield f"{manifest['kind']}/{manifest['metadata']['name']}: nothing here needs rights"


def unlimited(manifests: Sequence[Object]) -> Iterator[str]:
    """Find containers and volumes that may take as much as there is."""
    for pod in pod_templates(manifests):
        for container in pod.containers:
            resources = container.get("resources", {})
            for side in ("requests", "limits"):
                for name in _LIMITED:
                    if name not in resources.get(side, {}):
                        yield f"{pod.owner}: {container['name']} has no {name} in {side}"
        for volume in pod.spec.get("volumes", ()):
            if "emptyDir" in volume and "sizeLimit" not in (volume["emptyDir"] or {}):
                yield f"{pod.owner}: the volume {volume['name']} has no limit"
        if not pod.spec.get("priorityClassName"):
            yield f"{pod.owner}: no priority class"


def loosely_named(manifests: Sequence[Object]) -> Iterator[str]:
    """Find images that may be another one tomorrow."""
    for pod in pod_templates(manifests):
        for container in pod.containers:
            _, _, tag = container["image"].rpartition("/")[2].partition(":")
            if "@sha256:" not in container["image"] and tag in ("", "latest"):
                yield f"{pod.owner}: the image {container['image']} is not pinned"


def wrongly_placed(manifests: Sequence[Object]) -> Iterator[str]:
    """Find GPU pods that other nodes would take, or that GPU nodes would not."""
    for pod in pod_templates(manifests):
        gpus = [c["resources"]["limits"].get("amd.com/gpu", 0) for c in pod.containers]
        tolerated = {t["key"] for t in pod.spec.get("tolerations", ())}
        chosen = "feature.node.kubernetes.io/amd-gpu" in pod.spec.get("nodeSelector", {})
        wants = sum(map(quantity, gpus)) > 0
        # A plan is made with what its driver has.
        fits = pod.component in ("driver", "worker-gpu") if wants else pod.component != "worker-gpu"
        if not fits:
            yield f"{pod.owner}: {pod.component} with {gpus} GPUs"
        if wants and not (chosen and "amd.com/gpu" in tolerated):
            yield f"{pod.owner}: cannot be placed on GPU nodes alone"
        if wants and not pod.spec["securityContext"].get("supplementalGroups"):
            yield f"{pod.owner}: is in no group that may use a GPU"
        if not wants and tolerated:
            yield f"{pod.owner}: would take a place on a GPU node"


def _unconfined(pod: PodTemplate) -> Iterator[str]:
    spec = pod.spec
    context = spec.get("securityContext", {})
    yield from (f"{key} is set" for key in _HOST if key in spec)
    if spec.get("automountServiceAccountToken") is not False:
        yield "mounts a token of the API server"
    if context.get("supplementalGroups") and 0 in context["supplementalGroups"]:
        yield "is in the group root"
    for key in ("sysctls", "windowsOptions", "seLinuxOptions", "appArmorProfile"):
        if key in context:
            yield f"{key} is set"
    for volume in spec.get("volumes", ()):
        for kind in volume.keys() - {"name"} - _VOLUMES:
            yield f"a volume of the kind {kind}"
    for container in pod.containers:
        own = container.get("securityContext", {})
        yield from (f"{container['name']}: {what}" for what in _open(own, context))
        yield from (
            f"{container['name']}: host port" for p in container.get("ports", ()) if "hostPort" in p
        )


def _open(own: dict[str, Any], context: dict[str, Any]) -> Iterator[str]:
    both = {**context, **own}
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if not own.get("readOnlyRootFilesystem"):
        yield "may write to its root"
    if own.get("capabilities") != {"drop": ["ALL"]}:
        yield "has capabilities"
    if both.get("runAsNonRoot") is not True:
        yield "may be root"
    if (both.get("runAsUser"), both.get("runAsGroup")) != (USER, USER):
        yield "is another user"
    if both.get("seccompProfile", {}).get("type") not in _PROFILES:
        yield "has no seccomp profile"
    if "procMount" in own:
        yield "procMount is set"
