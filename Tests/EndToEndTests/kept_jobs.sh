# `gearclock jobserver --store`: background jobs outlive kill -9, stores that are away, and the server itself.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"
source Scripts/lib/galera.sh

GALERA_DIR=$WORK/galera
mkdir "$GALERA_DIR"
chmod 711 "$WORK"
galera_plain=yes
trap 'stop_galera; clean_up || exit 1' EXIT
seed=${CHAOS_SEED:-$RANDOM}
RANDOM=$seed
say "# GEARCLOCK_CHAOS_SEED=$seed"

# keeper NAME STORE [OPTION…]: a job server on a port that it has again when it is revived.
keeper() {
    local try
    for try in {1..20}; do
        port=$((20000 + RANDOM % 12000))
        launch "$1" jobserver --port "$port" --job-handle-prefix H:test --store "$2" --ready-file "$WORK/$1.ready" "${@:3}"
        within 30 is_ready_or_ended "$1"
        [[ ! -e $WORK/$1.ready ]] || break
    done
    echo "$port" >"$WORK/$1.port"
    use "$1"
}
# use NAME: what follows is about that server
use() {
    port=$(cat "$WORK/$1.port")
    GEARCLOCK_GEARMAN=127.0.0.1:$port
}
gearman() { timeout 30 gearman -h 127.0.0.1 -p "$port" "$@"; }
# The tool says what is wrong, but ends with 0.
background() { [[ -z $(gearman -b "$@" 2>&1) ]]; }
gearadmin() { command gearadmin --host=127.0.0.1 --port="$port" "$@"; }
# work N FUNCTION: runs so many jobs and prints their payloads
work() {
    rm -f "$WORK/work"
    gearman -w -c "$1" -f "$2" -- tee -a "$WORK/work" >/dev/null
    cat "$WORK/work"
}
# kept STORE-FILE: how many jobs stand there
kept() { sqlite3 -cmd '.timeout 5000' "$1" 'SELECT count(*) FROM job'; }
keeps() { [[ $(kept "$1") == "$2" ]]; }

# submits FROM TO: background jobs, each until it is acknowledged; it is in $WORK/acknowledged then.
submits() {
    local n
    for ((n = $1; n <= $2; n++)); do
        within 60 background -f kept "job $n"
        echo "job $n" >>"$WORK/acknowledged"
    done
}
all_have_run() {
    local payload
    while read -r payload; do has_run worker "$payload" || return 1; done <"$WORK/acknowledged"
}

keeper server "sqlite:$WORK/jobs.sqlite"
killed_at_random_moments() {
    local n submitter
    : >"$WORK/acknowledged"
    submits 1 200 &
    submitter=$!
    target worker --function kept
    for n in {1..8}; do
        sleep "0.$((RANDOM % 40 + 10))"
        murder server
        revive server
        # What is kept runs while others come, and when nobody comes.
        ((n % 3)) || { stop_target worker; target worker --function kept; }
    done
    wait $submitter
    stop_target worker
    target worker --function kept
    within 60 all_have_run
    within 10 keeps "$WORK/jobs.sqlite" 0
    equal "$(wc -l <"$WORK/acknowledged")" 200
    say "# 200 jobs acknowledged, $(runs worker) runs" >&3
    stop_target worker
}
exec 3>&1
it "whenever the server is killed, every acknowledged job runs" killed_at_random_moments

jobs_for_later() {
    local begin handle
    begin=$(date +%s)
    handle=$(submit_epoch later $((begin + 4)) due)
    matches "$handle" '^H:test:[0-9]+$'
    submit_epoch later $((begin + 86400)) tomorrow >/dev/null
    murder server
    revive server
    matches "$(gearadmin --show-jobs)" "$handle"
    target later --function later
    within 20 has_run later due
    (($(cut -f 1 "$WORK/later.runs") >= (begin + 4) * 1000000)) || fail "it ran before its time"
    equal "$(runs later)" 1
    stop_target later
    within 10 keeps "$WORK/jobs.sqlite" 1
}
it "a job of SUBMIT_JOB_EPOCH outlives the server and runs at its time" jobs_for_later

foreground_jobs_are_not_kept() {
    gearman -f front payload >"$WORK/front" &
    within 10 waits_for front
    within 10 keeps "$WORK/jobs.sqlite" 1
    gearman -w -c 1 -f front -- cat >/dev/null
    wait $!
    equal "$(cat "$WORK/front")" payload
}
waits_for() { gearadmin --status | grep -qE "^$1"; }
it "a foreground job does not touch the store" foreground_jobs_are_not_kept

signals_lose_nothing() {
    background -f quiet one
    signal server TERM
    within 10 has_ended server
    equal "$(exit_status server)" 0
    revive server
    background -f quiet two
    signal server USR1
    within 10 has_ended server
    equal "$(exit_status server)" 0
    revive server
    equal "$(work 2 quiet)" onetwo
    within 10 keeps "$WORK/jobs.sqlite" 1
}
it "SIGTERM and SIGUSR1 leave what is kept for the next start" signals_lose_nothing

keeper first "sqlite:$WORK/locked.sqlite" --store-patience 2 --name patient
a_locked_store() {
    local begin
    background -f held before
    lock locked.sqlite
    begin=$SECONDS
    matches "$(gearman -b -f held refused 2>&1)" JOB_NOT_KEPT
    ((SECONDS - begin <= 15)) || fail "it took $((SECONDS - begin)) s"
    gearman -f front payload >"$WORK/front" &
    gearman -w -c 1 -f front -- cat >/dev/null
    wait $!
    equal "$(cat "$WORK/front")" payload
    # What was kept runs, although its end cannot be written.
    equal "$(work 1 held)" before
    unlock
    within 20 background -f held after
    within 10 keeps "$WORK/locked.sqlite" 1
    equal "$(work 1 held)" after
    within 10 keeps "$WORK/locked.sqlite" 0
}
it "while the store is locked background jobs are refused in time, all else goes on, and so does it after it" a_locked_store

one_name_one_server() {
    background -f named one
    keeper second "sqlite:$WORK/locked.sqlite" --name patient
    matches "$(gearadmin --show-jobs)" 'H:test:[0-9]+'
    use first
    matches "$(gearman -b -f named two 2>&1)" JOB_NOT_KEPT
    within 10 has_ended first
    equal "$(exit_status first)" 1
    grep -q 'Another job server has taken the name patient' "$WORK/first.log" || fail "$(cat "$WORK/first.log")"
    use second
    equal "$(work 1 named)" one
    keeper third "sqlite:$WORK/locked.sqlite" --name other
    equal "$(gearadmin --show-jobs)" .
    murder third
    status 2 "$GEARCLOCK" jobserver --port 0 --store "sqlite:$WORK/locked.sqlite"
    murder second
}
it "of two servers with one name the later one has the jobs, and the other one ends" one_name_one_server

start_galera 1
STORE_URL="mariadb://gearclock@$(galera_addresses)/gearclock?tls=off&password_file=$GALERA_DIR/password"

a_database_that_is_away() {
    local submitter
    : >"$WORK/acknowledged"
    keeper base "$STORE_URL" --migrate
    submits 301 310
    target worker --function kept
    within 20 all_have_run
    kill -STOP "$(node_pid 1)"
    submits 311 313 &
    submitter=$!
    gearman -f front payload >"$WORK/front" &
    gearman -w -c 1 -f front -- cat >/dev/null
    wait $!
    equal "$(cat "$WORK/front")" payload
    sleep 3
    kill -CONT "$(node_pid 1)"
    wait $submitter
    equal "$(wc -l <"$WORK/acknowledged")" 13
    within 20 all_have_run
    stop_target worker
    submits 314 316
    murder base
    kill_node 1
    relaunch base
    within 20 grep -q 'The store is away; waiting for it' "$WORK/base.log"
    launch_node 1
    within 60 test -e "$WORK/base.ready"
    target worker --function kept
    within 20 all_have_run
    within 20 nothing_kept
    stop_target worker
}
nothing_kept() { [[ $(node_sql 1 'SELECT count(*) FROM gearclock.job') == 0 ]]; }
it "a frozen MariaDB holds up background jobs only, and one that was killed loses none" a_database_that_is_away
