# `gearclock jobserver --store` on a Galera cluster of three nodes: what was acknowledged runs, whatever dies or freezes.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"
source "$SUPPORT/galera.sh"

galera_fast=yes
galera 3

# keeper NAME: a job server of that name, on a port that it has again when it is revived.
keeper() {
    local try
    for try in {1..20}; do
        port=$((20000 + RANDOM % 12000))
        launch "$1" jobserver --port "$port" --name "$1" --store "$STORE_URL" --store-patience 4 \
            --ready-file "$WORK/$1.ready"
        within 30 is_ready_or_ended "$1"
        [[ ! -e $WORK/$1.ready ]] || break
    done
    echo "$port" >"$WORK/$1.port"
}
# use NAME: what follows is about that server
use() {
    port=$(cat "$WORK/$1.port")
    GEARCLOCK_GEARMAN=127.0.0.1:$port
}

# submits PREFIX FUNCTION: background jobs, one after the other, until $WORK/PREFIX.until is there. PREFIX.acknowledged and
# PREFIX.refused say what became of them, PREFIX.slowest how long the slowest answer took, in milliseconds.
submits() {
    local n=0 said begin took slowest=0
    : >"$WORK/$1.acknowledged" >"$WORK/$1.refused"
    until [[ -e $WORK/$1.until ]]; do
        ((n += 1))
        begin=${EPOCHREALTIME/[.,]/}
        # The tool says what is wrong, but ends with 0.
        said=$(timeout 30 gearman -h 127.0.0.1 -p "$port" -b -f "$2" "$1 $n" 2>&1) || said+=" ended with $?"
        took=$(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
        ((took <= slowest)) || slowest=$took
        echo "$slowest" >"$WORK/$1.slowest"
        if [[ -z $said ]]; then echo "$1 $n" >>"$WORK/$1.acknowledged"; else echo "$said" >>"$WORK/$1.refused"; fi
    done
}
submits_begin() {
    submits "$@" &
    echo $! >"$WORK/$1.submits.pid"
    goes_on "$1"
}
submits_end() {
    goes_on "$1"
    touch "$WORK/$1.until"
    within 30 ended "$(cat "$WORK/$1.submits.pid")"
    say "# $1: $(acknowledged "$1") jobs acknowledged, $(wc -l <"$WORK/$1.refused") refused; the slowest answer" \
        "took $(cat "$WORK/$1.slowest") ms" >&3
}
ended() { ! kill -0 "$1"; }
acknowledged() { awk 'END { print NR }' "$WORK/$1.acknowledged" 2>/dev/null || echo 0; }
acknowledged_more() { (($(acknowledged "$1") >= $2)); }
goes_on() { within 60 acknowledged_more "$1" $(($(acknowledged "$1") + 8)); }

# all_run PREFIX FUNCTION: everything that was acknowledged, and then $keeps has nothing left.
all_run() {
    target "$1" --function "$2"
    within 30 has_run_all "$1"
    within 20 keeps_nothing
    stop_target "$1"
}
has_run_all() {
    cut -f 3 "$WORK/$1.runs" | sort -u >"$WORK/$1.ran"
    [[ -z $(sort -u "$WORK/$1.acknowledged" | comm -23 - "$WORK/$1.ran") ]]
}
keeps_nothing() { [[ $(node_sql 3 "SELECT count(*) FROM gearclock.job WHERE server = '$keeps'") == 0 ]]; }

# The node through which the changes of the last moment went.
written_node() {
    local k before=() most=-1 node count
    for k in 1 2 3; do before[k]=$(node_value "$k" wsrep_replicated); done
    goes_on "$1"
    for k in 1 2 3; do
        count=$(($(node_value "$k" wsrep_replicated) - before[k]))
        ((count <= most)) || { most=$count && node=$k; }
    done
    echo "$node"
}
exec 3>&1

for keeps in two one; do
    keeper "$keeps"
    use "$keeps"
done

a_node_and_the_server_are_killed() {
    local node begin
    begin=$(date +%s)
    submit_epoch later $((begin + 6)) due >/dev/null
    submits_begin killed work
    node=$(written_node killed)
    kill_node "$node"
    goes_on killed
    murder one
    revive one
    goes_on killed
    restart_node "$node"
    within 60 whole 3
    submits_end killed
    target later --function later
    within 20 has_run later due
    (($(cut -f 1 "$WORK/later.runs") >= (begin + 6) * 1000000)) || fail "it ran before its time"
    stop_target later
    all_run killed work
}
it "kill -9 of the node that has the jobs, and of the server: all acknowledged jobs run" a_node_and_the_server_are_killed

a_node_freezes() {
    local node
    make_whole
    submits_begin frozen work
    node=$(written_node frozen)
    kill -STOP "$(node_pid "$node")"
    goes_on frozen
    kill -CONT "$(node_pid "$node")"
    within 60 whole 3
    submits_end frozen
    # It went elsewhere within its patience.
    equal "$(cat "$WORK/frozen.refused")" ''
    all_run frozen work
}
it "a node that freezes costs seconds, and no submission" a_node_freezes

all_nodes_freeze() {
    local k
    make_whole
    submits_begin away work
    for k in 1 2 3; do kill -STOP "$(node_pid "$k")"; done
    within 20 grep -q 'JOB_NOT_KEPT' "$WORK/away.refused"
    murder one
    relaunch one
    within 20 grep -q 'The store is away; waiting for it' "$WORK/one.log"
    for k in 1 2 3; do kill -CONT "$(node_pid "$k")"; done
    within 60 test -e "$WORK/one.ready"
    submits_end away
    all_run away work
    within 60 whole 3
}
it "while no node answers background jobs are refused; a server that was killed meanwhile waits, and has all others" \
    all_nodes_freeze

two_servers() {
    make_whole
    submits_begin first work
    use two
    submits_begin second work
    murder one
    murder two
    revive two
    revive one
    goes_on second
    submits_end first
    submits_end second
    keeps=two
    all_run second work
    [[ -z $(grep -F first "$WORK/second.runs") ]] || fail "it ran a job of the other server"
    use one
    keeps=one
    all_run first work
}
it "two servers on one cluster have each the jobs of its name" two_servers
