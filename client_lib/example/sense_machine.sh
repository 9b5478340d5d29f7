#!/bin/sh
# Five feeders on real readings of this machine: three are right, one lies, one is dead. What is decided stays between
# what the three say.
#
# usage: sense_machine.sh [ROUNDS]     TAGMA=PROGRAM names the program (tagma), TAGMA_DIR the cluster's folder
#
# Before, in another terminal:
#   tagma up --groups sense_machine.toml --clock-window-ms 250
set -u
tagma=${TAGMA:-tagma}
rounds=${1:-5}

feed() { # MEMBER PROGRAM; becomes the feeder, so that $! is its process
  exec "$tagma" sense memory-left --member "$1" --every 1s --command "$2"
}
# The others go when the first one has seen its rounds, or is interrupted.
feeders=
trap 'kill $feeders 2>/dev/null; wait' EXIT
trap 'exit 130' INT TERM
feed 1 "awk '/^MemAvailable/ { print \$2 / 1024 }' /proc/meminfo" >/dev/null &
feeders="$feeders $!"
feed 2 "vmstat -s -S M | awk '/free memory/ { free = \$1 } /buffer memory|swap cache/ { free += \$1 } END { print free }'" >/dev/null &
feeders="$feeders $!"
feed 3 'echo 1000000' >/dev/null &
feeders="$feeders $!"
# Member 4 is dead: nobody votes for it, so that each round takes until its deadline.
"$tagma" sense memory-left --member 0 --every 1s --rounds "$rounds" --command "free -m | awk '/^Mem/ { print \$7 }'"
status=$?
"$tagma" group show memory-left
exit $status
