#!/bin/sh
# Make .venv-manifests: what checks k8s/ and does not get along with the releases of .venv.
#
# Checkov pins much of what it needs. Of dask-kubernetes only the schemas of its resources are
# wanted, so it comes without its dependencies. An environment that is up to date is left as it is.
set -eu

cd "$(dirname "$0")/.."
venv=.venv-manifests
pins=constraints-manifests.txt

stamp=$(cat scripts/manifests-env.sh "$pins" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$venv/made-from" 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi

echo "manifests-env: making $venv (a minute, about 300 MB)"
rm -rf "$venv"
"${PYTHON:-.venv/bin/python}" -m venv "$venv"
pip="$venv/bin/python -m pip --disable-pip-version-check --quiet"
$pip install -c "$pins" checkov
$pip install -c "$pins" --no-deps dask-kubernetes
echo "$stamp" >"$venv/made-from"
