# The whole way of a task on a Galera cluster of three nodes: each daemon twice, two gearmands, any daemon killed.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"
source "$SUPPORT/galera.sh"

RANDOM=${CHAOS_SEED:=$((1 + RANDOM))}
say "# GEARCLOCK_CHAOS_SEED=$CHAOS_SEED"
gearmands 2
galera 3
for n in 1 2; do
    daemon "worker$n" worker
    daemon "dispatcher$n" dispatcher
    daemon "controller$n" controller
    target "target$n" --function count
done
daemons=(worker1 worker2 dispatcher1 dispatcher2 controller1 controller2)

a_receipt_names_two_nodes() {
    local receipt id
    receipt=$(answer gearclock_submit '{"func_name":"count","payload":"first","after":3600}')
    equal "$(field stored <<<"$receipt")" yes
    equal "$(field copies <<<"$receipt")" 2
    equal "$(jq '.nodes | unique | length' <<<"$receipt")" 2
    id=$(field id <<<"$receipt")
    in_state "$id" scheduled
    local k
    for k in 1 2 3; do
        equal "$(node_sql "$k" "SET wsrep_sync_wait = 1; SELECT count(*) FROM gearclock.task
            WHERE id = unhex('${id//-/}')")" 1
    done
    "$GEARCLOCK" cancel "$id" >/dev/null
    in_state "$id" cancelled
}
it "a receipt names two nodes, and the task stands on all three" a_receipt_names_two_nodes

every_task_runs_once() {
    clients_begin quiet
    sleep 5
    clients_end quiet
    within 20 is_drained
}
it "two of each daemon, two gearmands and three nodes run everything" every_task_runs_once

random_daemons_are_killed() {
    local deadline=$((SECONDS + 20)) victim
    clients_begin killing
    while ((SECONDS < deadline)); do
        victim=${daemons[RANDOM % ${#daemons[@]}]}
        murder "$victim"
        revive "$victim"
    done
    clients_end killing
}
it "kill -9 of random daemons, again and again, loses nothing" random_daemons_are_killed

gearsloth_clients_need_not_know() {
    local id
    id=$(answer submitJobDelayed '{"func_name":"count","payload":"old","after":1}')
    within 20 has_run_somewhere old
    [[ -n $id ]] || fail "no id"
}
has_run_somewhere() { (($(runs target1 "$1") + $(runs target2 "$1") > 0)); }
it "a gearsloth client has its task on Galera as well" gearsloth_clients_need_not_know

up_is_all_three() {
    local name
    for name in "${daemons[@]}"; do signal "$name" TERM; done
    for name in "${daemons[@]}"; do within 30 has_ended "$name"; done
    daemon up up
    clients_begin up
    sleep 2
    clients_end up
    signal up TERM
    within 30 has_ended up
    equal "$(exit_status up)" 0
}
it "gearclock up does the same in one process" up_is_all_three
reports
