#!/usr/bin/env bash
# Writes requirements.lock and requirements-train.lock anew: for every system, with hashes, from PyPI.
# `tests/container/lock.sh --upgrade` also takes the newest of what requirements.txt does not pin.
set -euo pipefail
cd "$(dirname "$0")/../.."
for part in "" -train; do
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
    --custom-compile-command "tests/container/lock.sh" "$@" "requirements$part.txt" --output-file "requirements$part.lock"
done
