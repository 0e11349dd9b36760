# Sourced after harness.sh by the end-to-end tests of the store on MariaDB.
#
#   galera 3                     a cluster of three nodes in $GALERA_DIR, with the tables of Gearclock; $STORE_URL is how
#                                daemons reach it; galera_options of Scripts/lib/galera.sh are set before
#   galera 1 second              another cluster, in $WORK/galera.second; use_galera NAME turns to one of several
#   clients_begin NAME [OPTION…] clients submit all the time, with these options of submit.pl …
#   clients_end NAME             … until now; then all that was acknowledged must run. $gap is the longest time without
#                                a stored task, in milliseconds
#
# What clients saw and when tasks ran is said at the end of a test, in lines that begin with #.
source Scripts/lib/galera.sh

stop_galeras() {
    for GALERA_DIR in "$WORK"/galera*; do [[ ! -d $GALERA_DIR ]] || stop_galera; done
}

# galera N [NAME]
galera() {
    # The servers are another user than root, who must get in.
    chmod 711 "$WORK"
    GALERA_DIR=$WORK/galera${2:+.$2}
    mkdir "$GALERA_DIR"
    start_galera "$1"
    use_galera "${2:-}"
    "$GEARCLOCK" store migrate --store "$STORE_URL"
}

use_galera() {
    GALERA_DIR=$WORK/galera${1:+.$1}
    STORE_URL="mariadb://gearclock@$(galera_addresses)/gearclock?tls=off&password_file=$GALERA_DIR/password"
}

# whole N: a cluster of that many nodes, all of them ready.
whole() {
    local k
    for ((k = 1; k <= $1; k++)); do
        node_is_ready "$k" || return 1
        ! node_has_wsrep "$k" || [[ $(node_value "$k" wsrep_cluster_size) == "$1" ]] || return 1
    done
}

# A case that failed must not make the next one fail: brings back what it left dead, frozen or cut off.
make_whole() {
    local k
    for k in "$GALERA_DIR"/[1-9]; do
        k=${k##*/}
        kill -CONT "$(node_pid "$k")" 2>/dev/null || true
        if node_is_alive "$k"; then mend_node "$k" || true; fi
    done
    whole "$(nodes_number)" || bring_back
    within 90 whole "$(nodes_number)"
}
nodes_number() { find "$GALERA_DIR" -maxdepth 1 -name '[1-9]' | wc -l; }
bring_back() {
    local k
    for ((k = 1; k <= $(nodes_number); k++)); do node_is_alive "$k" || restart_node "$k"; done
}

clients_begin() {
    rm -f "$WORK/$1.until"
    perl "$SUPPORT/submit.pl" --servers "$GEARCLOCK_GEARMAN" --acknowledged "$WORK/$1.acknowledged" \
        --answers "$WORK/$1.answers" --until "$WORK/$1.until" --function count --seed "$WORK-$1" "${@:2}" \
        >"$WORK/$1.clients" 2>&1 &
    clients=$!
    echo "$clients" >"$WORK/$1.clients.pid"
    within 20 stored_more "$1" 20
}

stored() { awk 'END { print NR }' "$WORK/$1.acknowledged" 2>/dev/null || echo 0; }
# stored_more NAME N: the clients have at least so many receipts.
stored_more() { (($(stored "$1") >= $2)); }
# goes_on NAME: tasks are stored now, after whatever happened.
goes_on() {
    local before
    before=$(stored "$1")
    within "${2:-40}" stored_more "$1" $((before + 20))
}

all_have_run() {
    cat "$WORK"/*.runs >"$WORK/all.runs"
    (($(perl "$SUPPORT/audit.pl" --missing "$WORK/$1.acknowledged" "$WORK/all.runs") == 0))
}

clients_end() {
    local report
    touch "$WORK/$1.until"
    wait "$clients" || fail "the clients: $(tail -n 3 "$WORK/$1.clients")"
    gap=$(perl "$SUPPORT/answers.pl" --gap "$WORK/$1.answers")
    within 90 all_have_run "$1"
    report=$(perl "$SUPPORT/audit.pl" "$WORK/$1.acknowledged" "$WORK/all.runs") || fail "$report"
    say "$1: $(perl "$SUPPORT/answers.pl" "$WORK/$1.answers"); $report" >>"$WORK/reports"
}

# answered NAME ANSWER: how often the clients were told that; a regular expression.
answered() { perl "$SUPPORT/answers.pl" --count "$2" "$WORK/$1.answers"; }

# Nothing stands in the store any more, neither due nor running.
is_drained() {
    [[ $("$GEARCLOCK" stats --json | jq '[.stores[] | .scheduled + .running] | add') == 0 ]]
}

reports() { [[ ! -e $WORK/reports ]] || sed 's/^/# /' "$WORK/reports"; }
