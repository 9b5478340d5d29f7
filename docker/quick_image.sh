#!/usr/bin/env bash
# Makes the image of docker/Dockerfile from a program that this machine has built, in seconds: its stage `runtime`,
# without the stage `build`.
#
# usage: quick_image.sh IMAGE_NAME [PROGRAM]      (build/release/bin/tagma)
#
# The last line of standard output is the image's name, all else goes to standard error. Exit status: 0 made, 1 the
# engine could not build it, 2 usage, 3 it cannot be tried here (one line says why).
set -euo pipefail
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/base/from_host.sh"

(($# == 1 || $# == 2)) && [[ $1 != -* ]] || fail 2 "usage: quick_image.sh IMAGE_NAME [PROGRAM]"
name=$1
program=${2:-$from_host_top/build/release/bin/tagma}
[[ -f $program && -r $program ]] || fail 2 "$program: there is no such file (./tagma --version builds it)"
require_engine
base=$(base_image)

work=$(mktemp -d)
trap 'rm -rf --one-file-system -- "$work"' EXIT
context=$work/context
mkdir -p "$context/docker"
packages_of "$program" >"$context/runtime-packages"
[[ -s $context/runtime-packages ]] || fail 2 "$program is linked with no library of a package: is it a program of this machine?"
strip -o "$context/tagma" -- "$program"
chmod 0755 "$context/tagma"
cp "$from_host_top/docker/health.sh" "$from_host_top/docker/init_volumes.sh" "$context/docker/"
{
  echo "ARG BASE"
  sed -n '/^FROM .* AS runtime$/,$p' "$from_host_top/docker/Dockerfile" | sed 's|^COPY --from=build /|COPY |'
} >"$context/Dockerfile"
build_image "$name" "$context" --build-arg "BASE=$base"
printf '%s\n' "$name"
