# Nodes of a Galera cluster die, freeze, are cut off and come back while clients submit: nothing acknowledged is lost.
# The failure detection is the short one that the guide recommends.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"
source "$SUPPORT/galera.sh"

gearmands 2
galera_fast=yes
galera 3
# Shorter than what clients wait for an answer.
STORE_URL+="&statement_timeout=10"
daemon up1 up
daemon up2 up
target target1 --function count
target target2 --function count

# With a machine that has two cores, and other work on them, this is far from what one sees.
most_without=6000
# says_it_is Primary|non-Primary K
says_it_is() { [[ $(node_value "$2" wsrep_cluster_status) == "$1" ]]; }
stored_soon() { ((gap <= most_without)) || fail "$gap ms without a stored task"; }

a_node_is_killed() {
    make_whole
    clients_begin killed
    # Each daemon writes to one node of its own choice; this may be it.
    kill_node 1
    goes_on killed
    restart_node 1
    within 60 whole 3
    grep -q 'IST received' "$GALERA_DIR/1/mariadbd.log" || fail "node 1 did not come back by IST"
    goes_on killed
    clients_end killed
    stored_soon
}
it "kill -9 of a node costs seconds; it comes back by IST" a_node_is_killed

a_node_freezes() {
    make_whole
    clients_begin frozen
    kill -STOP "$(node_pid 1)"
    goes_on frozen
    kill -CONT "$(node_pid 1)"
    within 60 whole 3
    goes_on frozen
    clients_end frozen
    stored_soon
}
it "a node that freezes costs seconds, and wakes up without harm" a_node_freezes

a_node_is_isolated() {
    make_whole
    clients_begin isolated
    cut_node 1 gmcast
    goes_on isolated
    within 20 says_it_is non-Primary 1
    mend_node 1
    within 60 whole 3
    goes_on isolated
    clients_end isolated
    stored_soon
}
it "a node that is cut off from the others costs seconds, and its daemons go elsewhere" a_node_is_isolated

a_node_without_data_comes_back() {
    make_whole
    clients_begin wiped
    stop_node 1
    wipe_node 1
    goes_on wiped
    restart_node 1
    within 90 whole 3
    grep -q 'SST received' "$GALERA_DIR/1/mariadbd.log" || fail "node 1 did not come back by SST"
    goes_on wiped
    clients_end wiped
    stored_soon
}
it "a node is stopped, loses its disk and comes back by SST while clients submit" a_node_without_data_comes_back

two_of_three_are_lost() {
    local before
    make_whole
    clients_begin minority
    kill_node 1
    kill_node 2
    within 60 refused_since minority
    before=$(stored minority)
    # One node that cannot know whether the others live takes nothing.
    sleep 2
    within 20 says_it_is non-Primary 3
    equal "$(stored minority)" "$before"
    bootstrap_node 3
    restart_node 1
    restart_node 2
    within 90 whole 3
    goes_on minority
    clients_end minority
    (($(answered minority '.* stored:no') > 0)) || fail "nobody was told that nothing is stored"
}
# refused_since NAME: the last answers were refusals.
refused_since() { tail -n 8 "$WORK/$1.answers" | grep -c 'stored:no' | grep -qx 8; }
it "with two of three nodes lost nothing is acknowledged; a bootstrap of the third heals it" two_of_three_are_lost

graceful_stops_to_one() {
    local before
    make_whole
    clients_begin lonely
    stop_node 1
    goes_on lonely
    stop_node 2
    # It is Primary and writable, and the only one that has anything.
    within 20 says_it_is Primary 3
    within 60 refused_since lonely
    before=$(stored lonely)
    sleep 2
    equal "$(stored lonely)" "$before"
    restart_node 1
    within 60 node_is_ready 1
    goes_on lonely
    restart_node 2
    within 60 whole 3
    clients_end lonely
    (($(answered lonely 'too_few_copies stored:.*') > 0)) || fail "nobody was told that there are too few copies"
}
it "graceful stops down to one node: it writes, but two copies are refused" graceful_stops_to_one

all_nodes_die() {
    local k latest
    make_whole
    clients_begin apocalypse
    for k in 1 2 3; do kill -9 "$(node_pid "$k")"; done
    for k in 1 2 3; do await_death "$(node_pid "$k")"; done
    within 60 refused_since apocalypse
    latest=$(most_advanced_node)
    bootstrap_node "$latest"
    within 60 node_is_ready "$latest"
    for k in 1 2 3; do
        [[ $k == "$latest" ]] || restart_node "$k"
    done
    within 90 whole 3
    goes_on apocalypse
    clients_end apocalypse
}
# The one that has seen the most: its neighbours may lack what was acknowledged last.
most_advanced_node() {
    local k
    for k in 1 2 3; do echo "$(recovered_position "$k" | sed 's/.*://') $k"; done | sort -n | tail -n 1 | cut -d' ' -f 2
}
it "kill -9 of all nodes: the most advanced one is bootstrapped, and nothing is lost" all_nodes_die

the_daemons_never_restarted() {
    is_alive up1
    is_alive up2
    within 60 is_drained
}
it "the same daemons lived through all of it, and nothing is left undone" the_daemons_never_restarted

the_nodes_agree() {
    local k first
    first=$(node_sql 1 'SET wsrep_sync_wait = 1; CHECKSUM TABLE gearclock.task, gearclock.attempt')
    for k in 2 3; do
        equal "$(node_sql "$k" 'SET wsrep_sync_wait = 1; CHECKSUM TABLE gearclock.task, gearclock.attempt')" "$first"
    done
}
it "all nodes have the same rows" the_nodes_agree
reports
