#!/bin/bash
# Makes a cluster and divides it among volumes, so that no container sees a secret that is not its own: compose.yaml
# runs this once, as the user root of a container without network and with no capability but that of giving files away.
# Arguments are further options of `tagma init`.
#
#   /volumes/cluster   cluster.toml            all read it
#   /volumes/secret-N  identity.key            replica N reads it
#   /volumes/data-N    genesis, once           replica N's own; it takes away the permission to begin as it begins
#   /volumes/client    cluster.toml, client-*  who calls reads it
#   /volumes/admin     cluster.toml, admin-*   who administers reads it
#
# cluster.toml of the first comes last and says that all is done: what was interrupted before is begun again.
set -euo pipefail
cd /  # the working folder may be one that root without rights cannot enter
volumes=/volumes
owner=10001:10001
fail() {
  printf 'init: %s\n' "$*" >&2
  exit 2
}

if [[ -e $volumes/cluster/cluster.toml ]]; then
  echo "There is a cluster already. (Another one: remove this one with all its data, docker compose --profile client down -v.)"
  exit 0
fi
# Back from what was interrupted. A folder is taken over before it is entered: root has no rights here but as the owner.
find "$volumes" -mindepth 1 -exec chown 0:0 {} \;
for folder in "$volumes"/data-*; do
  left=$(find "$folder" -mindepth 1 ! -name genesis -print -quit)
  [[ -z $left ]] || fail "${folder##*/} has data of another cluster: remove the volumes first (docker compose --profile client down -v)"
done
find "$volumes" -mindepth 2 -delete

made=$(mktemp -d)
tagma init --dir "$made/cluster" --hosts "${TAGMA_HOSTS:?}" "$@" >"$made/said" || {
  cat "$made/said"
  fail "the cluster was not made"
}
head -n 1 "$made/said" | sed 's/ in [^:]*:/:/'
cd "$made/cluster"
for secrets in replica-*; do
  id=${secrets#replica-}
  [[ -d $volumes/secret-$id && -d $volumes/data-$id ]] || fail "there is no volume for replica $id"
  cp "$secrets/identity.key" "$volumes/secret-$id/"
  cp "$secrets/genesis" "$volumes/data-$id/"
  chmod 0700 "$volumes/secret-$id" "$volumes/data-$id"
done
for kind in client admin; do
  cp -r cluster.toml "$kind"-* "$volumes/$kind/"
  chmod 0700 "$volumes/$kind"
done
find "$volumes" -name identity.key -exec chmod 0600 {} +
cp cluster.toml "$volumes/cluster/cluster.toml.new"
chmod 0644 "$volumes/cluster/cluster.toml.new"
# What is in a folder first: once it is given away it cannot be entered.
find "$volumes" -depth -mindepth 1 ! -path "$volumes/cluster*" -exec chown "$owner" {} +
sync
mv "$volumes/cluster/cluster.toml.new" "$volumes/cluster/cluster.toml"
sync
