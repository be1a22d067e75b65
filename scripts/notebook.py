"""Run the notebook of examples/ and keep what it shows, with its pictures made small.

Usage: python scripts/notebook.py [NOTEBOOK]. It needs the extras `pictures` and `dev`.
"""

from __future__ import annotations

import base64
import io
import sys
import tempfile
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

NOTEBOOK = Path(__file__).parent.parent / "examples" / "mash_two_recordings.ipynb"
_SECONDS = 240
_COLOURS = 48


def executed(notebook: Path, folder: Path) -> NotebookNode:
    """Run all cells of a notebook in a folder, by a kernel of its own on no port.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell raises.
    """
    with tempfile.TemporaryDirectory() as place:
        manager = AsyncKernelManager(
            kernel_name="python3",
            transport="ipc",
            ip=f"{place}/kernel",
            connection_file=f"{place}/connection.json",
        )
        found = nbformat.read(notebook, as_version=4)
        where = {"metadata": {"path": str(folder)}}
        NotebookClient(
            found, km=manager, resources=where, timeout=_SECONDS, startup_timeout=_SECONDS
        ).execute()
    return found


def slim(notebook: NotebookNode) -> None:
    """Make pictures a tenth of their bytes, and leave out when each cell was run."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            if picture := output.get("data", {}).get("image/png"):
                image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
                image = image.resize((image.width * 3 // 4, image.height * 3 // 4))
                out = io.BytesIO()
                image.quantize(_COLOURS, dither=Image.Dither.NONE).save(out, "png", optimize=True)
                output.data["image/png"] = base64.b64encode(out.getvalue()).decode()


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else NOTEBOOK
    with tempfile.TemporaryDirectory() as folder:
        done = executed(path, Path(folder))
    slim(done)
    nbformat.write(done, path)
