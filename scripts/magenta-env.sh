#!/bin/sh
# Make .venv-magenta: genuine magenta 2.1.4 and this package side by side.
#
# Magenta pins releases that have no wheels for Python 3.11, so it is installed without its
# dependencies, beside the few that importing its NSynth code needs. TensorFlow is 2.14, the oldest
# release that nsynth-batch supports. An environment that is up to date is left as it is.
set -eu

cd "$(dirname "$0")/.."
venv=.venv-magenta
pins=constraints-magenta.txt

if [ -n "${PYTHON:-}" ]; then
    python=$PYTHON
elif command -v python3.11 >/dev/null 2>&1; then
    python=python3.11
else
    python=python3
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
    echo "magenta-env: $python is not Python 3.11, which TensorFlow 2.14 needs;" \
        "set PYTHON to one that is" >&2
    exit 2
fi

# What the environment is made from: when none of it changed, there is nothing to do.
native=$(find CMakeLists.txt nsynth_batch/native -type f ! -name '*.py[co]' 2>/dev/null | sort)
# shellcheck disable=SC2086  # one word a file
stamp=$(cat scripts/magenta-env.sh "$pins" pyproject.toml $native | sha256sum | cut -d' ' -f1)
if [ "$(cat "$venv/made-from" 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi

echo "magenta-env: making $venv (a few minutes, about 2 GB)"
pip="$venv/bin/python -m pip --disable-pip-version-check --quiet"
if [ -e "$venv/made-from" ] && "$venv/bin/python" -c '' 2>/dev/null; then
    rm "$venv/made-from"
    # What magenta asks for is not met on purpose, which pip would tell at each change beside it.
    $pip uninstall --yes magenta
else
    # One that was left half made, or whose Python is gone, starts afresh.
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi
$pip install --use-pep517 -c "$pins" -e . \
    tensorflow-cpu tensorflow-probability tf-slim note-seq \
    hypothesis pytest pytest-timeout
$pip install -c "$pins" --no-deps magenta
TF_CPP_MIN_LOG_LEVEL=2 "$venv/bin/python" -W ignore -c '
import tensorflow.compat.v1 as tf
tf.logging.set_verbosity(tf.logging.ERROR)
import magenta.models.nsynth.wavenet.fastgen
'
echo "$stamp" >"$venv/made-from"
