#!/usr/bin/env bash
# The house rules that a machine can check. One check per call:
#   house.sh format           every C++ source has the repository's clang-format
#   house.sh rules            arrows between the rooms, banned calls, file length, unfinished marks
#   house.sh tidy BUILD_DIR   clang-tidy over the compilation database (minutes; not part of the ordinary tests)
# Exit 0: clean. 1: findings, one per line. 77: the check cannot run here, and why.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

rooms=(messages crypto checkpoint replica client_lib test)
findings=0
find_cpp() { find "$@" \( -name '*.h' -o -name '*.cpp' \) -type f | LC_ALL=C sort; }
found() {
  printf '%s\n' "$*"
  findings=$((findings + 1))
}

format() {
  command -v clang-format >/dev/null || { echo "clang-format is not installed" && exit 77; }
  find_cpp "${rooms[@]}" | xargs -r clang-format --dry-run -Werror
}

# may_include FOLDER ROOM...: the sources under FOLDER include nothing of ours but from these rooms.
may_include() {
  local folder=$1 line file included allowed room
  shift
  [[ -d $folder ]] || return 0
  while IFS= read -r line; do
    file=${line%%:*}
    included=$(sed -E 's/^[^"]*"([^"]+)".*/\1/' <<<"$line")
    # A public header belongs to the room in whose include folder it lies.
    [[ $included == tagma/* ]] && included=$(find "${rooms[@]}" -path "*/include/$included")
    allowed=no
    for room in "$@"; do [[ $included == "$room"/* ]] && allowed=yes; done
    [[ $allowed == yes ]] || found "$file: includes \"$included\", but $folder/ may know only: $*"
  done < <(grep -rnE '^#include "' --include='*.h' --include='*.cpp' "$folder" || true)
}

# banned FOLDER PATTERN WHY: no source line under FOLDER matches (comments aside).
banned() {
  local folder=$1 pattern=$2 why=$3 line
  [[ -e $folder ]] || return 0
  while IFS= read -r line; do found "$line   <- $why"; done < <(
    grep -rnE --include='*.h' --include='*.cpp' "$pattern" "$folder" | grep -vE '^[^:]+:[0-9]+: *//' || true
  )
}

rules() {
  # Arrows go one way (README.md, "Map").
  may_include messages messages
  may_include crypto messages crypto
  may_include checkpoint messages checkpoint
  may_include replica/service messages replica/service
  may_include replica/core messages checkpoint replica/service replica/core
  may_include replica/runtime messages crypto checkpoint replica
  may_include client_lib messages crypto client_lib replica/runtime replica/service # replica: for client_lib/cli alone
  local file
  for file in client_lib/*.h client_lib/*.cpp client_lib/example/*; do
    banned "$file" '^#include "replica/' "only the command line, which starts replicas, knows them"
  done

  # The pure cores: no socket, clock, thread, file, random device, unordered iteration or logging.
  local pure
  for pure in replica/core replica/service checkpoint/layered_state.h checkpoint/layered_state.cpp; do
    [[ -e $pure ]] || continue
    banned "$pure" '#include <(thread|mutex|atomic|condition_variable|future|fstream|iostream|random|unordered_map|unordered_set|filesystem|ctime|sys/.*|unistd.h|spdlog/.*|zmq.*)>' \
      "a pure core has no such thing: let it come in as an event or go out as an effect"
    banned "$pure" '\b(system_clock|steady_clock|rand|getenv|printf)\b' "comes in through events or the constructor"
  done
  banned client_lib/client_core.h '#include <(thread|mutex|atomic|random|unordered_map|unordered_set)>' "the client core is pure"

  local room
  for room in "${rooms[@]}"; do
    banned "$room" '\b(TODO|FIXME|XXX|HACK)\b' "finish it, or say it in the README's status"
    banned "$room" '\b(strcpy|strcat|sprintf|gets|atoi|system)\(' "use the bounded or typed form"
  done
  banned messages 'std::random_device' "randomness is injected"

  # The line editor is replaceable: one folder knows it.
  while IFS= read -r file; do
    [[ $file == client_lib/cli/shell/* ]] || found "$file: only client_lib/cli/shell/ includes libedit"
  done < <(grep -rlE '^#include <(histedit\.h|editline/.*|readline/.*)>' --include='*.h' --include='*.cpp' "${rooms[@]}" || true)

  local lines
  while IFS= read -r file; do
    lines=$(wc -l <"$file")
    ((lines <= 800)) || found "$file: $lines lines; above 800 it is several modules"
  done < <(find_cpp "${rooms[@]}")
  for room in messages crypto checkpoint replica/core replica/service replica/runtime client_lib test/sim test/end_to_end test/bench; do
    [[ ! -d $room || -e $room/README.md ]] || found "$room: has no README.md"
  done
  ((findings == 0))
}

tidy() {
  command -v run-clang-tidy >/dev/null || { echo "clang-tidy is not installed" && exit 77; }
  local build=$1
  [[ -e $build/compile_commands.json ]] || { echo "$build has no compile_commands.json: configure first" && exit 77; }
  run-clang-tidy -quiet -p "$build" -j "$(nproc)" "^$PWD/(messages|crypto|checkpoint|replica|client_lib|test)/"
}

case ${1:-} in
format | rules) "$1" ;;
tidy) tidy "${2:?the build folder}" ;;
*)
  sed -n '2,6s/^# //p' "$0" >&2
  exit 2
  ;;
esac
