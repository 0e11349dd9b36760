# Sourced: MariaDB servers that are one Galera cluster, each with its folder $GALERA_DIR/K (K from 1).
#
# A folder has `my.cnf`, `data`, `socket`, `address` (HOST:PORT for clients), `pid` and `mariadbd.log`, so that any process
# that knows GALERA_DIR can stop, start and cut off nodes. $GALERA_DIR/password is that of the account `gearclock`, which
# may do everything; `root` has none, and comes in through the socket only. Needs project.sh.

# What the next start_galera builds.
galera_options() {
    # One server without Galera.
    galera_plain=
    # The failure detection that the guide recommends for a good network; otherwise Galera's own, of five seconds.
    galera_fast=
    # Each node has network interfaces of its own; the caller runs in a network namespace of its own.
    galera_namespaces=
    # Nodes have no sessions of their own.
    galera_shared=
    # How a node gets all data when it has none: rsync or mariabackup.
    galera_sst=rsync
    # More lines for my.cnf.
    galera_lines=()
}
galera_options

galera_provider=/usr/lib/galera/libgalera_smm.so
galera_fast_options='evs.keepalive_period=PT0.2S;evs.inactive_check_period=PT0.2S;evs.suspect_timeout=PT1S'
galera_fast_options+=';evs.inactive_timeout=PT2S;evs.join_retrans_period=PT0.3S'

# --- a cluster

# start_galera N: a new cluster of N nodes in $GALERA_DIR, which is empty. Ready when it returns.
start_galera() {
    local attempt
    # Somebody else may take a port after it was found to be free.
    for attempt in 1 2 3; do
        if build_galera "$1" 2>"$GALERA_DIR/errors"; then return 0; fi
        grep -qs 'Address already in use' "$GALERA_DIR"/*/mariadbd.log || break
        stop_galera
        rm -rf "${GALERA_DIR:?}"/[1-9]
    done
    cat "$GALERA_DIR/errors" >&2
    for attempt in "$GALERA_DIR"/*/mariadbd.log; do
        echo "-- ${attempt#"$GALERA_DIR/"}" >&2
        grep -E 'ERROR|Aborting' "$attempt" | tail -n 5 >&2 || true
    done
    return 1
}

build_galera() {
    local k
    # Passed by environment and files, never in a process list.
    head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$GALERA_DIR/password"
    # The servers run as another user than root, who must get in.
    chmod 711 "$GALERA_DIR"
    for ((k = 1; k <= $1; k++)); do
        mkdir -p "$GALERA_DIR/$k/data" "$GALERA_DIR/$k/tmp"
        find_addresses "$k" || return 1
    done
    for ((k = 1; k <= $1; k++)); do
        write_node_settings "$k" "$1"
        own_node "$k"
    done
    make_first_data || return 1
    if [[ -n $galera_plain ]]; then
        launch_node 1 && await_node 1 20 && make_accounts
        return
    fi
    # The state after a first clean stop is the state of all: the others join without a copy of the data.
    launch_node 1 --wsrep-new-cluster && await_node 1 20 && make_accounts && stop_node 1 || return 1
    rm -f "$GALERA_DIR/1/data/galera.cache" "$GALERA_DIR/1/data/gvwstate.dat"
    for ((k = 2; k <= $1; k++)); do
        cp -a "$GALERA_DIR/1/data/." "$GALERA_DIR/$k/data"
        sed -i 's/^safe_to_bootstrap:.*/safe_to_bootstrap: 0/' "$GALERA_DIR/$k/data/grastate.dat"
    done
    launch_node 1 --wsrep-new-cluster
    for ((k = 2; k <= $1; k++)); do launch_node "$k"; done
    for ((k = 1; k <= $1; k++)); do await_node "$k" 40 || rejoin "$k" || return 1; done
}

# rejoin K: a node that joins while another one does may end (STATE EXCHANGE: failed). Once more, as systemd would.
rejoin() {
    (($1 > 1)) && ! node_is_alive "$1" || return 1
    echo "node $1 is started again" >&2
    restart_node "$1" && await_node "$1" 40
}

# The tables of a new server.
make_first_data() {
    local user=()
    ((EUID != 0)) || user=(--user=mysql)
    mariadb-install-db --defaults-file="$GALERA_DIR/1/my.cnf" "${user[@]}" --wsrep-on=OFF --skip-name-resolve \
        --skip-test-db --auth-root-authentication-method=normal >"$GALERA_DIR/install.log" 2>&1 ||
        { head -n 20 "$GALERA_DIR/install.log" >&2 && return 1; }
}

make_accounts() {
    # By standard input: the arguments of a process can be read by everybody.
    node_sql 1 <<SQL
CREATE USER gearclock@'%' IDENTIFIED BY '$(cat "$GALERA_DIR/password")';
GRANT ALL PRIVILEGES ON *.* TO gearclock@'%' WITH GRANT OPTION;
CREATE DATABASE gearclock;
SQL
}

stop_galera() {
    local file
    for file in "$GALERA_DIR"/*/pid "$GALERA_DIR"/*/holder; do
        [[ -s $file ]] || continue
        kill -9 "$(cat "$file")" 2>/dev/null || true
        await_death "$(cat "$file")"
    done
}

# HOST:PORT,HOST:PORT…
galera_addresses() { cat "$GALERA_DIR"/[1-9]/address | paste -sd, -; }

# Exports where they are and how to get in: what Scripts/with-galera promises.
export_galera() {
    local addresses
    addresses=$(galera_addresses)
    export GALERA_DIR GEARCLOCK_TEST_MARIADB=$addresses GEARCLOCK_TEST_MARIADB_USER=gearclock
    GEARCLOCK_TEST_MARIADB_PASSWORD=$(cat "$GALERA_DIR/password")
    export GEARCLOCK_TEST_MARIADB_PASSWORD
    export GEARCLOCK_TEST_MARIADB_URL="mariadb://gearclock@$addresses/gearclock"
    export GEARCLOCK_STORE_PASSWORD=$GEARCLOCK_TEST_MARIADB_PASSWORD
}

# --- where a node is

# Writes the addresses of a node: `address` for clients; `ports`: host, then the ports of group, IST and SST.
find_addresses() {
    local home=$GALERA_DIR/$1 base port attempt
    if [[ -n $galera_namespaces ]]; then
        make_namespace "$1"
        echo "10.0.0.$1:3306" >"$home/address"
        echo "10.0.1.$1 4567 4568 4444" >"$home/ports"
        return
    fi
    for attempt in {1..50}; do
        # Below the ports that the kernel gives to outgoing connections.
        base=$((20000 + RANDOM % 3000 * 4))
        for port in "$base" $((base + 1)) $((base + 2)) $((base + 3)); do
            ! port_is_taken "$port" || continue 2
        done
        echo "127.0.0.1:$base" >"$home/address"
        echo "127.0.0.1 $((base + 1)) $((base + 2)) $((base + 3))" >"$home/ports"
        return 0
    done
    echo "no free ports after $attempt attempts" >&2
    return 1
}

port_is_taken() {
    grep -qs ":$1\$" "$GALERA_DIR"/*/address && return 0
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Two interfaces for a node, one for clients (10.0.0.K) and one for the other nodes (10.0.1.K), each on a bridge.
make_namespace() {
    local home=$GALERA_DIR/$1 side number=0
    if ! ip link show clients >/dev/null 2>&1; then
        ip link set lo up
        for side in clients nodes; do
            ip link add "$side" type bridge forward_delay 0
            ip address add "10.0.$number.100/24" dev "$side"
            ip link set "$side" up
            ((number += 1))
        done
    fi
    # A namespace without a name lives as long as this process, so that nothing can be left over.
    setsid unshare --net sleep infinity </dev/null >/dev/null 2>&1 &
    echo $! >"$home/holder"
    disown $!
    until [[ $(readlink "/proc/$(cat "$home/holder")/ns/net") != "$(readlink /proc/self/ns/net)" ]]; do sleep 0.01; done
    number=0
    for side in clients nodes; do
        ip link add "$side$1" type veth peer name "$side" netns "$(cat "$home/holder")"
        ip link set "$side$1" master "$side" up
        inside_node "$1" ip address add "10.0.$number.$1/24" dev "$side"
        inside_node "$1" ip link set "$side" up
        ((number += 1))
    done
    inside_node "$1" ip link set lo up
}

# inside_node K COMMAND…: where the network is that of the node.
inside_node() { nsenter --net="/proc/$(cat "$GALERA_DIR/$1/holder")/ns/net" -- "${@:2}"; }

# --- the settings of a node

# write_node_settings K N
write_node_settings() {
    local home=$GALERA_DIR/$1 address host group ist sst
    address=$(cat "$home/address")
    read -r host group ist sst <"$home/ports"
    # The pools are small, so that several nodes fit on a small machine. Nothing here trades durability for speed.
    cat >"$home/my.cnf" <<CNF
[mariadbd]
datadir=$home/data
tmpdir=$home/tmp
socket=$home/socket
pid-file=$home/mariadbd.pid
log-error=$home/mariadbd.log
bind-address=${address%:*}
port=${address##*:}
skip-name-resolve
performance-schema=OFF
max-connections=200
innodb-buffer-pool-size=64M
innodb-log-file-size=48M
innodb-flush-log-at-trx-commit=1
max-allowed-packet=64M
innodb-autoinc-lock-mode=2
binlog-format=ROW
transaction-isolation=READ-COMMITTED
CNF
    ((EUID != 0)) || echo user=mysql >>"$home/my.cnf"
    [[ -n $galera_plain ]] || write_wsrep_settings "$1" "$2" "$host" "$group" "$ist" "$sst" >>"$home/my.cnf"
    ((${#galera_lines[@]} == 0)) || printf '%s\n' "${galera_lines[@]}" >>"$home/my.cnf"
}

# write_wsrep_settings K N HOST GROUP IST SST
write_wsrep_settings() {
    local k others=() host group
    for ((k = 1; k <= $2; k++)); do
        read -r host group _ <"$GALERA_DIR/$k/ports"
        others+=("$host:$group")
    done
    cat <<CNF
wsrep-on=ON
wsrep-provider=$galera_provider
wsrep-cluster-name=gearclock
wsrep-cluster-address=gcomm://$(IFS=, && echo "${others[*]}")
wsrep-node-name=node$1
wsrep-node-address=$3
wsrep-node-incoming-address=$(cat "$GALERA_DIR/$1/address")
wsrep-sst-method=$galera_sst
wsrep-sst-receive-address=$3:$6
wsrep-sst-auth=root:
wsrep-slave-threads=2
wsrep-provider-options="base_host=$3;base_port=$4;gmcast.listen_addr=tcp://$3:$4;ist.recv_addr=$3:$5;gcache.size=64M\
${galera_fast:+;$galera_fast_options}"
CNF
}

# The servers of root run as the account that Debian made for them: rsync would otherwise come as nobody.
own_node() { ((EUID != 0)) || chown -R mysql "$GALERA_DIR/$1/data" "$GALERA_DIR/$1/tmp" "$GALERA_DIR/$1"; }

# --- one node

# launch_node K [ARGUMENT…]: starts its server; await_node says when it is ready.
launch_node() {
    local home=$GALERA_DIR/$1 pid inside=(setsid)
    # Linux shares out its processors by sessions first (sched_autogroup), and then by threads.
    [[ -z $galera_shared ]] || inside=(nohup)
    [[ ! -e $home/holder ]] || inside+=(nsenter "--net=/proc/$(cat "$home/holder")/ns/net" --)
    # Neither a terminal's signals nor the end of the caller reach it. Each program becomes the next, with one pid.
    "${inside[@]}" mariadbd --defaults-file="$home/my.cnf" "${@:2}" </dev/null >>"$home/out" 2>&1 &
    pid=$!
    echo "$pid" >"$home/pid"
    disown "$pid" 2>/dev/null || true
}

# await_node K SECONDS: until it takes work.
await_node() {
    local deadline=$((SECONDS + $2))
    until node_is_ready "$1"; do
        if ! node_is_alive "$1"; then
            echo "node $1 ended; its log:" >&2
            grep -E 'ERROR' "$GALERA_DIR/$1/mariadbd.log" | tail -n 5 >&2 || true
            return 1
        fi
        if ((SECONDS >= deadline)); then
            echo "node $1 was not ready in $2 s" >&2
            return 1
        fi
        sleep 0.05
    done
}

# node_sql K [STATEMENT]: through its socket, as root; columns are separated by tabs. Standard input without a statement.
node_sql() {
    timeout "${GALERA_SQL_TIMEOUT:-30}" mariadb --no-defaults --socket="$GALERA_DIR/$1/socket" --user=root --batch \
        --skip-column-names ${2:+--execute "$2"}
}

# node_value K NAME: of its status, for example wsrep_cluster_size.
node_value() { node_sql "$1" "SHOW STATUS LIKE '$2'" | cut -f 2; }

node_has_wsrep() { grep -q '^wsrep-on=ON' "$GALERA_DIR/$1/my.cnf"; }

node_is_ready() {
    local said
    node_has_wsrep "$1" || { GALERA_SQL_TIMEOUT=2 node_sql "$1" 'DO 1' >/dev/null 2>&1 && return; }
    said=$(GALERA_SQL_TIMEOUT=2 node_sql "$1" "SHOW STATUS WHERE Variable_name IN
        ('wsrep_ready', 'wsrep_cluster_status', 'wsrep_local_state')" 2>/dev/null | cut -f 2 | sort | paste -sd' ')
    [[ $said == '4 ON Primary' ]]
}

node_pid() { cat "$GALERA_DIR/$1/pid"; }

node_is_alive() { is_running "$(node_pid "$1")"; }

await_death() { while is_running "$1"; do sleep 0.01; done; }

kill_node() {
    kill -9 "$(node_pid "$1")" 2>/dev/null || true
    await_death "$(node_pid "$1")"
}

# As systemd stops it: it says goodbye to the others.
stop_node() {
    local deadline=$((SECONDS + 60))
    kill -TERM "$(node_pid "$1")" 2>/dev/null || true
    while node_is_alive "$1"; do
        ((SECONDS < deadline)) || { echo "node $1 does not stop" >&2 && return 1; }
        sleep 0.02
    done
}

# restart_node K [ARGUMENT…]: as systemd starts it: after a crash it first finds out how far it had come.
restart_node() {
    local home=$GALERA_DIR/$1 position
    ! node_is_alive "$1" || stop_node "$1"
    if node_has_wsrep "$1" && grep -qs '^seqno: *-1' "$home/data/grastate.dat" && [[ -e $home/data/ibdata1 ]]; then
        position=$(recovered_position "$1")
        [[ -z $position ]] || set -- "$@" "--wsrep-start-position=$position"
    fi
    launch_node "$@"
}

# UUID:SEQNO
recovered_position() {
    local home=$GALERA_DIR/$1
    mariadbd --defaults-file="$home/my.cnf" --wsrep-recover --log-error="$home/recovery.log" --skip-networking \
        </dev/null >/dev/null 2>&1 || true
    sed -n 's/.*WSREP: Recovered position: *//p' "$home/recovery.log" | tail -n 1
}

# Makes it the Primary Component: alive, with those that it still sees; or dead, alone with its own data.
bootstrap_node() {
    if node_is_alive "$1"; then
        node_sql "$1" "SET GLOBAL wsrep_provider_options = 'pc.bootstrap=1'"
    else
        sed -i 's/^safe_to_bootstrap:.*/safe_to_bootstrap: 1/' "$GALERA_DIR/$1/data/grastate.dat"
        restart_node "$1" --wsrep-new-cluster
    fi
}

# Nothing is left of its data.
wipe_node() {
    ! node_is_alive "$1" || { echo "node $1 runs" >&2 && return 1; }
    find "${GALERA_DIR:?}/$1/data" -mindepth 1 -delete
}

# cut_node K gmcast|nodes|clients|all: what Galera simulates, or which interfaces lose their cable.
cut_node() {
    case $2 in
        gmcast) node_sql "$1" "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'" ;;
        all) ip link set "nodes$1" down && ip link set "clients$1" down ;;
        *) ip link set "$2$1" down ;;
    esac
}

mend_node() {
    if [[ -e $GALERA_DIR/$1/holder ]]; then
        ip link set "nodes$1" up
        ip link set "clients$1" up
    fi
    ! node_has_wsrep "$1" || node_sql "$1" "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'"
}
