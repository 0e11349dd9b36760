# Nodes with network interfaces of their own, whose cables are pulled: between the nodes, to the clients, and both.
# Needs root, for network namespaces.
if [[ -z ${GALERA_UNSHARED:-} ]]; then
    if ! unshare --net true 2>/dev/null; then
        echo "skip - network namespaces need root"
        exit 0
    fi
    GALERA_UNSHARED=1 exec unshare --net bash "${BASH_SOURCE[0]}"
fi
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"
source "$SUPPORT/galera.sh"

ip link set lo up
gearmands 1
galera_fast=yes
galera_namespaces=yes
galera 3
# A host without a cable answers nothing at all: only timeouts tell.
STORE_URL+="&connect_timeout=1&statement_timeout=5"
daemon up1 up
daemon up2 up
target target1 --function count

# pulled NAME WHAT MILLISECONDS
pulled() {
    make_whole
    clients_begin "$1"
    cut_node 1 "$2"
    goes_on "$1"
    mend_node 1
    within 60 whole 3
    goes_on "$1"
    clients_end "$1"
    ((gap <= $3)) || fail "$gap ms without a stored task"
}
between_nodes() { pulled nodes nodes 6000; }
it "a node without a cable to the others gets no work" between_nodes
to_clients() { pulled clients clients 15000; }
it "a node that its clients cannot reach is left for another" to_clients
both() { pulled all all 15000; }
it "a host whose cables are all pulled costs seconds" both
reports
