"""Write docs/python.md: signatures and docstrings of what is meant to be called from Python.

Usage: python scripts/api_reference.py [--check]
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "python.md"
HEADER = """# Python

What is meant to be called from Python, with the docstrings of the code;
[examples](../examples/README.md) are scripts to copy. For a model and a recording
`from nsynth_batch.nsynth import load_audio, load_model` is enough.
`python scripts/api_reference.py` writes this page, and a test compares it.
"""
SECTIONS: Mapping[str, Sequence[tuple[str, tuple[str, ...]]]] = {
    "Models": (
        ("nsynth_batch.models.loading", ("load_model",)),
        ("sequencer.audio.recording", ("load_audio",)),
        ("nsynth_batch.models.model", ("LoadedModel", "Generator")),
        ("nsynth_batch.models.autoencoder", ("Autoencoder",)),
        ("nsynth_batch.models.wavenet.model", ("Model",)),
    ),
    "Runs": (("nsynth_batch.pipeline.run", ("run",)),),
    "Clips": (
        ("sequencer.clips.clips", ("Clip", "Parent", "read_clips", "write_clips_jsonl")),
        ("sequencer.rights.rights", ("Rights",)),
        ("sequencer.clips.measures", ("Measures", "measure")),
        ("sequencer.clips.gate", ("verdict",)),
        ("sequencer.clips.likeness_map", ("likeness_map",)),
    ),
    "Compositions": (
        ("sequencer.piece", ("make_piece", "write_piece")),
        ("sequencer.composing.candidates", ("find_candidates",)),
        ("sequencer.composing.rules", ("Rules",)),
        ("sequencer.composing.compose", ("compose",)),
        ("sequencer.rights.solver", ("solve",)),
        ("sequencer.score.files", ("read_score", "score_json")),
        ("sequencer.credits.credits", ("credits_text",)),
    ),
}

Definition = ast.FunctionDef | ast.ClassDef


def reference() -> str:
    """Return the page."""
    parts = [HEADER]
    for title, modules in SECTIONS.items():
        parts.append(f"## {title}\n")
        for module, names in modules:
            defined = definitions(module)
            parts += [entry for name in names for entry in entries(module, defined[name])]
    return "\n".join(parts)


def definitions(module: str) -> dict[str, Definition]:
    """Return the functions and classes of a module by their names."""
    file = ROOT / Path(*module.split(".")).with_suffix(".py")
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return {node.name: node for node in body if isinstance(node, Definition)}


def entries(module: str, node: Definition) -> Iterator[str]:
    """Yield what the page has of a function or a class: signature, docstring, methods."""
    if isinstance(node, ast.FunctionDef):
        yield f"### `{node.name}`\n\n{block(signature(node, module), node)}"
        return
    yield f"### `{node.name}`\n\n{block(f'from {module} import {node.name}', node)}"
    for method in node.body:
        if (
            isinstance(method, ast.FunctionDef)
            and method.name[0] != "_"
            and ast.get_docstring(method)
        ):
            yield f"#### `{node.name}.{method.name}`\n\n{block(signature(method), method)}"


def signature(node: ast.FunctionDef, module: str = "") -> str:
    """Return how a function is imported, from a module, and called."""
    arguments = [ast.unparse(part) for part in listed(node.args)]
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"{node.name}({', '.join(arguments)}){returns}"
    if len(line) > 100:
        inner = textwrap.indent(",\n".join(arguments), "    ")
        line = f"{node.name}(\n{inner},\n){returns}"
    return f"from {module} import {node.name}\n\n{line}" if module else line


def listed(arguments: ast.arguments) -> Iterator[ast.AST]:
    """Yield the arguments of a function one by one, as they may be written between commas."""
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + [*arguments.defaults]
    for argument, default in zip(positional, defaults, strict=True):
        if argument.arg not in ("self", "cls"):
            yield ast.arguments([], [argument], None, [], [], None, [default] if default else [])
    if arguments.vararg:
        yield ast.arguments([], [], arguments.vararg, [], [], None, [])
    elif arguments.kwonlyargs:
        yield ast.Name("*")
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield ast.arguments([], [argument], None, [], [], None, [default] if default else [])
    if arguments.kwarg:
        yield ast.arguments([], [], None, [], [], arguments.kwarg, [])


def block(code: str, node: Definition) -> str:
    """Return a signature as code, the first paragraph of a docstring as text, the rest below."""
    first, _, rest = (ast.get_docstring(node) or "").partition("\n\n")
    shown = f"```python\n{code}\n```\n\n{first}\n"
    return f"{shown}\n```text\n{rest}\n```\n" if rest else shown


def main(arguments: list[str]) -> int:
    """Write the page, or find out whether it is as it should be."""
    page = reference()
    if "--check" in arguments:
        return 0 if PAGE.read_text(encoding="utf-8") == page else 1
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
