# What Scripts/bench gearman does: `gearclock jobserver` beside gearmand. Each server is a process of its own; PROGRAM is the
# first, LOAD the program of load.c, DIRECTORY a place for files, and SERVER_PIDS what is to be ended.

# Starts a server: `gearclock`, or `gearmand` with its options. Sets PORT and PID.
start_server() {
    local tries
    if [[ $1 == gearclock ]]; then
        rm -f "$DIRECTORY/ready"
        "$PROGRAM" jobserver --port 0 --ready-file "$DIRECTORY/ready" --log-level warning >"$DIRECTORY/out" &
        PID=$!
        for ((tries = 0; tries < 500; tries++)); do [[ -e $DIRECTORY/ready ]] && break || sleep 0.02; done
        PORT=$(sed -n 's/.*:\([0-9]*\))/\1/p' "$DIRECTORY/out")
    else
        PORT=$((20000 + RANDOM % 12000))
        gearmand --listen=127.0.0.1 --port="$PORT" --log-file=none --file-descriptors=12000 "${@:2}" </dev/null &
        PID=$!
        for ((tries = 0; tries < 500; tries++)); do (: <"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null && break || sleep 0.02; done
    fi
    SERVER_PIDS+=("$PID")
}

stop_server() {
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

# median_rates PORT KIND CONNECTIONS BYTES JOBS: lines `NAME RATE`
median_rates() {
    for _ in 1 2 3; do timeout 60 "$LOAD" "$@"; done | sort -k1,1 -k2,2n | awk '
        $1 != name { n = 0; name = $1 } { n++; if (n == 2) print }'
}

# A server answers an ECHO_REQ only when what came before is done, but gives memory back later; this is what it has.
resident_bytes() {
    echo $(($(awk '/^VmRSS/ { print $2 }' "/proc/$1/status") * 1024))
}

measure_job_rates() {
    local ports=() threads kind connections bytes count n
    start_server gearclock
    ports+=("$PORT")
    for threads in 0 1 4; do
        start_server gearmand --threads="$threads"
        ports+=("$PORT")
    done
    printf '%-12s %4s %6s  %10s %10s  %s\n' jobs/s conn. bytes gearclock gearmand ratio
    for kind in foreground background; do
        for connections in 1 64; do
            for bytes in 16 4096; do
                count=$((bytes == 16 ? 200000 : 60000))
                for n in "${!ports[@]}"; do
                    median_rates "${ports[$n]}" "$kind" "$connections" "$bytes" "$count" | sed "s/^/$((n > 0)) /"
                done | awk -v connections="$connections" -v bytes="$bytes" '
                    { name[$2]; if ($3 > best[$1, $2]) best[$1, $2] = $3 }
                    END { for (n in name) printf "%-12s %4d %6d  %10d %10d  %.2f\n", n, connections, bytes,
                        best[0, n], best[1, n], best[1, n] ? best[0, n] / best[1, n] : 0 }' | sort -r
            done
        done
    done
    for n in "${SERVER_PIDS[@]}"; do stop_server "$n"; done
    SERVER_PIDS=()
}

# What a queued background job costs, from the growth of a server that was just started.
measure_job_memory() {
    local server bytes count before
    local -A cost
    printf '%-28s %10s %10s  %s\n' 'bytes for a queued job' gearclock gearmand ratio
    for bytes in 16 4096; do
        count=$((bytes == 16 ? 200000 : 50000))
        for server in gearclock gearmand; do
            start_server $server --threads=0
            before=$(resident_bytes "$PID")
            timeout 120 "$LOAD" "$PORT" queued 1 $bytes $count >/dev/null
            cost[$server]=$((($(resident_bytes "$PID") - before) / count))
            stop_server "$PID"
        done
        printf '%-28s %10d %10d  %.2f\n' "$count jobs of $bytes bytes" "${cost[gearclock]}" "${cost[gearmand]}" \
            "$(awk "BEGIN { print ${cost[gearclock]} / ${cost[gearmand]} }")"
    done
}

# What 10,000 idle workers cost, and what a busy pair of connections notices of them: three rounds with and without, in turn.
measure_idle_workers() {
    local server before after rates idle
    printf '%-28s %12s %12s %12s  %s\n' '10,000 idle workers' 'bytes each' 'jobs/s without' 'jobs/s with' ratio
    for server in gearclock gearmand; do
        start_server $server --threads=0
        before=$(resident_bytes "$PID")
        rates=$(
            for _ in 1 2 3; do
                "$LOAD" "$PORT" foreground 1 16 60000 | sed 's/.* /0 /'
                coproc IDLE { exec "$LOAD" "$PORT" idle 10000; }
                read -r _ <&"${IDLE[0]}"
                "$LOAD" "$PORT" foreground 1 16 60000 | sed 's/.* /1 /'
                after=$(resident_bytes "$PID")
                idle=$IDLE_PID
                exec {IDLE[1]}>&-
                wait "$idle"
                echo "2 $(((after - before) / 10000))"
            done | sort -k1,1 -k2,2n | awk '$1 != kind { n = 0; kind = $1 } { n++; if (n == 2) print $2 }' | tr '\n' ' '
        )
        # shellcheck disable=SC2086
        set -- $rates
        printf '%-28s %12d %12d %12d  %.2f\n' "$server" "$3" "$1" "$2" "$(awk "BEGIN { print $2 / $1 }")"
        stop_server "$PID"
    done
}
