"""The rules of the house: which package imports which, and what a file may grow to."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "sequencer": {"sequencer"},
    "hdfs_jobs": {"hdfs_jobs"},
    "nsynth_batch": {"nsynth_batch", "hdfs_jobs", "sequencer"},
}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}: imports are written out whole"
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_packages_import_one_way(package: str) -> None:
    files = modules(package)
    assert files
    for file in files:
        ours = {name.split(".")[0] for name in imported(file)} & set(MAY_IMPORT)
        assert ours <= MAY_IMPORT[package], f"{file} imports {ours - MAY_IMPORT[package]}"


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_modules_import_one_way(package: str) -> None:
    known = {module_name(file): imported(file) for file in modules(package)}
    edges = {name: found & set(known) - {name, package} for name, found in known.items()}
    # A package imports its own modules to give them out: its name is an edge only for others.
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"imports in a circle: {' -> '.join((*path, name))}"
        if name not in done:
            for other in edges[name]:
                if not other.startswith(f"{name}.") and not name.startswith(f"{other}."):
                    walk(other, (*path, name))
            done.add(name)

    for name in edges:
        walk(name, ())


def test_tensorflow_is_imported_only_where_it_is_used() -> None:
    for package in MAY_IMPORT:
        for file in modules(package):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            at_the_top = {name.split(".")[0] for node in tree.body for name in imported_by(node)}
            if file.name not in {"graph.py", "tensorflow_engine.py", "trainer.py"}:
                assert "tensorflow" not in at_the_top, file


def imported_by(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module]
    return []


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, nsynth_batch.cli as cli\n"
        "cli.main(['--help'])\n"
        "heavy = {'tensorflow', 'distributed', 'pyarrow', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert result.returncode == 0, result.stderr


def test_only_the_pipeline_compares_the_name_of_a_dataset() -> None:
    names = {"audio", "encodings", "mashups", "clips"}
    for file in modules("nsynth_batch"):
        if file.relative_to(ROOT).parts[1] == "pipeline":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                words = [part for part in ast.walk(node) if isinstance(part, ast.Constant)]
                found = names.intersection(str(word.value) for word in words)
                assert not found, f"{file}:{node.lineno} asks for {found}: ask the step instead"


def test_files_can_be_read_in_one_sitting() -> None:
    kinds = ("*.py", "*.cpp", "*.hpp")
    files = [f for package in MAY_IMPORT for kind in kinds for f in (ROOT / package).rglob(kind)]
    long = {
        str(file.relative_to(ROOT)): lines
        for file in files
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long
