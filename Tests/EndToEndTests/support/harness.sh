# Sourced by every end-to-end test. Gives it a directory, real gearmands and the built program, and ends what it started.
#
#   gearmands 2                        two gearmands; $GEARMAND_PORT, $GEARCLOCK_GEARMAN
#   daemon up1 up --lease 3            starts `gearclock up …` under the name up1, on this test's store, and waits for it
#   target counter --function count    starts a worker in Perl (support/target.pl); its runs are in $WORK/counter.runs
#   within 10 test -e "$WORK/file"     polls until the command succeeds; fails after ten seconds
#   it "a true sentence" function      one case: runs the function in a subshell, which fails at its first mistake
#
# A case waits for conditions, never for a time.

source "$(dirname "${BASH_SOURCE[0]}")/../../../Scripts/lib/project.sh"
source Scripts/lib/gearmand.sh
: "${GEARCLOCK:?is not set; run Scripts/e2e}"

SUPPORT=$PROJECT/Tests/EndToEndTests/support
WORK=$(mktemp -d)
STORE=$WORK/tasks.sqlite
GEARMAND_DIR=$WORK/gearmand
mkdir "$GEARMAND_DIR"
# Nothing of the person who runs this may change what is tested.
export XDG_STATE_HOME=$WORK/state
# Payloads are bytes.
export LC_ALL=C
KEEP=${GEARCLOCK_KEEP:-} CHAOS_SEED=${GEARCLOCK_CHAOS_SEED:-}
unset "${!GEARCLOCK_@}"
cases_failed=0

clean_up() {
    local file pids=()
    # Whoever is interrupted is often told twice.
    trap '' INT TERM
    stop_gearmands
    if declare -F stop_galeras >/dev/null; then stop_galeras; fi
    for file in "$WORK"/*.pid; do [[ -s $file ]] && pids+=("$(cat "$file")"); done
    ((${#pids[@]} == 0)) || kill -9 "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    if [[ -n $KEEP ]]; then
        say "# kept: $WORK"
    else
        # What was just killed may still have its status written down.
        for _ in {1..50}; do rm -rf "$WORK" 2>/dev/null && break || sleep 0.02; done
    fi
    ((cases_failed == 0))
}
trap 'clean_up || exit 1' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

gearmands() {
    local n
    for ((n = 1; n <= $1; n++)); do start_gearmand "$n"; done
    export_gearmands
}

# --- cases

it() {
    local status=0
    set +e
    (
        set -e
        "$2"
    ) >"$WORK/case.log" 2>&1
    status=$?
    set -e
    if ((status == 0)); then
        say "ok - $1"
        return
    fi
    ((cases_failed += 1))
    say "not ok - $1"
    sed 's/^/    /' "$WORK/case.log" | tail -n 40
    local log
    for log in "$WORK"/*.log; do
        [[ $log != "$WORK/case.log" && -s $log ]] || continue
        say "    -- ${log##*/}"
        tail -n 8 "$log" | cut -c1-200 | sed 's/^/    /'
    done
}

# Ends a case. Says where it was called from.
fail() {
    echo "line ${BASH_LINENO[1]}: $*"
    exit 1
}

equal() { [[ $1 == "$2" ]] || fail "expected '$2', not '$1'"; }
# matches TEXT EXTENDED-REGULAR-EXPRESSION
matches() { [[ $1 =~ $2 ]] || fail "'$1' does not match '$2'"; }
# status N COMMAND…: the command ends with that exit status; its output is in $WORK/out and $WORK/err.
status() {
    local status=0
    "${@:2}" >"$WORK/out" 2>"$WORK/err" || status=$?
    ((status == $1)) || fail "exit status $status, not $1, from: ${*:2}: $(cat "$WORK/err")"
}

within() {
    local deadline=$((SECONDS + $1))
    until "${@:2}" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || fail "not within $1 s: ${*:2}"
        sleep 0.02
    done
}

# --- daemons, by name

# daemon NAME SUBCOMMAND [ARGUMENT…]: with this test's store ($STORE_URL, or else a file), ready when it returns.
daemon() {
    launch "$1" "${@:2}" --store "${STORE_URL:-sqlite:$STORE}" --ready-file "$WORK/$1.ready"
    within 20 is_ready_or_ended "$1"
    [[ -e $WORK/$1.ready ]] || fail "$1 ended with status $(exit_status "$1"): $(tail -n 5 "$WORK/$1.log")"
}

# launch NAME ARGUMENT…: runs the program as it is told, in the background.
launch() {
    printf '%s\0' "${@:2}" >"$WORK/$1.command"
    relaunch "$1"
}

relaunch() {
    local name=$1 command
    mapfile -d '' -t command <"$WORK/$name.command"
    rm -f "$WORK/$name.status" "$WORK/$name.ready"
    (
        trap - EXIT
        "$GEARCLOCK" "${command[@]}" >>"$WORK/$name.out" 2>>"$WORK/$name.log" </dev/null &
        echo $! >"$WORK/$name.pid"
        status=0
        wait $! || status=$?
        echo "$status" >"$WORK/$name.status"
    ) >/dev/null 2>&1 &
    within 5 test -s "$WORK/$name.pid"
}

is_ready_or_ended() { [[ -e $WORK/$1.ready || -s $WORK/$1.status ]]; }
is_alive() { kill -0 "$(cat "$WORK/$1.pid")" && [[ ! -s $WORK/$1.status ]]; }
# signal NAME SIGNAL
signal() { kill "-$2" "$(cat "$WORK/$1.pid")"; }
has_ended() { [[ -s $WORK/$1.status ]]; }
exit_status() { cat "$WORK/$1.status"; }

# kill -9, and gone.
murder() {
    signal "$1" KILL 2>/dev/null || true
    within 10 has_ended "$1"
}

revive() {
    relaunch "$1"
    within 30 test -e "$WORK/$1.ready"
}

# lock FILE: holds the write lock of a store until unlock; to its daemons the store is away.
lock() {
    mkfifo "$WORK/lock"
    sqlite3 "$WORK/$1" <"$WORK/lock" >"$WORK/lock.out" 2>&1 &
    echo $! >"$WORK/lock.pid"
    exec 9>"$WORK/lock"
    echo "BEGIN IMMEDIATE; SELECT 'locked';" >&9
    within 30 grep -q locked "$WORK/lock.out"
}
unlock() {
    echo "ROLLBACK;" >&9
    exec 9>&-
    rm "$WORK/lock"
}

# --- workers and clients

# target NAME ARGUMENT…: ready when gearmand knows its functions. Appends a line for each run to $WORK/NAME.runs.
target() {
    perl "$SUPPORT/target.pl" --servers "$GEARCLOCK_GEARMAN" --record "$WORK/$1.runs" --ready "$WORK/$1.target-ready" \
        "${@:2}" </dev/null >"$WORK/$1.log" 2>&1 &
    echo $! >"$WORK/$1.pid"
    within 10 test -e "$WORK/$1.target-ready"
}

stop_target() {
    kill -9 "$(cat "$WORK/$1.pid")" 2>/dev/null || true
    rm -f "$WORK/$1.target-ready"
}

# runs NAME [PATTERN]: how many runs the target wrote down, with that payload if one is given.
runs() {
    [[ -e $WORK/$1.runs ]] || { echo 0 && return; }
    payload=${2-} awk -F '\t' 'ENVIRON["payload"] == "" || $3 == ENVIRON["payload"] { n++ } END { print n + 0 }' "$WORK/$1.runs"
}
# has_run NAME PAYLOAD [TIMES]: at least so often
has_run() { (($(runs "$1" "$2") >= ${3:-1})); }

# call FUNCTION [WORKLOAD]: prints one line for each thing that came: `complete DATA`, `warning DATA`, `fail` …
# The workload is standard input if it is not given.
call() {
    if (($# > 1)); then
        printf '%s' "$2" | perl "$SUPPORT/call.pl" --servers "$GEARCLOCK_GEARMAN" "$1"
    else
        perl "$SUPPORT/call.pl" --servers "$GEARCLOCK_GEARMAN" "$1"
    fi
}

# The data of a completed call; anything else fails the case.
answer() {
    local said
    said=$(call "$@")
    [[ $said == "complete "* ]] || fail "$1 answered: $said"
    printf '%s\n' "${said#complete }"
}

# field NAME: of the JSON object on standard input, as text; empty where there is none.
field() { jq -r "if .$1 == null then empty else .$1 | tostring end"; }

# state_of ID
state_of() { "$GEARCLOCK" get "$1" --json | field state; }
in_state() { [[ $(state_of "$1") == "$2" ]]; }

# submit_epoch FUNCTION SECONDS PAYLOAD: a job for later at the server of $port; prints the handle. No tool can do it.
submit_epoch() {
    perl -MIO::Socket::INET -e '
        my ($port, $function, $seconds, $payload) = @ARGV;
        my $socket = IO::Socket::INET->new("127.0.0.1:$port") or die "$!\n";
        my $body = join "\0", $function, "", $seconds, $payload;
        print $socket pack("a4NN", "\0REQ", 36, length $body) . $body;
        $socket->flush;
        read($socket, my $head, 12) == 12 or die "no answer\n";
        my ($magic, $type, $size) = unpack "a4NN", $head;
        read $socket, my $answer, $size;
        $type == 8 or die "$answer\n";
        print $answer;' "$port" "$@"
}
