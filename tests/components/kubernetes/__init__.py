"""The part of the Kubernetes API that `submit` needs: a server with a Job controller of our own."""

from __future__ import annotations

from tests.components.kubernetes.controller import NAMESPACE, Play
from tests.components.kubernetes.server import Kubernetes, Refusal

__all__ = ["NAMESPACE", "Kubernetes", "Play", "Refusal"]
