#!/usr/bin/env bash
# Makes the image tagma-base:bookworm from Debian packages, where no registry is at hand. Needs root, debootstrap and a
# docker engine. The packages come from the mirror that this machine's apt uses for the release, or from the argument.
#
# usage: make-base.sh [MIRROR]
set -euo pipefail

release=bookworm
image=tagma-base:$release
fail() {
  printf 'make-base: %s\n' "$*" >&2
  exit 2
}

((EUID == 0)) || fail "debootstrap needs root"
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
docker version >/dev/null 2>&1 || fail "there is no docker engine that answers"

mirror=${1:-$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
  awk -v release="$release" '$1 == release && $2 == "main" {print $3; exit}')}
[[ -n $mirror ]] || fail "apt here knows no mirror for $release: name one as the argument"

root=$(mktemp -d)
trap 'rm -rf --one-file-system -- "$root"' EXIT
debootstrap --variant=minbase "$release" "$root/system" "$mirror"
rm -rf "$root"/system/var/cache/apt/archives/*.deb "$root"/system/var/lib/apt/lists/*
tar -C "$root/system" --numeric-owner --exclude=./dev --exclude=./proc --exclude=./sys -cf - . |
  docker import --change 'CMD ["/bin/bash"]' - "$image"
echo "made $image; now: docker build -f docker/Dockerfile -t tagma --build-arg BASE=$image ."
