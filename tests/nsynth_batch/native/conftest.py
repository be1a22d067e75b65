"""Lets these tests run on another build of the extension, as the sanitizers' run does."""

from __future__ import annotations

import importlib.util
import os
import sys

if build := os.environ.get("NSYNTH_BATCH_TEST_EXTENSION"):
    name = "nsynth_batch.native._engine"
    spec = importlib.util.spec_from_file_location(name, build)
    assert spec and spec.loader
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
