# Two clusters of which one goes away: new tasks go to the other, and those of the first wait for it.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"
source "$SUPPORT/galera.sh"

gearmands 1
galera_plain=yes
galera 1 a
first=$STORE_URL
galera 1 b
second=$STORE_URL
timeouts='&connect_timeout=1&statement_timeout=2'
for n in 1 2; do
    launch "up$n" up --store "a=$first$timeouts&number=1" --store "b=$second$timeouts&number=2" --ready-file "$WORK/up$n.ready"
    within 20 is_ready_or_ended "up$n"
done
target target1 --function count

# submitted_to STORE [SECONDS]: a task for so long from now stands in that store; $id.
submitted_to() { goes_to "$@" || fail "none of many tasks went to $1"; }
goes_to() {
    local n receipt
    for n in {1..60}; do
        receipt=$(answer gearclock_submit "{\"func_name\":\"count\",\"payload\":\"waits $n\",\"after\":${2:-3}}")
        id=$(field id <<<"$receipt")
        [[ $(field store <<<"$receipt") != "$1" ]] || return 0
    done
    return 1
}

both_are_used() {
    submitted_to a 0
    submitted_to b 0
    clients_begin both --without-ids
    sleep 2
    clients_end both
}
it "tasks go to both clusters and run from both" both_are_used

one_is_gone() {
    local waiting n receipt
    submitted_to a 4
    waiting=$id
    use_galera a
    kill_node 1
    clients_begin gone --without-ids
    for n in {1..20}; do
        receipt=$(answer gearclock_submit '{"func_name":"count","payload":"other"}')
        equal "$(field store <<<"$receipt")" b
    done
    goes_on gone
    sleep 4
    # Nobody says that there is no such task: its cluster is away.
    status 1 "$GEARCLOCK" get "$waiting" --json
    matches "$(cat "$WORK/out" "$WORK/err")" store_unavailable
    restart_node 1
    within 60 has_a_state "$waiting"
    clients_end gone
    within 60 is_drained
    ((gap <= 5000)) || fail "$gap ms without a stored task"
    within 20 goes_to a 0
}
has_a_state() { "$GEARCLOCK" get "$1" --json || (($? == 3)); }
it "with one of two clusters gone new tasks go to the other, and waiting ones run when it is back" one_is_gone

it_freezes() {
    local name
    for name in a b; do use_galera "$name" && make_whole; done
    clients_begin freezing --without-ids
    use_galera b
    kill -STOP "$(node_pid 1)"
    goes_on freezing
    kill -CONT "$(node_pid 1)"
    goes_on freezing
    clients_end freezing
    ((gap <= 8000)) || fail "$gap ms without a stored task"
}
it "a cluster that freezes delays nobody for longer than its timeouts" it_freezes

they_lived() { is_alive up1 && is_alive up2; }
it "the same daemons lived through all of it" they_lived
reports
