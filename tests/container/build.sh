#!/usr/bin/env bash
# Builds the image of a commit where no Docker runs, and prints what weighs in it. Debian, as root:
#
#   tests/container/build.sh [--train] [COMMIT]        default: HEAD; what is not committed is not built
#
# With --train it is Dockerfile.train's: CUDA is in there, so keep 20 GB of disk free.
# The base is a Debian made here, with its own Python, since Docker's registry may be out of reach; the Dockerfile is the
# same. The packages come from wherever pip and apt are told to get them; how they are told does not stay in the image.
set -euo pipefail
cd "$(dirname "$0")/../.."
base=localhost/debian-python:trixie image=localhost/beercan-or-bacon:latest file=Dockerfile
if [ "${1:-}" = --train ]; then
  image=localhost/beercan-or-bacon-train:latest file=Dockerfile.train
  shift
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

missing=$(for tool in buildah podman runc mmdebstrap git; do command -v "$tool" >/dev/null || echo "$tool"; done)
if [ -n "$missing" ]; then
  apt-get update -qq
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing netavark >/dev/null
fi

git clone -q . "$work/clone"
git -C "$work/clone" checkout -q "${1:-$(git rev-parse HEAD)}"

if ! podman image exists "$base"; then
  # less what Docker's slim images leave out too; nothing of it need survive a power cut
  mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates --dpkgopt=force-unsafe-io \
    --customize-hook='rm -rf "$1"/usr/share/locale/* "$1"/usr/share/man/* "$1"/usr/share/doc/*' \
    trixie "$work/base.tar"
  podman import --quiet "$work/base.tar" "$base" >/dev/null
fi

certificates=${PIP_CERT:-/etc/ssl/certs/ca-certificates.crt}
{
  echo '[global]'
  echo 'cert = /etc/ssl/certs/ca-certificates.crt'
  for option in index_url proxy trusted_host timeout; do
    value=$(python3 -m pip config get "global.${option/_/-}" 2>/dev/null || true)
    variable=PIP_${option^^}
    [ -z "${!variable:-$value}" ] || echo "${option/_/-} = ${!variable:-$value}"
  done
} >"$work/pip.conf"

buildah bud --quiet --isolation chroot --format docker --layers --pull-never \
  --build-arg BASE="$base" --build-arg REVISION="$(git -C "$work/clone" rev-parse HEAD)" \
  --volume "$work/pip.conf:/etc/pip.conf:ro" --volume "$certificates:/etc/ssl/certs/ca-certificates.crt:ro" \
  --file "$work/clone/$file" --tag "$image" "$work/clone"

container=$(buildah from --pull-never "$image")
root=$(buildah mount "$container")
echo "$image, unpacked:"
du --summarize --block-size=1000000 "$root" | awk '{print $1 " MB in all"}'
for part in "$root"/opt/venv/lib/python*/site-packages/* "$root"/app "$root"/usr; do
  echo "$(du --summarize --block-size=1000000 "$part" | cut -f1) MB ${part#"$root"}"
done | sort -rn | head -12
buildah rm "$container" >/dev/null
