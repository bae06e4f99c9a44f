#!/usr/bin/env bash
# One run on this machine that outlives the connection which started it.
# usage: cloud/session.sh start COMMAND...  start it, unless one is going on
#        cloud/session.sh follow [BYTE]     show its log from a byte on, until it ends; its exit status
#        cloud/session.sh stop              ask it to end, and wait until it has
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
state=.clapboard
mkdir -p "$state"

fail() {
    printf 'clapboard: %s\n' "$@" >&2
    exit 1
}

# The lock is open in the process that runs the command, and in the Snakemake that it has started. It
# is free when both have ended, however they did.
running() {
    ! flock -n "$state/lock" true
}

start() {
    (($#)) || fail "usage: cloud/session.sh start COMMAND..."
    exec 9>>"$state/lock"
    flock -w 2 9 || fail "a run is going on here: --attach shows it, --stop ends it"
    rm -f "$state/status" "$state/pid"
    : >"$state/log"
    setsid nohup bash -c '
        "$@" &
        echo $! >.clapboard/pid
        status=0
        wait $! || status=$?
        echo "$status" >.clapboard/.partial-status
        mv .clapboard/.partial-status .clapboard/status
    ' session "$@" </dev/null >>"$state/log" 2>&1 &
}

follow() {
    [[ -e $state/log ]] || fail "nothing was started here yet"
    # tail ends with the process that holds the lock.
    { flock 8; } 8>>"$state/lock" &
    local ended=$!
    tail -c "+$((${1-0} + 1))" -s 0.5 -f --pid="$ended" "$state/log"
    wait "$ended" || true
    [[ -e $state/status ]] || fail "the run was killed"
    exit "$(<"$state/status")"
}

# Where the command was killed, what it had started works on, the leader of a session of its own.
interrupt_holders() {
    local held pid
    for held in /proc/[0-9]*/fd/9; do
        [[ $held -ef $state/lock ]] || continue
        pid=${held#/proc/}
        kill -INT -- "-${pid%%/*}" || true
    done
}

stop() {
    running || fail "nothing is running here"
    kill -TERM "$(<"$state/pid")" 2>/dev/null || interrupt_holders
    flock "$state/lock" true
    echo "stopped"
}

case ${1-} in
    start | follow | stop) "$@" ;;
    *) fail "usage: cloud/session.sh start COMMAND... | follow [BYTE] | stop" ;;
esac
