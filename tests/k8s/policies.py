"""What NetworkPolicies let through, by the rules of Kubernetes' own documentation.

A pod that no policy of a direction selects is open in that direction; else some rule of some
policy that selects it must allow the peer and the port. A flow needs both ends' consent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from tests.k8s.checks.references import NAMESPACE, selects
from tests.k8s.rendering import Object


@dataclass(frozen=True)
class End:
    """One end of a flow: a pod, or an address that is no pod's.

    Attributes
    ----------
    namespace
        Of the pod, whose namespace bears its name as a label; empty for what is no pod.
    labels
        Of the pod.
    address
        Of what is no pod.
    """

    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""


def may_flow(
    manifests: Sequence[Object], source: End, target: End, port: int, protocol: str = "TCP"
) -> bool:
    """Whether a connection may be opened; who is in no namespace of ours is taken to agree."""
    policies = [m for m in manifests if m["kind"] == "NetworkPolicy"]
    return _agrees(policies, source, "Egress", target, port, protocol) and _agrees(
        policies, target, "Ingress", source, port, protocol
    )


def _agrees(
    policies: Sequence[Object], end: End, direction: str, peer: End, port: int, protocol: str
) -> bool:
    if end.namespace != NAMESPACE:
        return True
    its = [
        policy["spec"]
        for policy in policies
        if direction in policy["spec"]["policyTypes"]
        and selects(policy["spec"]["podSelector"], end.labels)
    ]
    peers = "from" if direction == "Ingress" else "to"
    return not its or any(
        _is_port(rule, port, protocol) and _is_peer(rule.get(peers), peer)
        for spec in its
        for rule in spec.get(direction.lower(), ())
    )


def _is_port(rule: Object, port: int, protocol: str) -> bool:
    return "ports" not in rule or any(
        allowed.get("protocol", "TCP") == protocol
        and allowed["port"] <= port <= allowed.get("endPort", allowed["port"])
        for allowed in rule["ports"]
    )


def _is_peer(peers: Sequence[Any] | None, end: End) -> bool:
    return not peers or any(_is_one_of(peer, end) for peer in peers)


def _is_one_of(peer: Object, end: End) -> bool:
    if "ipBlock" in peer:
        if end.namespace:
            return False  # what a block means for pods' addresses is the CNI's affair
        block, address = peer["ipBlock"], ip_address(end.address)
        return address in ip_network(block["cidr"]) and not any(
            address in ip_network(left_out) for left_out in block.get("except", ())
        )
    if not end.namespace:
        return False
    if "namespaceSelector" in peer:
        here = selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": end.namespace})
    else:
        here = end.namespace == NAMESPACE
    return here and selects(peer.get("podSelector", {}), end.labels)
