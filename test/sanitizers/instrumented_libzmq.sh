#!/usr/bin/env bash
# Builds ZeroMQ with the thread sanitizer, from Debian's own source package, into the folder given:
#   instrumented_libzmq.sh FOLDER        -> FOLDER/lib/libzmq.so.5
# Without it the sanitizer does not see how ZeroMQ's threads wait for each other, and calls every message a race.
# Says nothing and does nothing if the library is there.
set -euo pipefail
folder=$(realpath -m -- "${1:?the folder to build in}")
[[ -e $folder/lib/libzmq.so.5 ]] && exit 0

mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
log=$folder/build.log
# Package lists of its own: the system's need not name sources.
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/ 2>/dev/null | head -n 1 || true)
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} $suite main" \
  >"$folder/apt/sources.list"
cat >"$folder/apt/apt.conf" <<END
Dir::Etc::sourcelist "$folder/apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$folder/apt/lists";
Dir::Cache "$folder/apt/cache";
END
export APT_CONFIG=$folder/apt/apt.conf

fail() {
  tail -n 20 "$log" >&2
  echo "instrumented_libzmq.sh: $1 (all of it: $log)" >&2
  exit 1
}
cd "$folder"
apt-get -q update >"$log" 2>&1 || fail "no list of Debian's source packages"
apt-get -q source zeromq3 >>"$log" 2>&1 || fail "Debian's source package zeromq3 could not be fetched"
source_folder=$(find . -maxdepth 1 -type d -name 'zeromq3-*' -print -quit)
unset APT_CONFIG
cmake -S "$source_folder" -B build -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  -DCMAKE_CXX_FLAGS="-fsanitize=thread -fno-omit-frame-pointer" -DBUILD_TESTS=OFF -DBUILD_STATIC=OFF \
  -DWITH_PERF_TOOL=OFF -DWITH_DOC=OFF -DENABLE_CURVE=OFF -DENABLE_WS=OFF -DENABLE_DRAFTS=OFF \
  >>"$log" 2>&1 </dev/null || fail "its configuration failed"
ninja -C build >>"$log" 2>&1 </dev/null || fail "its build failed"
mkdir -p lib
cp -a build/lib/libzmq.so* lib/
