# shellcheck shell=bash
# What the stress scripts have in common; they source it, it is no program itself.
#
# They are written for bash, as .ci/run is: sh has no /dev/tcp, need not have `ulimit -u`, and does
# not tell the process groups of its jobs apart.
#
# No command has two $(…) side by side: if a signal comes during the first, bash 5.2 reads its trap
# as a part of the second, and ends with a syntax error.
#
#   RUNGS_BIN        the folder with the programs; without it they are built, into target/release
#   RUNGS_PATIENCE   how many seconds what is awaited may take, 30 if not set
set -euo pipefail

script=${0##*/}
patience=${RUNGS_PATIENCE:-30}

# fail PROBLEM HINT [STATUS]
fail() {
    printf '%s: %s\nhint: %s\n' "$script" "$1" "$2" >&2
    exit "${3:-1}"
}

# takes MOST ARGUMENT…: at most so many arguments; the script's first comment is its help
takes() {
    case ${2-} in
    -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && exit 0 ;;
    -*) fail "$2: no such flag" "--help shows the use" 2 ;;
    esac
    [ $# -le $(($1 + 1)) ] || fail "${*: -1}: one argument too many" "--help shows the use" 2
}

# need TOOL PACKAGE
need() {
    command -v "$1" >/dev/null || fail "$1: not found" "the package $2 has it"
}

# begin: finds the programs and says what will be shown
begin() {
    folder=
    trap clean_up EXIT
    trap 'leave 129' HUP
    trap 'leave 130' INT
    trap 'leave 143' TERM
    folder=$(mktemp -d)
    if [ -z "${RUNGS_BIN-}" ]; then
        need cargo rustc
        # Not --quiet: the first time it takes some minutes.
        (cd "$(dirname "$0")/.." && cargo build --release --bins)
    fi
    bin=$(cd "${RUNGS_BIN:-$(dirname "$0")/../target/release}" && pwd)
    as_expected=true
    sed -n '2s/^# //p' "$0"
}

# ---- Processes. ----

# beside COMMAND…: runs it beside the script, in a process group of its own, which ends with it
beside() {
    set -m
    "$@" </dev/null &
    set +m
}

# How a server is started. A script may define this anew, to set limits first.
launch() {
    exec "$@"
}

# start NAME FLAG…: starts a rung on a free port, and sets $server, $address and $url
start() {
    beside launch "$bin/$1" --listen 127.0.0.1:0 "${@:2}" >"$folder/out" 2>"$folder/err"
    server=$!
    await announced || true
    url=$(sed -n 's/.*: serving \(http:[^ ]*\) .*/\1/p' "$folder/out")
    [ "$url" ] || fail "$1: does not start: $(head -n 1 "$folder/err")" "does $bin/$1 run?"
    address=${url#http://}
    address=${address%/}
}

lives() {
    kill -0 "$server" 2>/dev/null
}

ended() {
    ! lives
}

# Whether the server waits: for a client, or for news of those it has.
sleeps() {
    [[ $(ps -p "$server" -o stat=) == S* ]]
}

announced() {
    grep -q ': serving ' "$folder/out" || ended
}

# Whether the server lives, or what it said last.
state() {
    if lives; then
        echo "it lives"
    else
        echo "it ended: $(sed -n '$s/^[^:]*: //p' "$folder/err")"
    fi
}

# clients FILTER…: how many connections to the server there are, from their clients' side
clients() {
    ss -Htn "$@" dst "$address" | wc -l
}

# How many of them wait in the accept queue.
queued() {
    ss -Htln src "$address" | awk '{ print $2 }'
}

# stop PID…: ends these and all that they have started
stop() {
    local pid
    for pid; do kill -KILL -- "-$pid" || true; done
    wait "$@" || true
} 2>/dev/null # Bash names each job that was killed.

clean_up() {
    trap '' HUP INT TERM
    [ "$folder" ] || return 0
    # Not $(jobs -p): see leave. Not $! either: a signal may come before that is noted down.
    jobs -p >"$folder/jobs"
    mapfile -t started <"$folder/jobs"
    # Without arguments wait(1) would wait for all.
    [ "${#started[@]}" = 0 ] || stop "${started[@]}"
    rm -rf "$folder"
}

# leave STATUS: what a signal leads to. Not by exit: in a trap that came during a $(…), bash 5.2 now
# and then goes on behind it.
leave() {
    clean_up
    trap - EXIT
    exec sh -c "exit $1"
}

# await COMMAND…: tries until it succeeds, and fails when the patience is over
await() {
    local deadline=$((SECONDS + patience))
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.02
    done
}

# ---- Words. ----

expected() {
    printf 'expected  %s\n' "$1"
}

# happened WHAT CONDITION…: says it, and if the condition fails, that it is not as expected
happened() {
    printf 'happened  %s\n' "$1"
    "${@:2}" && return
    printf '          which is not as expected\n'
    as_expected=false
}

finish() {
    $as_expected && echo "result    as expected" && exit 0
    echo "result    not as expected"
    exit 1
}
