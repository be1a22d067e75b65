"""Checkov's opinion, and why we differ where we do."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.components.needs import need
from tests.k8s.rendering import K8S, kustomize

_ROOT = Path(__file__).parents[2]
PLAIN = ("cpu", "dev", "hdfs-kerberos", "rocm", "s3")
"""Overlays whose pods checkov finds; those of the operator's are held to be the same ones."""

EXCEPTIONS: Mapping[str, str] = {
    "CKV_K8S_15": "Images bear a version that is never given twice, so one that a node has is the "
    "right one, and a run at night does not hang on the registry.",
    "CKV_K8S_35": "The contact is sent to each server that a harvest asks: it is in a Secret so as "
    "to be in no repository. What is secret indeed, keys and keytabs, comes as files.",
    "CKV_K8S_43": "A digest is of the registry that an image was pushed to, which nobody knows "
    "here; `images:` of an overlay takes one.",
}
"""Checks that we do not keep to, each with the reason."""


def failed(folder: Path) -> dict[str, set[str]]:
    """Give what checkov complains of in a folder: checks by file."""
    subprocess.run(["sh", "scripts/manifests-env.sh"], cwd=_ROOT, check=True)
    done = subprocess.run(
        [
            *(_ROOT / ".venv-manifests/bin/checkov", "--directory", folder),
            *("--framework", "kubernetes", "--skip-download", "--quiet", "--compact"),
            *("--output", "json"),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(folder)},
    )
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["summary"]["parsing_errors"] == 0
    found: dict[str, set[str]] = {file.name: set() for file in folder.glob("*.yaml")}
    for check in told["results"]["failed_checks"]:
        found[Path(check["file_path"]).name].add(check["check_id"])
    return found


def test_checkov_has_the_complaints_that_we_know_of(tmp_path: Path) -> None:
    need("kubectl")
    texts = {name: kustomize(K8S / "overlays" / name) for name in PLAIN}
    broken = texts["cpu"].replace("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false")
    for name, text in {**texts, "broken": broken}.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    known = set(EXCEPTIONS)
    assert failed(tmp_path) == {
        **{f"{name}.yaml": known for name in PLAIN},
        "broken.yaml": known | {"CKV_K8S_22"},
    }
