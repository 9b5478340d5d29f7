#!/bin/bash
# Whether the replicas of this container answer: exit status 0, or 1 with the reason. Each of a replica's two ports is
# sent, over ZeroMQ's protocol, a frame of a channel that does not exist, as anybody may: a replica whose loop turns says
# so with a RESET (crypto/README.md). No key is needed, nothing changes, nothing is logged; a counter of refused frames
# rises. Listening alone would tell little: the kernel accepts connections for a process that stands still.
set -u
timeout_s=4

# le NUMBER BYTES: its bytes in hexadecimal, little endian.
le() {
  local i
  for ((i = 0; i < $2; ++i)); do printf '%02x' $((($1 >> (8 * i)) & 255)); done
}
zeros() { printf '00%.0s' $(seq "$1"); }

# ZeroMQ's greeting (ZMTP 3.0, no security) and READY as a DEALER.
hello=ff$(zeros 8)7f03004e554c4c$(zeros 48)041c0552454144590b536f636b65742d54797065000000064445414c4552
# Its answer has a greeting, and READY as a ROUTER without a name.
hello_answer_bytes=$((64 + 43))

# probe CLUSTER EPOCH REPLICA: one message of 136 bytes, a frame of a client for this replica.
probe() {
  local client replica
  client=02$(zeros 15)
  replica=01000000$(le "$3" 4)$(zeros 8)
  printf '%s' "008854474d4101030000$1$(le "$2" 8)$client$replica$(zeros 8)$(le 1 8)$(zeros 40)"
}

# One message of 88 bytes, which begins as a RESET does.
reset=005854474d410104

send() { printf '%b' "$(sed 's/../\\x&/g' <<<"$1")" >&3; }
receive() { timeout "$timeout_s" head -c "$1" <&3 | od -An -v -tx1 | tr -d ' \n'; }

# answers ADDRESS PROBE
answers() {
  local host port=${1##*:} said
  host=${1#tcp://}
  host=${host%:*}
  host=${host#[}
  host=${host%]}
  exec 3<>"/dev/tcp/$host/$port" || return 1
  send "$hello"
  said=$(receive "$hello_answer_bytes")
  if ((${#said} == 2 * hello_answer_bytes)); then
    send "$2"
    said=$(receive $((${#reset} / 2)))
  fi
  exec 3>&-
  [[ $said == "$reset" ]]
}

# field FILE ID NAME: a replica's or, with ID "", the cluster's.
field() {
  awk -v id="$2" -v name="$3" '
    /^\[/ { in_replica = ($0 == "[[replicas]]"); at_top = 0; here = 0 }
    NR == 1 { at_top = 1 }
    in_replica && $1 == "id" { here = ($3 == id) }
    $1 == name && (id == "" ? at_top : here) { gsub(/"/, "", $3); print $3; exit }' "$1"
}

check() { # check CLUSTER_FILE ID
  local cluster name address
  cluster=$(field "$1" "" cluster)
  [[ ${#cluster} == 64 ]] || { echo "$1: cannot be read" && return 1; }
  for name in replica_address client_address; do
    address=$(field "$1" "$2" "$name")
    answers "$address" "$(probe "$cluster" "$(field "$1" "" epoch)" "$2")" ||
      { echo "replica $2 does not answer at $address" && return 1; }
  done 2>/dev/null
}

found=0
for line in /proc/[0-9]*/cmdline; do
  { mapfile -d "" -t words <"$line"; } 2>/dev/null || continue
  [[ ${words[0]:-} == *tagma && ${words[1]:-} == replica ]] || continue
  file= folder= id=
  for ((i = 2; i < ${#words[@]}; ++i)); do
    case ${words[i]} in
    --cluster=* | --dir=* | --id=*) option=${words[i]%%=*} value=${words[i]#*=} ;;
    *) option=${words[i]} value=${words[i + 1]:-} ;;
    esac
    case $option in
    --cluster) file=$value ;;
    --dir) folder=$value ;;
    --id) id=$value ;;
    esac
  done
  check "${file:-${folder:-${TAGMA_DIR:-tagma-cluster}}/cluster.toml}" "$id" || exit 1
  found=$((found + 1))
done
((found > 0)) || { echo "no replica runs here" && exit 1; }
echo "replicas that answer: $found"
