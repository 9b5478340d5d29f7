#!/usr/bin/env bash
# Proves that a sanitizer's report ends a run: with_reports.sh, which ./tagma test uses, has to fail where a planted bug is
# performed, even if nobody asks for the exit status of the process that performs it, and to pass where there is none.
#   planted.sh PROGRAM WORDS_OF_THE_REPORT BUG    PROGRAM is planted_bugs
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
program=$1 words=$2 bug=$3
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT

fail() {
  cat "$folder/log" >&2
  echo "planted.sh: $*" >&2
  exit 1
}
# run COMMAND... : its exit status under the sanitizers' reports; what it said is in the log.
run() {
  local status=0
  "$here/with_reports.sh" "$folder/reports" "$@" >"$folder/log" 2>&1 || status=$?
  printf '%s\n' "$status"
}

[[ $(run "$program" none) == 0 ]] || fail "there is a report without a bug"
[[ $(run sh -c '"$0" "$1"; true' "$program" "$bug") == 2 ]] || fail "the planted bug '$bug' does not end the run"
grep -qF -- "$words" "$folder/log" || fail "the report does not say: $words"
[[ $(run sh -c 'exit 7') == 7 ]] || fail "the command's own exit status is lost"
echo "a report ends the run: $words"
