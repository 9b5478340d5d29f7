#!/usr/bin/env bash
# Makes the image tagma-base:bookworm from Debian packages, where no registry is at hand. Needs root, debootstrap and a
# docker engine. The packages come from the mirrors that this machine's apt uses for the release, or from the argument.
# Where the image is here already it says so and ends; --anew makes it again, with the packages of today.
#
# usage: make-base.sh [--anew] [MIRROR]
set -euo pipefail

release=bookworm
image=tagma-base:$release
fail() {
  printf 'make-base: %s\n' "$*" >&2
  exit 2
}

anew=no
if [[ ${1:-} == --anew ]]; then
  anew=yes
  shift
fi
(($# <= 1)) && [[ ${1:-} != -* ]] || fail "usage: make-base.sh [--anew] [MIRROR]"
if [[ $anew == no ]] && docker image inspect "$image" >/dev/null 2>&1; then
  echo "$image is here already (--anew makes it again)"
  exit 0
fi
((EUID == 0)) || fail "debootstrap needs root"
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
docker version >/dev/null 2>&1 || fail "there is no docker engine that answers"

# The lines of sources.list: the release, and what was mended since, as far as apt here knows where that is.
if (($# == 1)); then
  sources="deb $1 $release main"
else
  sources=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk -v release="$release" '$2 == "main" && ($1 == release || $1 ~ "^" release "-(updates|security)$") {
      print "deb", $3, $1, "main"}' | sort -u)
fi
mirror=$(awk -v release="$release" '$3 == release {print $2; exit}' <<<"$sources")
[[ -n $mirror ]] || fail "apt here knows no mirror for $release: name one as the argument"

root=$(mktemp -d)
trap 'rm -rf --one-file-system -- "$root"' EXIT
system=$root/system
debootstrap --variant=minbase "$release" "$system" "$mirror"
printf '%s\n' "$sources" >"$system/etc/apt/sources.list"

# As the images of Debian that are called slim: without what is only read by people, now and in what comes later.
cat >"$system/etc/dpkg/dpkg.cfg.d/slim" <<'END'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/info/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
END
# No daemon starts where a package is installed; no packages, translations and suggestions are kept.
printf '#!/bin/sh\nexit 101\n' >"$system/usr/sbin/policy-rc.d"
chmod +x "$system/usr/sbin/policy-rc.d"
cat >"$system/etc/apt/apt.conf.d/slim" <<'END'
APT::Keep-Downloaded-Packages "false";
APT::AutoRemove::SuggestsImportant "false";
APT::Install-Suggests "false";
Acquire::Languages "none";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
END
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive chroot "$system" "$@"; }
inside apt-get -q update
inside apt-get -q -y -o Dpkg::Use-Pty=0 upgrade </dev/null
find "$system/usr/share/doc" -mindepth 1 ! -type d ! -name copyright -delete
find "$system/usr/share/doc" -mindepth 1 -type d -empty -delete
find "$system"/usr/share/{info,lintian,locale,man} -mindepth 1 -delete
rm -rf "$system"/var/lib/apt/lists/* "$system"/var/cache/apt/* "$system"/var/cache/ldconfig/* \
  "$system"/var/cache/debconf/*-old "$system"/var/lib/dpkg/*-old "$system"/etc/*- "$system"/var/log/* "$system"/tmp/*
# What debootstrap took over from this machine.
rm -f "$system/etc/hostname" "$system/etc/resolv.conf"
tar -C "$system" --numeric-owner --exclude=./dev --exclude=./proc --exclude=./sys -cf - . |
  docker import --change 'CMD ["/bin/bash"]' - "$image"
echo "made $image; now: docker build -f docker/Dockerfile -t tagma --build-arg BASE=$image ."
