from __future__ import annotations

import pytest

from tests.components.images import Image, build
from tests.components.needs import need


@pytest.fixture(scope="session")
def image() -> Image:
    """The image for CPUs, as anyone gets it who gives no build argument."""
    need("images")
    return build("docker/Dockerfile.cpu")
