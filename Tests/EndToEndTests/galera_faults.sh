# What a database refuses, or no longer can: each fault on a server of its own, which has no other.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"
source "$SUPPORT/galera.sh"

gearmands 1
galera_plain=yes
target target1 --function count

# server NAME: a server, and an account of it that may do what the guide says and no more.
server() {
    # A case that failed left its daemon, which would take the submissions of the next one.
    local command
    for command in "$WORK"/*.command; do
        [[ ! -e $command ]] || murder "$(basename "$command" .command)"
    done
    galera 1 "$1"
    "$GEARCLOCK" store grants --store "$STORE_URL" >"$WORK/$1.sql"
    node_sql 1 "CREATE USER daemon@'%' IDENTIFIED BY '$(cat "$GALERA_DIR/password")'"
    sed "s/gearclock@'%'/daemon@'%'/g; s/'gearclock'@'%'/daemon@'%'/g; s/\`gearclock\`@/daemon@/g" "$WORK/$1.sql" | node_sql 1
    STORE_URL="mariadb://daemon@$(galera_addresses)/gearclock?tls=off&password_file=$GALERA_DIR/password"
    STORE_URL+='&connect_timeout=1&statement_timeout=2'
}

# refused CODE STORED: what a submission is told; both are regular expressions.
refused() {
    local said
    said=$(call gearclock_submit "$(task refused)")
    equal "$(tail -n 1 <<<"$said")" fail
    said=$(head -n 1 <<<"$said" | cut -d ' ' -f 2-)
    say "$(field code <<<"$said") stored:$(field stored <<<"$said"): $(field message <<<"$said")"
    matches "$(field code <<<"$said")" "^($1)\$"
    matches "$(field stored <<<"$said")" "^($2)\$"
}
task() { printf '{"func_name":"count","payload":"%s"}' "$1"; }
submitted() {
    local said
    said=$(call gearclock_submit "$(task "$1")")
    [[ $said == complete*'"stored":"yes"'* ]] || { echo "$said" && return 1; }
}
# The same daemon, without a restart.
recovers() {
    is_alive "$1"
    within 30 submitted "$1 again"
    within 30 has_run target1 "$1 again"
    signal "$1" TERM
    within 40 has_ended "$1"
    stop_galera
}

never_answers() {
    server frozen
    daemon frozen up
    submitted before
    kill -STOP "$(node_pid 1)"
    # The statement that is under way is the one whose end nobody knows.
    refused 'store_unavailable|outcome_unknown' 'no|unknown'
    refused store_unavailable no
    kill -CONT "$(node_pid 1)"
    recovers frozen
}
it "a server that takes connections and never answers is away" never_answers

starts_before_its_server() {
    server late
    kill -STOP "$(node_pid 1)"
    launch late up --store "$STORE_URL" --ready-file "$WORK/late.ready"
    sleep 3
    is_alive late
    kill -CONT "$(node_pid 1)"
    within 30 test -e "$WORK/late.ready"
    recovers late
}
it "a daemon that starts before its database answers waits for it" starts_before_its_server

wrong_password() {
    server password
    daemon password up
    submitted before
    node_sql 1 "SET PASSWORD FOR daemon@'%' = PASSWORD('another')"
    # Connections that stand are not asked again.
    node_sql 1 "SELECT concat('KILL ', id, ';') FROM information_schema.processlist WHERE user = 'daemon'" | node_sql 1
    refused store_unavailable no
    grep -qi 'access denied' "$WORK/password.log" || fail "the log does not say why"
    ! grep -qF "$(cat "$GALERA_DIR/password")" "$WORK/password.log" || fail "the password is in the log"
    node_sql 1 "SET PASSWORD FOR daemon@'%' = PASSWORD('$(cat "$GALERA_DIR/password")')"
    recovers password
}
it "a password that no longer is right is said in the log, and nothing is stored" wrong_password

read_only() {
    server readonly
    daemon readonly up
    submitted before
    node_sql 1 'SET GLOBAL read_only = 1'
    refused store_unavailable no
    node_sql 1 'SET GLOBAL read_only = 0'
    recovers readonly
}
it "a server that is read-only stores nothing, and questions are still answered" read_only

max_allowed_packet() {
    galera_lines=(max-allowed-packet=1M)
    server packet
    galera_lines=()
    daemon packet up
    head -c 3000000 /dev/zero | tr '\0' x >"$WORK/large"
    printf '{"func_name":"count","payload":"%s"}' "$(cat "$WORK/large")" >"$WORK/large.json"
    local said
    said=$(call gearclock_submit <"$WORK/large.json")
    equal "$(tail -n 1 <<<"$said")" fail
    said=$(head -n 1 <<<"$said" | cut -d ' ' -f 2-)
    equal "$(field code <<<"$said")" too_large
    equal "$(field stored <<<"$said")" no
    equal "$(field retryable <<<"$said")" false
    # It is not in the way of others.
    submitted after
    recovers packet
}
it "a task that is larger than max_allowed_packet is refused for good, and no other with it" max_allowed_packet

disk_full() {
    # Both tables in one file that cannot grow: what a full disk is to InnoDB.
    galera_lines=(innodb-file-per-table=0 innodb-data-file-path=ibdata1:12M:autoextend:max:24M)
    server full
    galera_lines=()
    daemon full up
    head -c 500000 /dev/zero | tr '\0' x >"$WORK/payload"
    local n ids=() said
    for ((n = 0; n < 60; n++)); do
        said=$(printf '{"func_name":"count","payload":"%s","after":3600}' "$(cat "$WORK/payload")" | call gearclock_submit)
        [[ $said == complete* ]] || break
        ids+=("$(field id <<<"${said#complete }")")
    done
    ((n < 60)) || fail "24 MB took $n tasks of half a megabyte"
    said=$(head -n 1 <<<"$said" | cut -d ' ' -f 2-)
    equal "$(field code <<<"$said")" store_unavailable
    equal "$(field stored <<<"$said")" no
    equal "$("$GEARCLOCK" stats --json | jq '.stores[0].scheduled')" "${#ids[@]}"
    # A larger disk, and everything that was acknowledged is on it.
    sed -i 's/max:24M/max:200M/' "$GALERA_DIR/1/my.cnf"
    restart_node 1
    within 30 node_is_ready 1
    within 30 submitted roomy
    local id
    for id in "${ids[@]}"; do in_state "$id" scheduled || fail "$id is not there"; done
    recovers full
}
it "with the disk full nothing is acknowledged that is not stored" disk_full

schema_missing() {
    server missing
    node_sql 1 'DROP DATABASE gearclock; CREATE DATABASE gearclock'
    # `up` would make them, if its account may.
    launch missing worker --store "$STORE_URL" --ready-file "$WORK/missing.ready"
    within 30 grep -q 'gearclock store migrate' "$WORK/missing.log"
    [[ ! -e $WORK/missing.ready ]] || fail "it says that it is ready"
    is_alive missing && signal missing TERM
    within 30 has_ended missing
    stop_galera
}
it "a database without tables is said to need a migration" schema_missing

schema_newer() {
    server newer
    node_sql 1 "INSERT INTO gearclock.gearclock_schema (version, name, compatible_from) VALUES (1000, 'future', 1000)"
    launch newer up --store "$STORE_URL" --ready-file "$WORK/newer.ready"
    within 30 grep -q 'newer program' "$WORK/newer.log"
    [[ ! -e $WORK/newer.ready ]] || fail "it says that it is ready"
    is_alive newer && signal newer TERM
    within 30 has_ended newer
    stop_galera
}
it "a schema that is newer than the program is left alone" schema_newer

schema_newer_compatible() {
    server compatible
    node_sql 1 "INSERT INTO gearclock.gearclock_schema (version, name, compatible_from) VALUES (1000, 'future', 1)"
    daemon compatible up
    recovers compatible
}
it "a newer schema that says it is compatible is used" schema_newer_compatible

ten_migrate_at_once() {
    galera_plain=
    galera 3 migration
    node_sql 1 'DROP DATABASE gearclock; CREATE DATABASE gearclock'
    local n pids=() address k
    # Whoever names it when he connects to another node is refused until that node has it.
    for k in 2 3; do node_sql "$k" 'SET wsrep_sync_wait = 1; SELECT 1 FROM information_schema.schemata' >/dev/null; done
    for ((n = 0; n < 10; n++)); do
        # Through all three nodes.
        address=$(cat "$GALERA_DIR/$((1 + n % 3))/address")
        "$GEARCLOCK" store migrate \
            --store "mariadb://gearclock@$address/gearclock?tls=off&password_file=$GALERA_DIR/password" \
            >"$WORK/migrate$n" 2>&1 &
        pids+=($!)
    done
    for n in "${!pids[@]}"; do wait "${pids[n]}" || fail "the migration $n: $(cat "$WORK/migrate$n")"; done
    for k in 1 2 3; do
        equal "$(node_sql "$k" 'SET wsrep_sync_wait = 1; SELECT count(*) = max(version) FROM gearclock.gearclock_schema')" 1
    done
    stop_galera
}
it "ten migrations at once through three nodes are one" ten_migrate_at_once
reports
