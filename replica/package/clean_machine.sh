#!/usr/bin/env bash
# From a clean machine: the package installs, and the example program and its service build and run against a cluster of
# four replicas. The machine is a Debian system made for this, with the package, build-essential, cmake and pkg-config in
# it and nothing else of ours; it is a container where a docker engine answers, otherwise a chroot. Needs root.
#
# usage: clean_machine.sh [PACKAGE.deb] [--chroot]
#
# Without PACKAGE it makes the package first (./tagma package). Prints what it does and a verdict; exit 0: it holds, 1:
# it does not, 2: it could not be tried. Cleans up after itself; the base image tagma-base:bookworm stays.
set -euo pipefail

top=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../.." && pwd)
image=tagma-base:bookworm
package=
chroot=no
say() { printf 'clean_machine: %s\n' "$*"; }
fail() {
  printf 'clean_machine: %s\n' "$*" >&2
  exit 2
}

for word in "$@"; do
  case $word in
  --chroot) chroot=yes ;;
  -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0" && exit 0 ;;
  *.deb) package=$word ;;
  *) fail "'$word' is neither a package nor an option (--help)" ;;
  esac
done
((EUID == 0)) || fail "run it as root: it makes a machine"
if [[ -z $package ]]; then
  say "making the package"
  package=$("$top/tagma" package)
fi
[[ -r $package ]] || fail "$package: there is no such file"

work=$(mktemp -d)
container=
mounted=
clean_up() {
  [[ -z $container ]] || docker rm -f "$container" >/dev/null 2>&1 || true
  if [[ -n $mounted ]]; then
    umount "$mounted/proc" || true
    umount "$mounted/dev" || true
  fi
  rm -rf --one-file-system -- "$work"
}
trap clean_up EXIT

# What happens on the clean machine. Its folder /clean has the package and the apt sources of this machine.
cat >"$work/inside.sh" <<'INSIDE'
set -eu
export DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8
say() { printf '  %s\n' "$*"; }
expect() { # expect WHAT EXPECTED SEEN
  [ "$2" = "$3" ] || { echo "  $1: expected '$2', saw '$3'" && exit 1; }
  say "$1: $3"
}
# Quiet unless it fails.
quietly() {
  "$@" >/tmp/step.log 2>&1 </dev/null || { tail -n 40 /tmp/step.log && echo "  failed: $*" && exit 1; }
}

say "updating the package lists"
quietly apt-get -q update
say "installing build-essential cmake pkg-config"
quietly apt-get -q install -y --no-install-recommends build-essential cmake pkg-config
say "installing the package"
quietly apt-get -q install -y --no-install-recommends /clean/tagma.deb
say "installed: $(tagma --version), $(dpkg-query -W -f '${Installed-Size} KiB' tagma)"
if dpkg-query -W -f '${Package}\n' | grep -E '^(libzmq3|libcapnp|libssl)-dev$'; then
  echo "  development packages of what tagma is built with came along" && exit 1
fi

cp -r /usr/share/doc/tagma/examples /tally
cd /tally
say "building the example project"
quietly cmake -S . -B build
quietly cmake --build build
quietly sh -c 'c++ -std=c++20 ask_tally.cpp -o ask_by_pkg_config $(pkg-config --cflags --libs tagma-client)'

say "starting four replicas of the example program"
./build/tally up --service tally >up.log 2>&1 &
up=$!
trap 'kill -INT $up 2>/dev/null; wait $up 2>/dev/null' EXIT
tries=0
until grep -q '^ready' up.log; do
  tries=$((tries + 1))
  { kill -0 $up && [ $tries -lt 600 ]; } || { cat up.log && echo "  the cluster is not ready" && exit 1; }
  sleep 0.1
done
say "$(grep '^ready' up.log)"
expect "tally add 3" 3 "$(./build/tally call tally add 3)"
expect "client program in C++" "the tally is 13, say 2 replicas alike" "$(./build/ask_tally tagma-cluster 10)"
expect "client program in C" "the tally is 23, say 2 replicas alike" "$(./build/ask_tally_c tagma-cluster 10)"
expect "client program by pkg-config" "the tally is 33, say 2 replicas alike" "$(./ask_by_pkg_config tagma-cluster 10)"
say "installing python3"
quietly apt-get -q install -y --no-install-recommends python3
expect "client program in Python" "the tally is 43, say 2 replicas alike" "$(python3 ask_tally.py tagma-cluster 10)"
kill "$(sed -n 's/^ *replica 3 *pid \([0-9]*\).*/\1/p' up.log)"
expect "tally read, replica 3 killed" 43 "$(tagma call tally read)"
kill -INT $up
trap - EXIT
wait $up || { echo "  the cluster ended with $?" && exit 1; }
say "stopped: $(tail -n 1 up.log)"
quietly apt-get -q remove -y tagma
[ ! -e /usr/bin/tagma ] && [ ! -e /usr/include/tagma ] || { echo "  files stay behind after removal" && exit 1; }
say "removed without a trace"
INSIDE
cp -- "$package" "$work/tagma.deb"

# The sources from which this machine installs, mirrors and proxies included.
mkdir "$work/apt"
cp -r /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d "$work/apt/" 2>/dev/null || true

verdict() {
  if "$@"; then
    say "HOLDS: the package installs on a clean machine, and a program and a service outside of the tree build and run"
  else
    say "DOES NOT HOLD (above)"
    exit 1
  fi
}

in_container() {
  docker image inspect "$image" >/dev/null 2>&1 || "$top/docker/base/make-base.sh" || fail "no base image (above)"
  # With the host's network: a package mirror may be reachable from there alone. All ports are on the loopback.
  container=$(docker create --network host --init "$image" /bin/bash /clean/inside.sh) || fail "no container (above)"
  docker cp "$work/." "$container:/clean" >/dev/null || fail "nothing can be copied into the container"
  docker cp "$work/apt/." "$container:/etc/apt" >/dev/null || fail "nothing can be copied into the container"
  say "a container of $image"
  docker start --attach "$container"
}

in_chroot() {
  command -v debootstrap >/dev/null || fail "there is no docker engine and no debootstrap: apt-get install debootstrap"
  local mirror
  mirror=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "bookworm" && $2 == "main" {print $3; exit}')
  say "a chroot made by debootstrap"
  debootstrap --variant=minbase bookworm "$work/system" "${mirror:?apt here knows no mirror for bookworm}" >"$work/log" ||
    { tail -n 20 "$work/log" >&2 && fail "debootstrap failed"; }
  mkdir "$work/system/clean" && cp "$work/inside.sh" "$work/tagma.deb" "$work/system/clean/" &&
    cp -r "$work/apt/." "$work/system/etc/apt/" && cp /etc/resolv.conf "$work/system/etc/resolv.conf" ||
    fail "the chroot cannot be filled"
  mounted=$work/system
  mount -t proc proc "$mounted/proc" && mount --bind /dev "$mounted/dev" || fail "the chroot cannot be mounted"
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root chroot "$mounted" /bin/bash /clean/inside.sh
}

if [[ $chroot == no ]] && docker version >/dev/null 2>&1; then
  verdict in_container
else
  verdict in_chroot
fi
