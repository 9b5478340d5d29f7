#!/usr/bin/env bash
# Fuzzing with libFuzzer; ./tagma fuzz calls it, and so does the test fuzz_short.
#   fuzz.sh TARGET [--seconds N]   one target for N seconds (600); new inputs stay in build/fuzz/corpus/TARGET
#   fuzz.sh all [--seconds N]      each target for N seconds, one after the other
#   fuzz.sh list                   the targets
#   fuzz.sh replay TARGET FILE...  judges files once, such as an artefact
#   fuzz.sh keep TARGET            adds what build/fuzz/corpus/TARGET reaches and the checked-in corpus does not
#   fuzz.sh short                  the ordinary test: every target for a few seconds with a fixed seed
#   fuzz.sh planted                that each target finds the bug that was planted for it (plants.cmake)
# Builds what is stale in build/fuzz first. Exit 0: nothing found. 1: a finding, with the command that replays it. 2: bad
# usage or a failed build. 77: there is no clang with libFuzzer here.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
top=$(cd -- "$here/../.." && pwd)
build=$top/build/fuzz
artefacts=$build/artefacts

targets=(codec validators frames cluster_file key_file signatures command_grammar core)
short_seconds=8
planted_seconds=120 # at most; it ends once the bug is found
# One input: seconds until it counts as endless, megabytes until it counts as bottomless.
limits=(-timeout=20 -rss_limit_mb=2048)

say() { printf 'fuzz: %s\n' "$*" >&2; }
fail() {
  say "$@"
  exit 2
}

usage() {
  cat <<END
usage: ./tagma fuzz TARGET [--seconds N]     one target, for 600 seconds if not said otherwise
       ./tagma fuzz all [--seconds N]        each target in turn
       ./tagma fuzz list
       ./tagma fuzz replay TARGET FILE...    judge files once, such as an artefact
       ./tagma fuzz keep TARGET              add what was newly reached to the checked-in corpus
       ./tagma fuzz planted                  prove that each target finds a bug that was planted for it

Targets: ${targets[*]}

Examples:
  ./tagma fuzz codec --seconds 60
  ./tagma fuzz replay codec build/fuzz/artefacts/codec-crash-1f0e...

New inputs stay in build/fuzz/corpus/TARGET, so a later run goes on where this one stopped. Exit status: 0 nothing
found, 1 a finding, 2 usage or a failed build, 77 no clang with libFuzzer here. More: test/fuzz/README.md
END
}

# libFuzzer begins with short inputs; where an input is a story, only long ones get anywhere.
options_of() {
  case $1 in
  core | frames | command_grammar) printf '%s\n' -len_control=0 -max_len=1024 ;;
  validators) printf '%s\n' -len_control=0 -max_len=512 ;;
  cluster_file) printf '%s\n' -max_len=8192 ;;
  esac
}

# Does this machine's clang link libFuzzer, and may its leak checker run? Sets the sanitizers' options.
probe() {
  command -v clang++ >/dev/null || { say "skipped: clang++ is not installed (package clang)" && exit 77; }
  local folder
  folder=$(mktemp -d)
  printf '%s\n' '#include <cstddef>' '#include <cstdint>' \
    'extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t*, std::size_t) { return 0; }' >"$folder/probe.cpp"
  if ! clang++ -fsanitize=fuzzer,address,undefined -o "$folder/probe" "$folder/probe.cpp" >"$folder/log" 2>&1; then
    head -n 5 "$folder/log" >&2
    rm -rf "$folder"
    say "skipped: this clang++ does not link libFuzzer (package libclang-rt-14-dev)"
    exit 77
  fi
  # The leak checker traces its own process, which some containers forbid.
  export ASAN_OPTIONS=allow_addr2line=1
  "$folder/probe" -runs=1 >/dev/null 2>&1 || export ASAN_OPTIONS=allow_addr2line=1:detect_leaks=0
  export UBSAN_OPTIONS=print_stacktrace=1
  local symbolizer
  symbolizer=$(compgen -c llvm-symbolizer | LC_ALL=C sort | head -n 1 || true)
  [[ -z $symbolizer ]] || ASAN_SYMBOLIZER_PATH=$(command -v "$symbolizer")
  [[ -z $symbolizer ]] || export ASAN_SYMBOLIZER_PATH
  rm -rf "$folder"
}

# Builds a ninja target of the preset `fuzz`; several callers take turns.
build_target() {
  mkdir -p "$build" "$artefacts"
  exec 9>"$build/.fuzz.lock"
  flock 9
  local log=$build/.fuzz.build options=()
  command -v ccache >/dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  if [[ ! -e $build/build.ninja || $top/CMakePresets.json -nt $build/build.ninja ]]; then
    say "configuring build/fuzz"
    if ! (cd "$top" && cmake --fresh --preset fuzz "${options[@]}") >"$log" 2>&1 </dev/null; then
      cat "$log" >&2
      rm -f "$build/build.ninja"
      fail "the configuration failed (above)"
    fi
  fi
  say "building $1"
  if [[ -t 2 ]]; then
    ninja -C "$build" "$1" >&2 </dev/null || fail "the build failed (above)"
  elif ! ninja -C "$build" "$1" >"$log" 2>&1 </dev/null; then
    grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking)' "$log" >&2 || true
    fail "the build failed (above)"
  fi
  exec 9>&-
}

is_target() {
  local known
  for known in "${targets[@]}"; do [[ $known != "$1" ]] || return 0; done
  fail "there is no target '$1': ${targets[*]}"
}

# The checked-in inputs of a target, as far as there are folders of them.
seeds_of() {
  local folder
  for folder in "$here/corpus/$1" "$here/regressions/$1"; do [[ ! -d $folder ]] || printf '%s\n' "$folder"; done
}

# run_target TARGET FOLDER_FOR_NEW_INPUTS OPTION... : libFuzzer itself, of the program that $program_prefix begins.
program_prefix=fuzz_
run_target() {
  local target=$1 new=$2 seeds options dictionary=$here/dictionaries/$1.dict
  shift 2
  mapfile -t seeds < <(seeds_of "$target")
  mapfile -t options < <(options_of "$target")
  mkdir -p "$new"
  [[ ! -e $dictionary ]] || set -- "$@" "-dict=$dictionary"
  (cd "$top" && exec "build/fuzz/bin/$program_prefix$target" "${limits[@]}" "${options[@]}" \
    "-artifact_prefix=build/fuzz/artefacts/$target-" "$@" "$new" "${seeds[@]}")
}

# What to do about a finding, from libFuzzer's log.
explain() {
  local target=$1 log=$2 artefact
  if grep -q 'libFuzzer: run interrupted' "$log"; then
    say "$target: interrupted; what was reached is kept"
    return 0
  fi
  artefact=$(sed -nE 's/.*Test unit written to (\S+).*/\1/p' "$log" | tail -n 1)
  say "$target: a finding"
  [[ -n $artefact ]] || return 0
  say "  the input:   $artefact"
  say "  replay it:   ./tagma fuzz replay $target $artefact"
  say "  once mended: cp $artefact test/fuzz/regressions/$target/WHAT_IT_WAS"
}

run_long() {
  local target=$1 seconds=$2 log=$build/$1.log
  say "$target: $seconds seconds; the log is build/fuzz/$target.log"
  run_target "$target" "$build/corpus/$target" "-max_total_time=$seconds" -print_final_stats=1 2>&1 |
    tee "$log" | grep --line-buffered -E '^#[0-9]+\s+(INITED|pulse|DONE)|ERROR|broken promise|SUMMARY|runtime error' >&2 ||
    true
  if ! grep -aqE '^Done [0-9]+ runs' "$log"; then
    explain "$target" "$log"
    return 1
  fi
  say "$target: $(sed -nE 's/^Done ([0-9]+) runs.*/\1/p' "$log" | tail -n 1) runs, nothing found; $(find "$build/corpus/$target" -type f | wc -l) inputs in build/fuzz/corpus/$target"
}

# run_each FOLDER OPTION... : all targets, two at a time. FOLDER/TARGET.log is what each said, FOLDER/TARGET.failed is there
# if it found something or could not run.
run_each() {
  local folder=$1 target running=0
  shift
  for target in "${targets[@]}"; do
    {
      run_target "$target" "$folder/$target" -seed=1 "$@" >"$folder/$target.log" 2>&1 || touch "$folder/$target.failed"
    } &
    running=$((running + 1))
    ((running % 2 == 1)) || wait
  done
  wait
}

# The lines of a log that tell more than that the search goes on.
tell() { grep -avE '^#[0-9]+\s+(NEW|REDUCE|pulse|RELOAD)|NEW_(FUNC|PC)' "$1" | tail -n 60 >&2; }

run_short() {
  local folder=$1 target failed=0
  run_each "$folder" "-max_total_time=$short_seconds"
  for target in "${targets[@]}"; do
    if [[ -e $folder/$target.failed ]]; then
      tell "$folder/$target.log"
      explain "$target" "$folder/$target.log"
      failed=1
    else
      printf '%-16s %s\n' "$target" "$(grep -aE '^#[0-9]+\s+DONE' "$folder/$target.log" | tail -n 1)"
    fi
  done
  return "$failed"
}

# Each target has to end by one of its own promises: any other end is no proof.
run_planted() {
  local folder=$1 target log promise failed=0
  program_prefix=fuzz_planted_
  run_each "$folder" "-max_total_time=$planted_seconds" -print_final_stats=1 "-artifact_prefix=$folder/"
  for target in "${targets[@]}"; do
    log=$folder/$target.log
    promise=$(sed -nE 's/^tagma: broken promise: (.*) \(.* at .*/\1/p' "$log" | head -n 1)
    if [[ -e $folder/$target.failed && -n $promise ]] && grep -aq 'Test unit written' "$log"; then
      printf '%-16s %8s runs: %s\n' "$target" \
        "$(sed -nE 's/^stat::number_of_executed_units: *//p' "$log")" "$promise"
    else
      tell "$log"
      say "$target: the planted bug was not found"
      failed=1
    fi
  done
  return "$failed"
}

# with_folder COMMAND : calls it with a folder that is gone afterwards.
with_folder() {
  local folder
  folder=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder of now
  trap "rm -rf '$folder'" EXIT
  "$1" "$folder"
}

keep() {
  local target=$1 merged
  [[ -d $build/corpus/$target ]] || fail "nothing to keep: run ./tagma fuzz $target first"
  merged=$(mktemp -d)
  # By edges, not by how often they are passed: a corpus that people can look through.
  (cd "$top" && "build/fuzz/bin/fuzz_$target" -set_cover_merge=1 -use_counters=0 "${limits[@]}" "$merged" "$here/corpus/$target" \
    "$build/corpus/$target") >"$build/$target.log" 2>&1 || {
    rm -rf "$merged"
    fail "merging failed; the log is build/fuzz/$target.log"
  }
  mkdir -p "$here/corpus/$target"
  find "$here/corpus/$target" -type f -delete
  cp "$merged"/* "$here/corpus/$target/"
  rm -rf "$merged"
  say "$target: $(find "$here/corpus/$target" -type f | wc -l) inputs, $(du -b -s "$here/corpus/$target" | cut -f 1) bytes"
}

seconds_of() {
  local seconds=600
  if (($# > 0)); then
    [[ $1 == --seconds && $# -eq 2 && $2 =~ ^[1-9][0-9]*$ ]] || fail "expected --seconds N, got: $*"
    seconds=$2
  fi
  printf '%s\n' "$seconds"
}

command=${1:-help}
(($# == 0)) || shift
case $command in
help | -h | --help) usage ;;
list) printf '%s\n' "${targets[@]}" ;;
short)
  probe
  build_target fuzz_targets
  with_folder run_short
  ;;
planted)
  probe
  build_target fuzz_planted_targets
  with_folder run_planted
  ;;
all)
  seconds=$(seconds_of "$@")
  probe
  build_target fuzz_targets
  failed=0
  for target in "${targets[@]}"; do run_long "$target" "$seconds" || failed=1; done
  exit "$failed"
  ;;
replay)
  (($# >= 2)) || fail "replay needs a target and a file"
  target=$1
  is_target "$target"
  shift
  probe
  build_target "fuzz_$target"
  exec "$build/bin/fuzz_$target" "${limits[@]}" "$@"
  ;;
keep)
  (($# == 1)) || fail "keep needs a target"
  is_target "$1"
  probe
  build_target "fuzz_$1"
  keep "$1"
  ;;
*)
  is_target "$command"
  if [[ ${1:-} == -h || ${1:-} == --help ]]; then
    usage
    exit 0
  fi
  seconds=$(seconds_of "$@")
  probe
  build_target "fuzz_$command"
  run_long "$command" "$seconds"
  ;;
esac
