# Sourced: real gearmands on loopback and free ports, each with its folder $GEARMAND_DIR/N (N from 1).
#
# A folder has `port`, `pid` and `log`, so that any process that knows GEARMAND_DIR can stop and start them. They log
# every packet, for those who look for a failure, unless GEARMAND_VERBOSE says less. Needs project.sh.

# What answers there says which process it is.
gearmand_at() {
    local answer=
    { exec {gearmand_socket}<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 0
    echo getpid >&"$gearmand_socket"
    read -r -t 1 answer <&"$gearmand_socket" || true
    exec {gearmand_socket}>&-
    echo "${answer%$'\r'}"
}

# Starts the Nth gearmand, on the port that it had before, or else on a free one.
start_gearmand() {
    local home=$GEARMAND_DIR/$1 deadline=$((SECONDS + 20)) port pid
    mkdir -p "$home"
    while ((SECONDS < deadline)); do
        # Below the ports that the kernel gives to outgoing connections.
        port=$(cat "$home/port" 2>/dev/null || echo $((20000 + RANDOM % 12000)))
        : >"$home/log"
        gearmand --listen=127.0.0.1 --port="$port" --log-file=stderr --verbose="${GEARMAND_VERBOSE:-INFO}" --threads=2 \
            </dev/null >"$home/log" 2>&1 &
        pid=$!
        echo "$pid" >"$home/pid"
        while kill -0 "$pid" 2>/dev/null; do
            if [[ $(gearmand_at "$port") == "OK $pid" ]]; then
                echo "$port" >"$home/port"
                disown "$pid" 2>/dev/null || true
                return 0
            fi
            ((SECONDS < deadline)) || break
            sleep 0.02
        done
    done
    kill -9 "$pid" 2>/dev/null || true
    echo "gearmand $1 did not start; its log:" >&2
    cat "$home/log" >&2
    return 1
}

# signal_gearmand SIGNAL N
signal_gearmand() { kill "-$1" "$(cat "$GEARMAND_DIR/$2/pid")"; }

# Kills it with everything in its memory, and returns when it is gone.
kill_gearmand() {
    local pid
    pid=$(cat "$GEARMAND_DIR/$1/pid")
    kill -9 "$pid" 2>/dev/null || true
    while is_running "$pid"; do sleep 0.01; done
}

stop_gearmands() {
    local pid
    for pid in "$GEARMAND_DIR"/*/pid; do
        [[ -f $pid ]] && kill -9 "$(cat "$pid")" 2>/dev/null || true
    done
}

gearmand_port() { cat "$GEARMAND_DIR/$1/port"; }

# Exports where they are: GEARMAND_PORT (the first), GEARMAND_PORTS, GEARCLOCK_GEARMAN (host:port,host:port).
export_gearmands() {
    local ports=() port addresses
    for port in "$GEARMAND_DIR"/*/port; do ports+=("$(cat "$port")"); done
    addresses=$(printf ',127.0.0.1:%s' "${ports[@]}")
    export GEARMAND_DIR GEARMAND_PORT=${ports[0]} GEARMAND_PORTS="${ports[*]}" GEARCLOCK_GEARMAN=${addresses:1}
}
