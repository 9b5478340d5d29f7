#!/usr/bin/env bash
# What the scripts share that make an image from programs of this machine's build, where nothing is compiled in a
# container: they source it. Its words go to standard error. It ends its script with 3 where the image cannot be tried
# here (one line says why), with 1 where the engine could not build it.

from_host_top=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.." && pwd)
say() { printf '%s: %s\n' "$(basename -- "$0" .sh)" "$*" >&2; }
fail() {
  local status=$1
  shift
  say "$@"
  exit "$status"
}

require_engine() {
  command -v docker >/dev/null || fail 3 "there is no docker here"
  docker version >/dev/null 2>&1 || fail 3 "no docker engine answers"
  command -v dpkg-query >/dev/null || fail 3 "there is no dpkg here to say which packages the programs need"
}

# Prints an image of this machine's distribution, whose libraries the programs were linked with. It is pulled or made
# where it is not here yet.
base_image() {
  local distribution codename version name wanted ours=tagma-base:bookworm
  distribution=$(. /etc/os-release && printf '%s' "${ID:-}")
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  version=$(. /etc/os-release && printf '%s' "${VERSION_ID:-}")
  case $distribution in
  debian) wanted=debian:$codename-slim ;;
  ubuntu) wanted=ubuntu:$version ;;
  *) fail 3 "no base image is known for '$distribution': programs that were built here need its libraries" ;;
  esac
  [[ $distribution == debian && $codename == bookworm ]] || ours=
  for name in "$wanted" $ours; do
    if docker image inspect "$name" >/dev/null 2>&1; then
      printf '%s\n' "$name"
      return
    fi
  done
  say "pulling $wanted"
  if timeout 120 docker pull -q "$wanted" >/dev/null 2>&1; then
    printf '%s\n' "$wanted"
  elif [[ -z $ours ]]; then
    fail 3 "$wanted can be neither found nor pulled"
  elif ((EUID != 0)) || ! command -v debootstrap >/dev/null; then
    fail 3 "$wanted can be neither found nor pulled, and docker/base/make-base.sh needs root and debootstrap"
  else
    say "$wanted cannot be pulled: making $ours, which takes minutes"
    "$from_host_top/docker/base/make-base.sh" >&2 || fail 3 "there is no base image: docker/base/make-base.sh failed (above)"
    printf '%s\n' "$ours"
  fi
}

# Prints the packages that own the libraries which the files are linked with. A file is owned under its name with or
# without /usr, whichever its package was built with.
packages_of() {
  local library real
  { ldd "$@" 2>/dev/null || true; } | awk '$3 ~ /^\// {print $3}' | sort -u | while read -r library; do
    real=$(readlink -f -- "$library")
    { dpkg-query -S "$real" || dpkg-query -S "${real#/usr}" || dpkg-query -S "$library"; } 2>/dev/null |
      head -n 1 | cut -d: -f1
  done | sort -u
}

# build_image NAME CONTEXT OPTION...: what it replaces is removed, as far as nothing uses it.
build_image() {
  local name=$1 context=$2 variable before
  shift 2
  # The host's network: a package mirror may be reachable from there alone.
  local arguments=(--network host -t "$name" "$@")
  for variable in http_proxy https_proxy no_proxy; do
    [[ -z ${!variable:-} ]] || arguments+=(--build-arg "$variable")
  done
  before=$(docker image inspect -f '{{.Id}}' "$name" 2>/dev/null || true)
  say "building $name"
  docker build "${arguments[@]}" "$context" >"$context.log" 2>&1 || {
    tail -n 30 "$context.log" >&2
    if grep -qE '^(E|Err|W):.*(Could not resolve|Failed to fetch|Could not connect|Unable to connect)' "$context.log"; then
      fail 3 "the packages of $name cannot be fetched (above)"
    fi
    fail 1 "$name could not be built (above)"
  }
  if [[ -n $before && $(docker image inspect -f '{{len .RepoTags}}' "$before" 2>/dev/null) == 0 ]]; then
    docker rmi "$before" >/dev/null 2>&1 || true
  fi
}
