# Sourced by Scripts/bench: the figures of the engine, each with servers and daemons of its own. They find a gearmand, and
# where the store is MariaDB its servers, in their environment; PROGRAMS is the folder of the built programs, LIMIT the
# compiled limit.c.

# ENGINE is the folder of one figure; everything in it goes with it.
engine_begin() {
    ENGINE=$(mktemp -d)
    engine_pids=()
    trap 'engine_end; rm -rf "$ENGINE"' EXIT
    case $1 in
        sqlite) export GEARCLOCK_STORE=sqlite:$ENGINE/tasks.sqlite ;;
        mariadb | galera) export GEARCLOCK_STORE=$GEARCLOCK_TEST_MARIADB_URL ;;
        *) die "there is no store $1" ;;
    esac
    gearman=127.0.0.1:$GEARMAND_PORT
    if [[ $1 != sqlite ]]; then "$PROGRAMS/gearclock" store migrate >/dev/null; fi
}

engine_end() {
    local pid
    {
        for pid in "${engine_pids[@]}"; do kill -9 "$pid" || true; done
        wait || true
    } 2>/dev/null
    engine_pids=()
}

# daemon NAME COMMAND…: starts it and waits until it is ready; its process is ${pid[NAME]}.
declare -A pid
daemon() {
    local name=$1 tries
    shift
    rm -f "$ENGINE/$name.ready"
    "$PROGRAMS/gearclock" "$@" --gearman "$gearman" --ready-file "$ENGINE/$name.ready" --log-level warning \
        >>"$ENGINE/$name.log" 2>&1 &
    pid[$name]=$!
    engine_pids+=($!)
    for ((tries = 0; tries < 1000; tries++)); do
        [[ -e $ENGINE/$name.ready ]] && return
        sleep 0.02
    done
    cat "$ENGINE/$name.log" >&2
    die "$name did not become ready"
}

three_daemons() {
    local role
    for role in controller dispatcher worker; do daemon "$role" "$role"; done
}

bench() { "$PROGRAMS/gearclock-bench" "$@"; }

# alone COMMAND…: what the clock is held against. GEARCLOCK_BENCH_ALONE may name a command that waits until the machine has
# nothing else to do, and then runs its arguments.
# shellcheck disable=SC2086
alone() { ${GEARCLOCK_BENCH_ALONE:-} "$PROGRAMS/gearclock-bench" "$@"; }
fill() { bench fill --store "$GEARCLOCK_STORE" "$@"; }

# lateness NAME: what it prints stays in $ENGINE/NAME, for ratio.
lateness() { alone lateness --gearman "$gearman" --tasks 10000 --seconds 10 --lead 10 --seed "$RANDOM" | tee "$ENGINE/$1"; }

# ratio A B: each line of A as a ratio to the same line of B.
ratio() {
    paste -d' ' "$ENGINE/$1" "$ENGINE/$2" | awk -v what="$1 to $2" '
        /^lateness/ { line = line sprintf("   %s %.2f", $2, $3 / $(NF - 1)) } END { print "ratio of " what ":" line }'
}

# --- the figures

# PENDING: tasks far in the future.
engine_lateness() {
    daemon up up
    say "nothing else is stored"
    lateness empty
    say "$1 tasks are due in a year"
    fill --tasks "$1"
    lateness pending
    ratio pending empty
}

# OVERDUE: tasks of a function that nobody works for.
engine_fairness() {
    daemon up up
    say "alone"
    lateness alone
    say "beside $1 overdue tasks of a function without a worker"
    fill --tasks "$1" --function bench_nobody --due-in=-3600 --over 3000
    lateness beside
    ratio beside alone
}

# SECONDS: at 80 % of the highest rate that three daemons sustain, for so long.
engine_load() {
    three_daemons
    alone load --gearman "$gearman" --seconds "$1"
}

# cpu NAME PID: microseconds of processor time that it has used.
cpu() { awk -v name="$1" -v tick="$(getconf CLK_TCK)" '{ print name, ($14 + $15) * 1000000 / tick }' "/proc/$2/stat"; }

processor_time() {
    local name
    for name in worker dispatcher controller; do cpu "$name" "${pid[$name]}"; done
    cpu gearmand "$(cat "$GEARMAND_DIR/1/pid")"
    if [[ -n ${GALERA_DIR:-} ]]; then cpu mariadbd "$(cat "$GALERA_DIR/1/pid")"; fi
}

# Until the database has removed the rows that were deleted: the next measurement shall not pay for the last one.
purged() {
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        (($(database_status Innodb_history_list_length) < 1000)) && return
        sleep 0.1
    done
    die "the database does not purge"
}

# TASKS: from submission to removal, with three daemons, beside limit.c's inserts and deletes of as many; and where the time
# goes. Three rounds of everything in turn, because a machine is not equally fast all the time; the ratio is of medians.
engine_throughput() {
    local bulk round host
    local TIMEFORMAT='%U %S'
    host=${GEARCLOCK_TEST_MARIADB%%,*}
    three_daemons
    bench throughput --tasks 2000 --gearman "$gearman" >/dev/null
    for round in 1 2 3; do
        purged
        "$LIMIT" "${host%:*}" "${host##*:}" gearclock gearclock "$1" 256 200 4 |
            awk '{ printf "0 rate %.0f\n", 1 / (1 / $1 + 1 / $3) }'
        for bulk in 1 100; do
            purged
            processor_time >"$ENGINE/before"
            { time bench throughput --tasks "$1" --bulk "$bulk" --gearman "$gearman" >"$ENGINE/rate"; } 2>"$ENGINE/own"
            processor_time >"$ENGINE/after"
            awk '{ print "load", ($1 + $2) * 1000000 }' "$ENGINE/own" >>"$ENGINE/after"
            awk -v bulk="$bulk" -v tasks="$1" '
                FILENAME ~ /before$/ { before[$1] = $2; next }
                FILENAME ~ /rate$/ { print bulk, "rate", $NF; next }
                { print bulk, $1, ($2 - before[$1]) / tasks }
            ' "$ENGINE/before" "$ENGINE/rate" "$ENGINE/after"
        done
    done | sort -k1,1n -k2,2 -k3,3n | awk '
        # The second of three is the median.
        { if (++seen[$1, $2] == 2) median[$1, $2] = $3 }
        function show(bulk,   names, n, all) {
            printf "submissions of %d: %d tasks/s, ratio to limit.c %.2f; microseconds of a processor for each task:", bulk,
                median[bulk, "rate"], median[bulk, "rate"] / median[0, "rate"]
            n = split("mariadbd controller dispatcher worker gearmand load", names, " ")
            for (name = 1; name <= n; name++) {
                all += median[bulk, names[name]]
                printf " %s %.1f", names[name], median[bulk, names[name]]
            }
            printf ", all %.1f\n", all
        }
        END { printf "limit.c inserts and deletes %d tasks/s\n", median[0, "rate"]; show(1); show(100) }'
}

# galera_conflicts: transactions that a node gave up for those of another one, and deadlocks inside of a node.
galera_conflicts() {
    local socket
    for socket in "$GALERA_DIR"/[1-9]/socket; do
        MYSQL_PWD=$GEARCLOCK_TEST_MARIADB_PASSWORD mariadb --no-defaults --user gearclock --socket "$socket" -BN -e "
            SHOW GLOBAL STATUS WHERE Variable_name IN
                ('wsrep_local_cert_failures', 'wsrep_local_bf_aborts', 'Innodb_deadlocks')"
    done | awk '{ sum += $2 } END { print sum + 0 }'
}

# NAME: a counter of the first server.
database_status() {
    MYSQL_PWD=$GEARCLOCK_TEST_MARIADB_PASSWORD mariadb --no-defaults --user gearclock --socket "$GALERA_DIR/1/socket" -BN \
        -e "SHOW GLOBAL STATUS LIKE '$1'" | cut -f2
}

# TASKS: due ones are worked off by one, two and three dispatchers.
engine_dispatchers() {
    local count n before conflicts rate drain first=
    daemon controller1 controller
    daemon controller2 controller
    for count in 1 2 3; do
        fill --tasks "$1" --function bench_drain --due-in=-10 --over 1
        bench drain --tasks "$1" --function bench_drain --gearman "$gearman" >"$ENGINE/drain" &
        drain=$!
        for ((n = 1; n <= count; n++)); do daemon "dispatcher$n" dispatcher; done
        wait $drain
        rate=$(grep -oE '[0-9]+' "$ENGINE/drain")
        # They know each other by now: a steady state.
        fill --tasks "$1" --function bench_drain --due-in=8 --over 1
        before=$(galera_conflicts)
        bench drain --tasks "$1" --function bench_drain --gearman "$gearman" >/dev/null
        conflicts=$(($(galera_conflicts) - before))
        for ((n = 1; n <= count; n++)); do kill "${pid[dispatcher$n]}" && wait "${pid[dispatcher$n]}"; done
        awk -v count="$count" -v rate="$rate" -v first="${first:=$rate}" -v conflicts="$conflicts" -v tasks="$1" '
            BEGIN { printf "%d dispatchers: %d tasks/s, %.2f times one; %d conflicts, %.2f for each 1,000 tasks claimed\n",
                count, rate, rate / first, conflicts, conflicts * 1000 / tasks }'
    done
}

# COUNT: tasks of a function of which one job may be in flight, with one controller and with three.
engine_limits() {
    local controllers n rate first=
    daemon worker worker
    daemon dispatcher dispatcher
    "$PROGRAMS/gearclock" limits bench_drain --in-flight 1 --gearman "$gearman" >/dev/null
    for controllers in 1 3; do
        for ((n = 1; n <= controllers; n++)); do daemon "controller$n" controller; done
        # Until they know each other, and those of before are known to have gone.
        sleep 5
        fill --tasks "$1" --function bench_drain --due-in=-10 --over 1
        rate=$(bench drain --tasks "$1" --function bench_drain --gearman "$gearman" | grep -oE '[0-9]+')
        for ((n = 1; n <= controllers; n++)); do kill "${pid[controller$n]}" && wait "${pid[controller$n]}"; done
        awk -v controllers="$controllers" -v rate="$rate" -v first="${first:=$rate}" '
            BEGIN { printf "%d controllers: %d tasks/s, %.2f times one\n", controllers, rate, rate / first }'
    done
}

# SECONDS: the flow after each death.
engine_takeover() {
    local role standby
    for role in controller dispatcher worker; do
        for standby in yes no; do
            three_daemons
            if [[ $standby == yes ]]; then
                daemon standby "$role"
                say "$role killed, a second one stands by:"
                bench takeover --gearman "$gearman" --seconds "$1" --harm "kill -9 ${pid[$role]}"
            else
                say "$role killed, a second one is started then:"
                bench takeover --gearman "$gearman" --seconds "$1" --harm "kill -9 ${pid[$role]}
                    '$PROGRAMS/gearclock' $role --gearman $gearman --log-level warning >>'$ENGINE/second.log' 2>&1 &
                    echo \$! >'$ENGINE/second'"
                engine_pids+=("$(cat "$ENGINE/second")")
            fi
            engine_end
        done
    done
}

# PENDING: tasks that wait; then a flow of tasks goes through.
engine_memory() {
    local name when
    fill --tasks "$1"
    three_daemons
    for when in "with $1 tasks scheduled" "after 10,000 tasks more have run"; do
        if [[ $when == after* ]]; then lateness flow >/dev/null; else sleep 5; fi
        for name in worker dispatcher controller; do
            awk -v name="$name" -v when="$when" '
                /^VmRSS/ { now = $2 } /^VmHWM/ { most = $2 }
                END { printf "%-10s %5.1f MiB, at most %5.1f MiB   %s\n", name, now / 1024, most / 1024, when }
            ' "/proc/${pid[$name]}/status"
        done
    done
}
