# Sourced: runs checks, counts what passed, and says so in one last line. Needs project.sh, and the traps of the script.
#
#   alone COMMAND…           one check while nothing else runs; its output is seen at once
#   beside heavy COMMAND…    one that may run beside others, and begins when all_beside is called
#   beside light COMMAND…    the same for one that waits most of the time, or computes with one thread
#   all_beside               runs them: one heavy and two light ones at any time, first come, first served
#
# The command is step or a function that calls count, and runs in a process of its own. What runs beside others is printed
# in one piece when it ends. When the script is interrupted, all of them end first, with their servers.

passed=0 failed=0 skipped=0

# count PASSED FAILED SKIPPED
count() { ((passed += $1, failed += $2, skipped += $3)) || true; }

# step NAME COMMAND…: one check that passes or fails as a whole.
step() {
    heading "$1"
    if "${@:2}"; then
        count 1 0 0
    else
        say "FAILED: $1"
        count 0 1 0
    fi
}

# The closing line. Nothing that failed, and something that passed, is success.
summary() {
    printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    ((failed == 0 && passed > 0))
}

# --- processes

declare -A places=([heavy]=1 [light]=2)
# What has not begun and what runs, by its process: kind and command, quoted.
queue=()
declare -A running=()
# For each process `log`, and `counts` when it has ended by itself.
checks=$(mktemp -d)
trap 'end_checks; rm -rf "$checks"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

alone() {
    begin alone "$@"
    wait "$!" || true
    account "$!"
}

# beside heavy|light COMMAND…
beside() { queue+=("$(printf '%q ' "$@")"); }

all_beside() {
    local index process
    while ((${#queue[@]} + ${#running[@]} > 0)); do
        for index in "${!queue[@]}"; do
            ((places[${queue[index]%% *}] > 0)) || continue
            eval "begin ${queue[index]}"
            ((places[${queue[index]%% *}] -= 1)) || true
            unset "queue[index]"
        done
        wait -n -p process "${!running[@]}" || true
        ((places[${running[$process]%% *}] += 1))
        cat "$checks/$process.log"
        account "$process"
    done
}

# begin KIND COMMAND…: $! is its process.
begin() {
    # With job control it has a process group of its own, and the signals that the background would ignore.
    set -m
    (
        set +m
        [[ $1 == alone ]] || exec >"$checks/$BASHPID.log" 2>&1
        # It has no deadlines; what waits has some, and little to do.
        [[ $1 != heavy ]] || renice -n 10 -p "$BASHPID" >/dev/null
        passed=0 failed=0 skipped=0 SECONDS=0
        "${@:2}"
        say "Took $SECONDS s"
        echo "$passed $failed $skipped" >"$checks/$BASHPID.counts"
    ) </dev/null &
    set +m
    running[$!]=$*
}

# What an ended process has counted. One that died has failed.
account() {
    # shellcheck disable=SC2046
    if [[ -s $checks/$1.counts ]]; then
        count $(cat "$checks/$1.counts")
    else
        say "FAILED: ended before its time: ${running[$1]}"
        count 0 1 0
    fi
    # Its number may come again.
    rm -f "$checks/$1".*
    unset "running[$1]"
}

# Each of them is told, not only the checks: timeout leaves the process group, and a shell waits for its command.
end_checks() {
    local process processes deadline=$((SECONDS + 30))
    trap '' INT TERM
    mapfile -t processes < <(family "${!running[@]}")
    ((${#processes[@]} > 0)) || return 0
    kill -TERM "${processes[@]}" 2>/dev/null || true
    for process in "${processes[@]}"; do
        while is_running "$process" && ((SECONDS < deadline)); do sleep 0.02; done
    done
    kill -KILL "${processes[@]}" 2>/dev/null || true
}

# family PROCESS…: these, and all that they started.
family() {
    local process
    for process in "$@"; do
        echo "$process"
        # shellcheck disable=SC2046
        family $(cat "/proc/$process/task"/*/children 2>/dev/null)
    done
}
