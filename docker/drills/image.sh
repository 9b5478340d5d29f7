#!/usr/bin/env bash
# Makes the image in which drills run programs of this machine's build: nothing is compiled in a container. It has this
# machine's distribution, then the packages of the libraries that the programs need and libfaketime, and last the files,
# in /opt/tagma/. What changes most is the last layer: a new program costs that one.
#
# usage: image.sh IMAGE_NAME FILE...
#
#   docker/drills/image.sh tagma-drill:work build/release/bin/tagma build/release/bin/liar
#
# The last line of standard output is the image's name, all else goes to standard error. Exit status: 0 made, 1 the
# engine could not build it, 2 usage, 3 it cannot be tried here (one line says why): a drill then skips.
set -euo pipefail
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../base/from_host.sh"

(($# >= 2)) || fail 2 "usage: image.sh IMAGE_NAME FILE..."
name=$1
shift
for file in "$@"; do
  [[ -f $file && -r $file ]] || fail 2 "$file: there is no such file"
done
require_engine
base=$(base_image)
packages=$(packages_of "$@" | tr '\n' ' ')
[[ -n $packages ]] || fail 2 "none of the files is linked with a library of a package: are they programs of this machine?"

work=$(mktemp -d)
trap 'rm -rf --one-file-system -- "$work"' EXIT
context=$work/context
mkdir -p "$context/files"
for file in "$@"; do
  # Without debugging information a program is a tenth as large; names of functions stay, for traces.
  copy=$context/files/$(basename -- "$file")
  strip --strip-debug -o "$copy" -- "$file" 2>/dev/null || cp -L -- "$file" "$copy"
done
chmod -R u=rwX,go=rX "$context/files"
# libfaketime lies in a folder that is named after the processor: the link is the same everywhere.
cat >"$context/Dockerfile" <<END
FROM $base
RUN apt-get -q update \\
 && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends libfaketime $packages\\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \\
 && mkdir -p /opt/tagma \\
 && ln -s /usr/lib/*/faketime/libfaketime.so.1 /opt/tagma/libfaketime.so.1
ENV PATH=/opt/tagma:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /tmp
COPY files/ /opt/tagma/
END
build_image "$name" "$context"
printf '%s\n' "$name"
