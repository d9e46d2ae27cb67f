# shellcheck shell=bash
# What the stress scripts have in common; they source it, it is no program itself.
#
# They are written for bash, as .ci/run is: sh has no /dev/tcp, need not have `ulimit -u`, and does
# not tell the process groups of its jobs apart.
#
#   RUNGS_BIN        the folder with the programs; without it they are built, into target/release
#   RUNGS_PATIENCE   how many seconds what is awaited may take, 30 if not set
set -euo pipefail

script=${0##*/}
patience=${RUNGS_PATIENCE:-30}
folder=${RUNGS_FOLDER-}

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

# begin ARGUMENT…: runs the script a second time, and has that do the work: find the programs, say
# what will be shown, and go on. This process waits for it, and clears up.
#
# Bash is no good at both. A SIGINT that comes when the command of a $(…) has just ended is forgotten
# (wait_for in the jobs.c of 5.2 notes it down, and looks at the note for jobs alone), and an exit in a
# trap that came in a $(…) is now and then gone on behind. In wait(1) nothing is lost. What the worker
# has started is known by its session, in which nothing can be forgotten either.
begin() {
    [ "$folder" ] || keep "$@"
    if [ -z "${RUNGS_BIN-}" ]; then
        need cargo rustc
        # Not --quiet: the first time it takes some minutes.
        (cd "$(dirname "$0")/.." && cargo build --release --bins)
        RUNGS_BIN=$(cd "$(dirname "$0")/.." && cd "${CARGO_TARGET_DIR:-target}/release" && pwd)
    fi
    bin=$(cd "$RUNGS_BIN" && pwd)
    as_expected=true
    sed -n '2s/^# //p' "$0"
}

keep() {
    need setsid util-linux
    need pkill procps
    trap 'leave 129' HUP
    trap 'leave 130' INT
    trap 'leave 143' TERM
    folder=$(mktemp -d)
    # In the background without job control: no group's leader, so setsid does not fork, and SIGINT
    # is ignored.
    RUNGS_FOLDER=$folder setsid bash "$0" "$@" &
    status=0
    wait "$!" || status=$?
    leave "$status"
}

# leave STATUS: stops all that is left of the worker's session, and ends
leave() {
    trap '' HUP INT TERM
    # It may not have come to its session yet.
    kill -KILL "${!-}" || true
    # Not zombies: where nobody reaps orphans they stay.
    while [ "${!-}" ] && pkill -KILL -s "$!" -r R,S,D,T,t; do sleep 0.02; done
    wait || true
    rm -rf "$folder"
    exit "$1"
} 2>/dev/null # Bash names a job that was killed.

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
