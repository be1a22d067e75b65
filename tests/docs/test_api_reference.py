from __future__ import annotations

import importlib

import pytest

from scripts.api_reference import PAGE, SECTIONS, reference


def test_the_reference_is_what_the_code_has() -> None:
    assert PAGE.read_text("utf-8") == reference(), (
        "docs/python.md is not what the code has: run python scripts/api_reference.py"
    )


@pytest.mark.parametrize(
    ("module", "names"), [each for modules in SECTIONS.values() for each in modules]
)
def test_what_it_lists_can_be_imported_and_is_described(
    module: str, names: tuple[str, ...]
) -> None:
    for name in names:
        assert getattr(importlib.import_module(module), name).__doc__
