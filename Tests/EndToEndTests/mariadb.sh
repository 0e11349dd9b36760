# A store on a real MariaDB: what is said at the start, where the password comes from, and what happens while it is away.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"
source Scripts/lib/galera.sh

GALERA_DIR=$WORK/galera
mkdir "$GALERA_DIR"
chmod 711 "$WORK"
galera_plain=yes
trap 'stop_galera; clean_up || exit 1' EXIT
start_galera 1
gearmands 1
target counter --function count
PASSWORD=$(cat "$GALERA_DIR/password")
ADDRESS=$(galera_addresses)
URL=mariadb://gearclock@$ADDRESS/gearclock
export GEARCLOCK_STORE_PASSWORD=$PASSWORD

# refused TEXT COMMAND…: ends with 1, says that, and no password.
refused() {
    status 1 timeout 30 "${@:2}"
    grep -qF "$1" "$WORK/err" || fail "no '$1' in: $(cat "$WORK/err")"
    ! grep -qF -e "$PASSWORD" -e swordfish "$WORK/out" "$WORK/err" || fail "the password was shown"
}

what_somebody_must_do_ends_the_start() {
    refused "run 'gearclock store migrate'" "$GEARCLOCK" worker --store "$URL"
    refused 'make the database nowhere' "$GEARCLOCK" worker --store "mariadb://gearclock@$ADDRESS/nowhere"
    refused 'check the user gearclock and its password' env GEARCLOCK_STORE_PASSWORD=swordfish "$GEARCLOCK" up --store "$URL"
    refused 'there is no password' env -u GEARCLOCK_STORE_PASSWORD "$GEARCLOCK" controller --store "$URL"
    refused 'check tls and ca' "$GEARCLOCK" dispatcher --store "$URL?tls=verified"
    status 2 "$GEARCLOCK" up --store "$URL?copies=2"
    status 2 "$GEARCLOCK" up --store "$URL?password_file=$WORK/nowhere"
}
it "a wrong password, database or schema ends the start with 1, and with what to do" what_somebody_must_do_ends_the_start

# with_store NAME SUBCOMMAND STORE…: a daemon with these stores, ready when it returns.
with_store() {
    local name=$1 command=$2 store stores=()
    for store in "${@:3}"; do stores+=(--store "$store"); done
    launch "$name" "$command" "${stores[@]}" --ready-file "$WORK/$name.ready"
    within 20 is_ready_or_ended "$name"
    [[ -e $WORK/$name.ready ]] || fail "$name ended with status $(exit_status "$name"): $(tail -n 5 "$WORK/$name.log")"
}
ended_well() {
    signal "$1" TERM
    within 30 has_ended "$1"
    equal "$(exit_status "$1")" 0
}

operators_look_at_stores() {
    local both=(--store "file=sqlite:$WORK/looked-at.sqlite?number=1" --store "base=$URL?number=2")
    status 1 "$GEARCLOCK" store status "${both[@]}"
    grep -q 'there is no file' "$WORK/err" || fail "$(cat "$WORK/err")"
    grep -q "run 'gearclock store migrate'" "$WORK/err" || fail "$(cat "$WORK/err")"
    equal "$("$GEARCLOCK" store migrate "${both[@]}" --json | jq -c '[.store, .migrated]')" $'["file",true]\n["base",true]'
    equal "$("$GEARCLOCK" store migrate "${both[@]}" --json | jq -c '[.store, .migrated]')" $'["file",false]\n["base",false]'
    "$GEARCLOCK" store status "${both[@]}" --json >"$WORK/status"
    equal "$(jq -c '[.store, .tasks.scheduled]' "$WORK/status")" $'["file",0]\n["base",0]'
    equal "$(jq -r 'select(.store == "base").nodes[0] | "\(.node) \(.well) \(.schema)"' "$WORK/status")" "$ADDRESS true 3"
    "$GEARCLOCK" store verify "${both[@]}" >"$WORK/verified"
    grep -q 'good *the file is intact' "$WORK/verified" || fail "$(cat "$WORK/verified")"
    grep -q "good *the tables on $ADDRESS are as the program knows them" "$WORK/verified" || fail "$(cat "$WORK/verified")"
    "$GEARCLOCK" store check-settings "${both[@]}" >"$WORK/settings" || true
    grep -q 'good *journal_mode = wal' "$WORK/settings" || fail "$(cat "$WORK/settings")"
    grep -q 'innodb_flush_log_at_trx_commit = 1' "$WORK/settings" || fail "$(cat "$WORK/settings")"
    node_sql 1 'INSERT INTO gearclock.attempt (task_id, number, attempt, started_at, ended_at, outcome, message)
        VALUES (UNHEX("00112233445566778899aabbccddeeff"), 1, 1, 1, 1, 1, "")'
    status 1 "$GEARCLOCK" store verify --store "$URL"
    grep -q 'every history belongs to a task' "$WORK/err" || fail "$(cat "$WORK/err")"
    node_sql 1 'DELETE FROM gearclock.attempt'
    status 4 "$GEARCLOCK" store status --store mariadb://127.0.0.1:1
    status 2 "$GEARCLOCK" store status --store redis:x
}
it "operators can migrate, look at and verify stores of both kinds" operators_look_at_stores

nothing_left() { [[ $(node_sql 1 'SELECT count(*) FROM gearclock.task') == 0 ]]; }
the_printed_grants_are_enough() {
    local role
    node_sql 1 "DROP DATABASE gearclock; CREATE DATABASE gearclock;
        CREATE USER migrator@'%' IDENTIFIED BY 'swordfish'; CREATE USER daemon@'%' IDENTIFIED BY 'swordfish'"
    "$GEARCLOCK" store grants --store "mariadb://migrator@$ADDRESS" --json | jq -r '.migrating[]' | node_sql 1
    GEARCLOCK_STORE_PASSWORD=swordfish "$GEARCLOCK" store migrate --store "mariadb://migrator@$ADDRESS" >/dev/null
    "$GEARCLOCK" store grants --store "mariadb://daemon@$ADDRESS" --json | jq -r '.daemons[]' | node_sql 1
    for role in worker dispatcher controller; do
        GEARCLOCK_STORE_PASSWORD=swordfish with_store "$role" "$role" "mariadb://daemon@$ADDRESS"
    done
    "$GEARCLOCK" submit count granted >/dev/null
    within 10 has_run counter granted
    within 10 nothing_left
    "$GEARCLOCK" submit count granted --at 2099-01-01T00:00:00Z --id 11111111-2222-4333-8444-000000000001 >/dev/null
    "$GEARCLOCK" cancel 11111111-2222-4333-8444-000000000001 >/dev/null
    for role in worker dispatcher controller; do ended_well "$role"; done
    node_sql 1 'DROP DATABASE gearclock; CREATE DATABASE gearclock'
}

it "with the grants that are printed, and no others, migration and daemons work" the_printed_grants_are_enough

up_makes_the_schema() {
    with_store up up "$URL"
    equal "$("$GEARCLOCK" submit count first | jq -c '[.stored, .store, .copies, .nodes]')" "[\"yes\",\"main\",1,[\"$ADDRESS\"]]"
    within 10 has_run counter first
    within 10 nothing_left
    ended_well up
}
it "up makes the schema, and a task goes its whole way" up_makes_the_schema

passwords_come_from_a_file() {
    unset GEARCLOCK_STORE_PASSWORD
    echo "$PASSWORD" >"$WORK/password"
    chmod 600 "$WORK/password"
    with_store file worker "$URL?password_file=$WORK/password"
    ended_well file
    ! grep -q 'password file' "$WORK/file.log" || fail "$(cat "$WORK/file.log")"
    chmod 644 "$WORK/password"
    with_store open worker "$URL?password_file=$WORK/password"
    ended_well open
    grep -q 'warning.*All users of this machine can read the password file' "$WORK/open.log" || fail "$(cat "$WORK/open.log")"
    with_store flag worker "mariadb://gearclock:$PASSWORD@$ADDRESS"
    ended_well flag
    grep -q 'warning.*A password on the command line' "$WORK/flag.log" || fail "$(cat "$WORK/flag.log")"
    GEARCLOCK_STORE_PASSWORD_MAIN=$PASSWORD GEARCLOCK_STORE_PASSWORD=swordfish with_store named worker "$URL"
    ended_well named
    ! grep -F "$PASSWORD" "$WORK"/*.log "$WORK"/*.out || fail "the password was shown"
    ! "$GEARCLOCK" config --store "mariadb://u:$PASSWORD@h" --store "x=sqlite:y" | grep -F "$PASSWORD" || fail "the password was shown"
}
it "a password comes from a file, from the URL or from a variable, and is shown nowhere" passwords_come_from_a_file

a_daemon_waits_for_its_database() {
    stop_node 1
    launch patient up --store "$URL" --ready-file "$WORK/patient.ready"
    within 20 grep -q 'The store is away; waiting for it' "$WORK/patient.log"
    # It serves already: a client is told what is the matter.
    within 20 told_that_it_is_away
    ! test -e "$WORK/patient.ready" || fail "it says that it is ready"
    equal "$(grep -c 'waiting for it' "$WORK/patient.log")" 1
    launch_node 1
    within 40 test -e "$WORK/patient.ready"
    within 20 submitted late
    within 10 has_run counter late
}
told_that_it_is_away() {
    [[ $("$GEARCLOCK" submit count never --json 2>&1) == *'"code":"store_unavailable"'*'"stored":"no"'* ]]
}
submitted() { [[ $("$GEARCLOCK" submit count "$1" | field stored) == yes ]]; }
it "a daemon that finds no database waits for it, and is ready when it is there" a_daemon_waits_for_its_database

an_outage_needs_no_restart() {
    local process
    process=$(cat "$WORK/patient.pid")
    "$GEARCLOCK" submit count waiting --after 3 >/dev/null
    kill_node 1
    within 20 told_that_it_is_away
    launch_node 1
    within 40 submitted again
    within 10 has_run counter again
    within 20 has_run counter waiting
    equal "$(cat "$WORK/patient.pid")" "$process"
    is_alive patient
    ended_well patient
}
it "when the database was killed and is back, everything goes on without a restart" an_outage_needs_no_restart

a_frozen_database_is_spoken_of_once() {
    local role
    with_store frozen up "$URL"
    kill -STOP "$(node_pid 1)"
    within 20 told_that_it_is_away
    for role in worker dispatcher controller; do within 30 has_said $role away; done
    kill -CONT "$(node_pid 1)"
    within 30 submitted thawed
    within 10 has_run counter thawed
    for role in worker dispatcher controller; do within 30 has_said $role back; done
    # Calls of before, and of now: what they say came in any order.
    for role in {1..20}; do "$GEARCLOCK" submit count "after $role" >/dev/null; done
    for role in {1..20}; do within 10 has_run counter "after $role"; done
    for role in worker dispatcher controller; do
        equal "$role $(times $role away) $(times $role back)" "$role 1 1"
    done
    ended_well frozen
}
# times ROLE WORD
times() { grep -c "gearclock.$1: The store is $2" "$WORK/frozen.log" || true; }
has_said() { (($(times "$1" "$2") >= 1)); }
it "each role says once that the database is away, and once that it is back" a_frozen_database_is_spoken_of_once

a_frozen_cluster_stops_nobody_else() {
    local west east begin answer n
    with_store both up "east=sqlite:$WORK/east.sqlite?number=1" "west=$URL?number=2&statement_timeout=60"
    for n in {1..4}; do "$GEARCLOCK" submit count "kept $n" --after 3600; done >"$WORK/receipts"
    west=$(jq -r 'select(.store == "west").id' "$WORK/receipts" | head -n 1)
    east=$(jq -r 'select(.store == "east").id' "$WORK/receipts" | head -n 1)
    kill -STOP "$(node_pid 1)"
    begin=$SECONDS
    status 1 "$GEARCLOCK" stats --json
    equal "$(jq -c '[.stores[] | [.store, .scheduled, .error.code]]' "$WORK/out")" \
        '[["east",2,null],["west",null,"store_unavailable"]]'
    status 1 "$GEARCLOCK" list --json
    equal "$(jq -c '[(.tasks | length), .errors[0].store]' "$WORK/out")" '[2,"west"]'
    equal "$("$GEARCLOCK" get "$east" | field state)" scheduled
    status 1 "$GEARCLOCK" get "$west" --json
    equal "$(jq -r .error.code "$WORK/err")" store_unavailable
    ((SECONDS - begin < 25)) || fail "the answers took $((SECONDS - begin)) s"
    # What is new is stored and runs where it can.
    for n in {1..4}; do "$GEARCLOCK" submit count "new $n"; done >"$WORK/receipts"
    equal "$(tail -n 2 "$WORK/receipts" | jq -r .store | sort -u)" east
    for n in {1..4}; do within 30 has_run counter "new $n"; done
    kill -CONT "$(node_pid 1)"
    within 30 found "$west"
    ended_well both
}
found() { [[ $("$GEARCLOCK" get "$1" | field state) == scheduled ]]; }
it "a cluster that is frozen delays no answer for long, and nothing of the others" a_frozen_cluster_stops_nobody_else
