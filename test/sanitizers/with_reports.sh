#!/usr/bin/env bash
# Runs a command whose processes are built with sanitizers, and hears all of them: their reports go into a folder, so that
# one whose exit status nobody asks for, or that is killed, is heard as well.
#   with_reports.sh FOLDER COMMAND [ARGUMENT...]    FOLDER is emptied first
# Exit 2 if there is any report, whatever the command says; else the command's own status.
set -euo pipefail
reports=$(realpath -m -- "${1:?the folder for the reports}")
shift
rm -rf -- "$reports"
mkdir -p -- "$reports"
common=log_path=$reports/report:print_stacktrace=1
# Beside the address sanitizer gcc's checks for undefined behaviour write to standard error whatever log_path says; so they
# abort, and of that the address sanitizer makes a report.
export ASAN_OPTIONS=$common:handle_abort=1 LSAN_OPTIONS=$common TSAN_OPTIONS=$common
export UBSAN_OPTIONS=$common:abort_on_error=1
status=0
"$@" || status=$?
[[ -n $(find "$reports" -type f -print -quit) ]] || exit "$status"
head -n 60 "$reports"/* >&2
echo "with_reports.sh: the sanitizers reported the above; all of it is in $reports" >&2
exit 2
