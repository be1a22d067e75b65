from __future__ import annotations

import pytest

from tests.components.needs import need
from tests.k8s.rendering import OVERLAYS, Object, overlay


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> list[Object]:
    """The objects of each overlay, rendered."""
    need("kubectl")
    return overlay(request.param)
