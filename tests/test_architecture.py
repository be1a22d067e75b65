"""The rules of the house: which part imports which, where tests stand, what a file may grow to."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer
from pydantic_core import PydanticUndefined

from nsynth_batch.commands.program import app
from nsynth_batch.settings.defaults import FIRST_CHECKPOINT
from nsynth_batch.settings.settings import Settings

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "sequencer": {"sequencer"},
    "hdfs_jobs": {"hdfs_jobs"},
    "nsynth_batch": {"nsynth_batch", "hdfs_jobs", "sequencer"},
}
# Imports run down these lists. What stands in one line imports no neighbour.
ORDER = (
    ("__main__", "nsynth"),
    ("cli",),
    ("commands",),
    ("doctor",),
    ("pipeline",),
    ("submit", "reporting"),
    ("training", "stages", "sources", "errors"),
    ("models", "store"),
    ("native", "catalog"),
    ("settings", "text"),
)
FAMILIES = tuple(
    sorted(path.parent.name for path in (ROOT / "nsynth_batch/models").glob("*/__init__.py"))
)
MODELS_ORDER = (
    ("loading",),
    ("checkpoint", "fetch"),
    FAMILIES,
    ("native_rows", "precision", "prompted"),
    ("family", "autoencoder", "likelihood"),
    ("code_generator",),
    ("model", "inputs", "instruction_sets"),
    ("engine", "crossfade", "magenta_files", "torch_file"),
    ("row_product",),
    ("spec", "weights", "quantiser", "draws", "machine", "recipe", "recurrent", "segments"),
    ("sizes",),
)
MAY_LOAD_TENSORFLOW = (
    "nsynth_batch/models/*/*graph.py",
    "nsynth_batch/models/spectral/published_shape.py",
    "nsynth_batch/models/*/loss.py",
    "nsynth_batch/models/*/tensorflow_engine.py",
    "nsynth_batch/models/recurrent.py",
    "nsynth_batch/training/*.py",
)
PACKAGES = {
    ".".join(path.parent.relative_to(ROOT).parts)
    for package in MAY_IMPORT
    for path in (ROOT / package).rglob("__init__.py")
}
MOST_ENTRIES = {"nsynth_batch": 22, "hdfs_jobs": 9, "sequencer": 23}
MOST_LINES = 400
BANNED_WORDS = {"told", "heard", "barred", "crew", "manners", "judged", "somebody", "nobody"}
# Where one of them is the right word.
MAY_SAY = {"sequencer/credits/credits.py": {"nobody"}}
# Flags of a command that only share the name of a setting.
OWN_FLAGS = {
    *(("train", "batch"), ("train", "seed"), ("generate", "temperature")),
    *(("submit", "memory"), ("submit", "retries"), ("clips", "parents")),
    ("mashup", "grid"),
}
# Of the commands that one begins with.
OWN_DEFAULTS: dict[tuple[str | None, str], object] = {
    **{
        (name, "checkpoint"): FIRST_CHECKPOINT for name in ("make", "demo", "mashup", "reconstruct")
    },
    ("demo", "pairs"): 40,
    # As words, since the command works them out.
    ("make", "store"): "in your cache folder",
    ("make", "pairs"): "40 a minute",
}
# Folders of tests that mirror no package.
OTHER_TESTS = {"components", "docker", "docs", "examples", "k8s", "system"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@cache
def imported(file: Path) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(tree(file)):
        names.update(imported_by(node))
    return frozenset(names)


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imported_by(node: ast.AST) -> Iterator[str]:
    """Names that a statement imports: modules, and what it takes from them."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        assert node.level == 0, f"{node.module}: imports are written out whole"
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def edges(package: str) -> dict[str, frozenset[str]]:
    """Which modules of a package import which others of it."""
    known = {module_name(file): imported(file) for file in modules(package)}
    return {name: frozenset(found & set(known) - {name, package}) for name, found in known.items()}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_packages_import_one_way(package: str) -> None:
    files = modules(package)
    assert files
    for file in files:
        ours = {name.split(".")[0] for name in imported(file)} & set(MAY_IMPORT)
        assert ours <= MAY_IMPORT[package], f"{file} imports {ours - MAY_IMPORT[package]}"


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_modules_import_one_way(package: str) -> None:
    # A package imports its own modules to give them out: its name is an edge only for others.
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"imports in a circle: {' -> '.join((*path, name))}"
        if name not in done:
            for other in edges(package)[name]:
                if not other.startswith(f"{name}.") and not name.startswith(f"{other}."):
                    walk(other, (*path, name))
            done.add(name)

    for name in edges(package):
        walk(name, ())


def against(order: tuple[tuple[str, ...], ...], folder: str) -> set[tuple[str, str]]:
    """Imports inside a folder that run up the order, or to a neighbour; unknown parts too."""
    rank = {part: number for number, parts in enumerate(order) for part in parts}
    depth = len(folder.split("."))
    wrong = set()
    for name, others in edges(folder.split(".")[0]).items():
        if not name.startswith(f"{folder}."):
            continue
        part = name.split(".")[depth]
        assert part in rank, f"{name}: {folder} has no place for it in its order"
        for other in others:
            if not other.startswith(f"{folder}.") or (to := other.split(".")[depth]) == part:
                continue
            # Who imports a module imports its package, too: that is no edge of its own.
            if rank[to] <= rank[part] and other not in PACKAGES:
                wrong.add((name, other))
    return wrong


@pytest.mark.parametrize(
    ("folder", "order"), [("nsynth_batch", ORDER), ("nsynth_batch.models", MODELS_ORDER)]
)
def test_imports_run_down_the_order(folder: str, order: tuple[tuple[str, ...], ...]) -> None:
    assert sorted(against(order, folder)) == []


def test_training_imports_no_family() -> None:
    assert FAMILIES
    families = tuple(f"nsynth_batch.models.{family}." for family in FAMILIES)
    found = {
        (name, other)
        for name, others in edges("nsynth_batch").items()
        for other in others
        if name.startswith("nsynth_batch.training.") and other.startswith(families)
    }
    assert sorted(found) == []


def test_tensorflow_is_loaded_only_where_it_is_used() -> None:
    allowed = {path for form in MAY_LOAD_TENSORFLOW for path in ROOT.glob(form)}
    assert allowed
    for package in MAY_IMPORT:
        for file in modules(package):
            top = {name.split(".")[0] for node in tree(file).body for name in imported_by(node)}
            assert "tensorflow" not in top or file in allowed, file


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
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Compare):
                words = [part for part in ast.walk(node) if isinstance(part, ast.Constant)]
                found = names.intersection(str(word.value) for word in words)
                assert not found, f"{file}:{node.lineno} asks for {found}: ask the step instead"


@pytest.mark.parametrize("package", MOST_ENTRIES)
def test_a_listing_is_read_at_a_glance(package: str) -> None:
    found = {path.name for path in (ROOT / package).iterdir()}
    entries = {name for name in found if not name.startswith("__")} - {"py.typed"}
    assert len(entries) <= MOST_ENTRIES[package], sorted(entries)


def test_files_can_be_read_in_one_sitting() -> None:
    kinds = ("*.py", "*.cpp", "*.hpp")
    folders = (*MAY_IMPORT, "tests", "benchmarks")
    files = [f for folder in folders for kind in kinds for f in (ROOT / folder).rglob(kind)]
    long = {
        str(file.relative_to(ROOT)): lines
        for file in files
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > MOST_LINES
    }
    assert not long


def test_each_test_stands_where_its_module_does() -> None:
    """``tests/P/F/test_M.py`` or ``test_M_ASPECT.py`` for the module or package ``P/F/M``."""
    folders = {path.parts[-2] for path in (ROOT / "tests").glob("*/__init__.py")}
    assert folders == OTHER_TESTS | set(MAY_IMPORT)
    lost = []
    for package in MAY_IMPORT:
        for file in sorted((ROOT / "tests" / package).rglob("test_*.py")):
            folder = ROOT / file.parent.relative_to(ROOT / "tests")
            words = file.stem.split("_")[1:]
            names = ["_".join(words[:count]) for count in range(1, len(words) + 1)]
            # C++ is tested through Python: a test of it has only its folder in common.
            native = folder.is_relative_to(ROOT / "nsynth_batch" / "native") and folder.is_dir()
            if not native and not any(
                (folder / f"{name}.py").exists() or (folder / name / "__init__.py").exists()
                for name in names
            ):
                lost.append(str(file.relative_to(ROOT)))
    assert lost == []


def test_docstrings_begin_with_return_not_give() -> None:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = [
        f"{file.relative_to(ROOT)}: {words.splitlines()[0]}"
        for package in MAY_IMPORT
        for file in modules(package)
        for node in ast.walk(tree(file))
        if isinstance(node, kinds) and (words := ast.get_docstring(node) or "")
        if words.startswith(("Give ", "Gives "))
    ]
    assert found == []


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_words_are_those_of_the_field(package: str) -> None:
    found = set()
    for file in modules(package):
        path = file.relative_to(ROOT)
        banned = BANNED_WORDS - MAY_SAY.get(str(path), set())
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            # An underscore or a capital ends a word, too: `lacks_author` has two.
            words = {w.lower() for w in re.findall(r"[A-Z]?[a-z]+", line)}
            found |= {f"{path}:{number}: {word}" for word in words & banned}
    assert sorted(found) == []


def test_no_test_imports_another() -> None:
    for file in (ROOT / "tests").rglob("*.py"):
        for name in imported(file):
            parts = name.split(".")
            assert parts[0] != "tests" or not any(p.startswith("test_") for p in parts[:-1]), file


def test_a_flag_has_the_default_of_its_setting() -> None:
    fields = Settings.model_fields
    seen = set()
    for command in typer.main.get_group(app).commands.values():
        for flag in command.params:
            if flag.name not in fields or (command.name, flag.name) in OWN_FLAGS:
                continue
            seen.add(flag.name)
            # A flag that is not given leaves the word to variables and the toml file.
            assert flag.default is None, (command.name, flag.name)
            stated = re.search(r"\[default: ([^;\],]*)", getattr(flag, "help", None) or "")
            default = OWN_DEFAULTS.get((command.name, flag.name), fields[flag.name].default)
            if stated and default not in (None, PydanticUndefined, ""):
                assert_same_value(stated[1], default, f"{command.name} --{flag.name}")
    assert len(seen) > 30


def assert_same_value(stated: str, default: object, where: str) -> None:
    if isinstance(default, int | float):
        assert float(stated) == float(default), where
    else:
        values = default if isinstance(default, list | tuple) else [default]
        assert stated == ",".join(map(str, values)), where
