#!/usr/bin/env bash
# Builds the fuzz targets (preset `fuzz`: clang, libFuzzer, address and undefined-behaviour sanitizers) and runs them.
#
#   fuzz.sh list                      the targets
#   fuzz.sh short                     each target for a few seconds, with a fixed seed, over the corpus; for the tests
#   fuzz.sh run TARGET [SECONDS]      one target for that long (600), with a seed of its own
#   fuzz.sh all [SECONDS]             every target for that long, two at a time (TAGMA_FUZZ_JOBS)
#   fuzz.sh merge TARGET              what earlier runs found new, minimised, into the checked-in corpus
#
# What runs find new is kept in build/fuzz/corpus/TARGET. A finding's input lies in build/fuzz/findings and is replayed by
# naming it to the target: build/fuzz/bin/fuzz_TARGET FILE. Exit 0: nothing found; 1: a finding; 77: no clang here.
set -euo pipefail
here=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd)
top=$(cd -- "$here/../.." && pwd)
build=$top/build/fuzz
short_seconds=${TAGMA_FUZZ_SECONDS:-6}
jobs_max=${TAGMA_FUZZ_JOBS:-2}
input_bytes_max=8192

targets() { sed -n 's/^fuzz_target(\([a-z_]*\).*/\1/p' "$here/CMakeLists.txt"; }

say() { printf 'fuzz: %s\n' "$*"; }

require_target() {
  targets | grep -qx -- "$1" || {
    say "there is no target '$1': $(targets | paste -sd ' ')" >&2
    exit 2
  }
}

build_targets() {
  command -v clang++ >/dev/null || { say "skipped: clang is not installed" && exit 77; }
  echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
    clang++ -x c++ -fsanitize=fuzzer,address - -o /dev/null 2>/dev/null ||
    { say "skipped: clang has no libFuzzer here (Debian: libclang-rt-14-dev)" && exit 77; }
  local options=() log=$build/build.log
  command -v ccache >/dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  mkdir -p "$build"
  if ! { (cd "$top" && cmake --preset fuzz "${options[@]}") && ninja -C "$build" fuzz_targets; } >"$log" 2>&1 </dev/null
  then
    tail -n 40 "$log" >&2
    say "the targets could not be built (above)" >&2
    exit 1
  fi
}

# run_target TARGET SECONDS [OPTIONS OF LIBFUZZER]...: one run; its log is shown if it ends in a finding.
run_target() {
  local target=$1 seconds=$2 log=$build/$1.log own=$build/corpus/$1 given=() dictionary=$here/dictionaries/$1.dict
  shift 2
  mkdir -p "$own" "$build/findings"
  [[ -d $here/corpus/$target ]] && given+=("$here/corpus/$target")
  [[ -d $here/regressions/$target ]] && given+=("$here/regressions/$target")
  [[ -e $dictionary ]] && set -- "$@" "-dict=$dictionary"
  if "$build/bin/fuzz_$target" "-max_total_time=$seconds" -timeout=20 -rss_limit_mb=3000 "-max_len=$input_bytes_max" \
    -print_final_stats=1 "-artifact_prefix=$build/findings/$target-" "$@" "$own" "${given[@]}" >"$log" 2>&1 </dev/null
  then
    say "$target: nothing found in $(sed -n 's/.*number_of_executed_units: *//p' "$log") inputs, $(
      sed -n 's/.*\(cov: [0-9]* ft: [0-9]*\).*/\1/p' "$log" | tail -n 1)"
  else
    tail -n 60 "$log"
    say "$target: a FINDING, log $log; replay: build/fuzz/bin/fuzz_$target FILE (the file is named above)"
    return 1
  fi
}

run_all() {
  local seconds=$1 failed=0 jobs=()
  shift
  for target in $(targets); do
    run_target "$target" "$seconds" "$@" &
    jobs+=($!)
    if ((${#jobs[@]} == jobs_max)); then
      wait "${jobs[0]}" || failed=1
      jobs=("${jobs[@]:1}")
    fi
  done
  for job in "${jobs[@]}"; do wait "$job" || failed=1; done
  return "$failed"
}

case ${1:-} in
list) targets ;;
short)
  build_targets
  # What earlier runs found is left aside, so that every short run starts from the same inputs.
  build_own=$build/short
  rm -rf -- "$build_own"
  mkdir -p "$build_own"
  ln -sfn "$build/bin" "$build_own/bin"
  build=$build_own
  run_all "$short_seconds" -seed=1
  ;;
run)
  require_target "${2:-}"
  build_targets
  run_target "$2" "${3:-600}"
  ;;
all)
  build_targets
  run_all "${2:-600}"
  ;;
merge)
  require_target "${2:-}"
  build_targets
  mkdir -p "$here/corpus/$2"
  "$build/bin/fuzz_$2" -merge=1 "-max_len=$input_bytes_max" "$here/corpus/$2" "$build/corpus/$2" >"$build/$2.merge.log" 2>&1
  say "$2: $(find "$here/corpus/$2" -type f | wc -l) inputs, $(du -sb "$here/corpus/$2" | cut -f1) bytes"
  ;;
*)
  sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
