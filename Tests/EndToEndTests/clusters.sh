# Two stores as two clusters: where tasks go, where they are found, and what happens while one is away.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"

gearmands 1
target counter --function count
EAST="east=sqlite:$WORK/east.sqlite?number=1"
WEST="west=sqlite:$WORK/west,part.sqlite?number=2"

# cluster NAME SUBCOMMAND: a daemon with both stores, ready when it returns.
cluster() {
    launch "$1" "$2" --store "$EAST" --store "$WEST" --ready-file "$WORK/$1.ready"
    within 20 is_ready_or_ended "$1"
    [[ -e $WORK/$1.ready ]] || fail "$1 ended with status $(exit_status "$1"): $(tail -n 5 "$WORK/$1.log")"
}
cluster up up

# in_store NAME: how many tasks its file has, in a state if one is given.
in_store() { sqlite3 "$WORK/$1" "SELECT count(*) FROM task${2:+ WHERE state = $2}"; }
# holds FILE ID: the file has the task.
holds() { [[ $(sqlite3 "$WORK/$1" "SELECT count(*) FROM task WHERE id = x'${2//-/}'") == 1 ]]; }

new_tasks_take_turns() {
    local n
    for n in {1..8}; do "$GEARCLOCK" submit count "later $n" --after 3600; done >"$WORK/receipts"
    equal "$(jq -r .store "$WORK/receipts" | sort | uniq -c | tr -s ' \n' ' ')" " 4 east 4 west "
    equal "$(in_store east.sqlite) $(in_store west,part.sqlite)" "4 4"
    # The number of its cluster is in each id.
    equal "$(jq -r 'select(.store == "east") | .id[14:18]' "$WORK/receipts" | sort -u)" 8001
    equal "$(jq -r 'select(.store == "west") | .id[14:18]' "$WORK/receipts" | sort -u)" 8002
}
it "new tasks take turns, and their ids carry the number of the cluster" new_tasks_take_turns

questions_span_clusters() {
    local id
    equal "$("$GEARCLOCK" list --json --function count | jq -r '[.tasks[].store] | sort | unique | join(" ")')" "east west"
    equal "$("$GEARCLOCK" list --json | jq '[.tasks[].id] == ([.tasks[].id] | sort)')" true
    equal "$("$GEARCLOCK" list --json --limit 3 | jq -r '.next == .tasks[2].id')" true
    equal "$("$GEARCLOCK" stats --json | jq -c '[.stores[] | [.store, .scheduled]]')" '[["east",4],["west",4]]'
    for id in $(jq -r .id "$WORK/receipts"); do
        equal "$("$GEARCLOCK" get "$id" | field state)" scheduled
        "$GEARCLOCK" cancel "$id" >/dev/null
        equal "$("$GEARCLOCK" get "$id" | field state)" cancelled
    done
    status 3 "$GEARCLOCK" get 00000000-0000-4000-8000-000000000009
}
it "get, list, stats and cancel know the tasks of all clusters" questions_span_clusters

a_bulk_submission_is_split() {
    local ids n
    ids=$(for n in {10..29}; do echo "11111111-2222-4333-8444-0000000000$n"; done)
    jq -cn --args '[$ARGS.positional[] | {func_name: "count", payload: ("bulk " + .), id: .}] + [{func_name: 5}]' $ids \
        | answer gearclock_submit >"$WORK/bulk"
    equal "$(jq -r '.[0:20][].id' "$WORK/bulk")" "$ids"
    equal "$(jq -r '[.[0:20][].store] | unique | join(" ")' "$WORK/bulk")" "east west"
    equal "$(jq -r '.[20].error.code' "$WORK/bulk")" wrong_type
    for n in $ids; do within 20 has_run counter "bulk $n"; done
    # The same again: each is found in its home.
    jq -cn --args '[$ARGS.positional[] | {func_name: "count", payload: "again", id: .}]' $ids \
        | answer gearclock_submit >"$WORK/again"
    equal "$(jq '[.[] | select(.duplicate)] | length' "$WORK/again")" 20
    equal "$(runs counter again)" 0
}
it "a bulk submission is split, answered in order, and safe to repeat" a_bulk_submission_is_split

gearsloth_tasks_run_from_any_cluster() {
    local n id
    for n in {1..4}; do
        id=$(answer submitJobDelayed '{"func_name":"count","payload":"sloth '"$n"'"}')
        matches "$id" '^[0-9a-f]{8}-[0-9a-f]{4}-800[12]-'
        within 10 has_run counter "sloth $n"
    done
}
it "tasks of gearsloth's form go to any cluster" gearsloth_tasks_run_from_any_cluster

copies_are_those_that_a_store_has() {
    status 2 "$GEARCLOCK" submit count x --copies 2
    equal "$(answer gearclock_submit '{"func_name":"count","payload":"one","copies":1}' | jq -c '[.copies, .nodes]')" '[1,["sqlite"]]'
    equal "$(call gearclock_submit '{"func_name":"count","copies":2}' | sed -n 's/^warning //p' | jq -r '.code + " " + .field')" "invalid_value copies"
}
it "more copies than any store has nodes are refused, and the receipt names the nodes" copies_are_those_that_a_store_has

separate_daemons_hand_over_in_their_cluster() {
    local n
    signal up TERM
    within 20 has_ended up
    cluster worker worker
    cluster dispatcher dispatcher
    cluster controller controller
    for n in {1..6}; do "$GEARCLOCK" submit count "apart $n"; done >"$WORK/receipts"
    equal "$(jq -r .store "$WORK/receipts" | sort -u | tr '\n' ' ')" "east west "
    for n in {1..6}; do within 20 has_run counter "apart $n"; done
    within 10 all_settled
    gearadmin --port "$GEARMAND_PORT" --status | cut -f 1 >"$WORK/functions"
    grep -qx gearclock_hand_over_1 "$WORK/functions" || fail "$(cat "$WORK/functions")"
    grep -qx gearclock_hand_over_2 "$WORK/functions" || fail "$(cat "$WORK/functions")"
}
all_settled() { (($(in_store east.sqlite 0) + $(in_store east.sqlite 1) + $(in_store west,part.sqlite 0) + $(in_store west,part.sqlite 1) == 0)); }
it "dispatchers and controllers apart settle each task in its cluster" separate_daemons_hand_over_in_their_cluster

one_cluster_away() {
    local n id
    lock east.sqlite
    # Once it is known that the store is away, what is new goes to the other one, without waiting.
    for n in {1..6}; do "$GEARCLOCK" submit count "away $n"; done >"$WORK/receipts"
    equal "$(jq -r .stored "$WORK/receipts" | sort | uniq -c | tr -s ' \n' ' ')" " 6 yes "
    equal "$(tail -n 3 "$WORK/receipts" | jq -r .store | sort -u)" west
    for n in {1..6}; do within 20 has_run counter "away $n"; done
    # What has an id of its own waits for its home, and is not stored there in the end.
    id=$(jq -r '[.[] | select(.store == "east")][0].id' "$WORK/bulk")
    status 1 "$GEARCLOCK" submit count home --id "$id" --json
    equal "$(jq -r '.code + " " + .stored' "$WORK/err")" "store_unavailable no"
    unlock
    within 30 "$GEARCLOCK" submit count home --id "$id"
}
it "while a cluster is away new tasks go to the other, and those of its own fail without being stored" one_cluster_away

wrong_settings_are_2() {
    status 2 "$GEARCLOCK" up --store "sqlite:$WORK/a" --store "sqlite:$WORK/b"
    status 2 "$GEARCLOCK" up --store "a=sqlite:$WORK/a" --store "b=sqlite:$WORK/b"
    grep -q 'ids of its tasks carry it' "$WORK/err" || fail "$(cat "$WORK/err")"
    status 2 env GEARCLOCK_STORE="a=sqlite:$WORK/a?number=1,b=sqlite:$WORK/b?number=1" "$GEARCLOCK" up
    equal "$(GEARCLOCK_STORE="$EAST,$WEST" "$GEARCLOCK" config --json | jq -c .store.value)" \
        "$(jq -cn --arg east "$EAST" --arg west "$WEST" '[$east, $west]')"
}
it "stores that cannot be told apart are exit code 2, and a comma in a path is none between stores" wrong_settings_are_2
