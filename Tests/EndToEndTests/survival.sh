# Any process, any number, killed at any moment: every acknowledged task runs, and none early.
#
# GEARCLOCK_CHAOS_SEED=N repeats the choices of a run.
# Alone: it measures the lateness of 99 of 100 tasks.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"

RANDOM=${CHAOS_SEED:=$((1 + RANDOM))}
say "# GEARCLOCK_CHAOS_SEED=$CHAOS_SEED"
gearmands 2
for n in 1 2; do
    daemon "worker$n" worker
    daemon "dispatcher$n" dispatcher
    daemon "controller$n" controller
    target "target$n" --function count
done
daemons=(worker1 worker2 dispatcher1 dispatcher2 controller1 controller2)

# storm NAME COUNT SPREAD: a client that submits until everything is acknowledged
storm() {
    # Ids come from the seed, and a second storm must not have those of the first.
    local seed=$CHAOS_SEED-$1
    perl "$SUPPORT/storm.pl" --servers "$GEARCLOCK_GEARMAN" --acknowledged "$WORK/$1.acknowledged" --function count \
        --count "$2" --spread "$3" --seed "$seed" >"$WORK/$1.storm" 2>&1 &
    storm=$!
}
all_have_run() {
    cat "$WORK"/target[12].runs >"$WORK/all.runs"
    (($(perl "$SUPPORT/audit.pl" --missing "$WORK/$1.acknowledged" "$WORK/all.runs") == 0))
}
# audited NAME [--p99 MS]: waits until all that was acknowledged has run, and keeps the auditor's report.
audited() {
    local report
    wait "$storm" || fail "the client: $(tail -n 3 "$WORK/$1.storm")"
    within 120 all_have_run "$1"
    report=$(perl "$SUPPORT/audit.pl" "${@:2}" "$WORK/$1.acknowledged" "$WORK/all.runs") || fail "$report"
    say "$report" >>"$WORK/reports"
}

two_of_each_share_the_work() {
    storm quiet 300 3
    audited quiet --p99 1000
}
it "two of each daemon, two gearmands and one file run everything, on time" two_of_each_share_the_work

random_daemons_are_killed() {
    storm killing 500 15
    while kill -0 "$storm" 2>/dev/null || ! all_have_run killing; do
        local victim=${daemons[RANDOM % ${#daemons[@]}]}
        murder "$victim"
        revive "$victim"
        ((SECONDS < killing_deadline)) || break
    done
    audited killing
}
killing_deadline=$((SECONDS + 25))
it "kill -9 of random daemons, again and again, loses nothing" random_daemons_are_killed

apocalypse() {
    storm doomed 200 3
    within 10 some_acknowledged doomed $((RANDOM % 150))
    local n name
    for name in "${daemons[@]}"; do signal "$name" KILL; done
    kill_gearmand 1
    kill_gearmand 2
    for name in "${daemons[@]}"; do within 10 has_ended "$name"; done
    start_gearmand 1
    start_gearmand 2
    for name in "${daemons[@]}"; do revive "$name"; done
    audited doomed
}
some_acknowledged() { (($(wc -l <"$WORK/$1.acknowledged") > $2)); }
it "kill -9 of everything but the file loses nothing" apocalypse

a_job_server_is_killed() {
    storm server 200 6
    within 10 some_acknowledged server 20
    kill_gearmand 1
    within 20 some_acknowledged server 120
    start_gearmand 1
    kill_gearmand 2
    within 60 all_have_run server
    start_gearmand 2
    audited server
}
it "a gearmand that is killed costs nothing but time" a_job_server_is_killed

a_job_server_freezes() {
    storm stuck 200 4
    within 10 some_acknowledged stuck 50
    # Its connections stay open, and nothing comes back.
    signal_gearmand STOP 1
    within 90 all_have_run stuck
    signal_gearmand CONT 1
    audited stuck
}
it "a gearmand that freezes with open connections costs nothing but time" a_job_server_freezes

a_frozen_daemon_wakes_up() {
    storm frozen 200 4
    within 10 some_acknowledged frozen 50
    signal controller1 STOP
    signal dispatcher1 STOP
    within 90 all_have_run frozen
    signal controller1 CONT
    signal dispatcher1 CONT
    audited frozen
    within 20 is_alive controller1
}
it "daemons that freeze past their leases lose nothing, and wake up without harm" a_frozen_daemon_wakes_up

a_dispatcher_is_cut_off() {
    # It has the store, and nobody listens where it looks for a job server.
    launch lonely dispatcher --gearman 127.0.0.1:1 --store "sqlite:$STORE"
    within 10 grep -q 'dispatchers=3' "$WORK/dispatcher1.log"
    storm lonely 200 12
    audited lonely --p99 12000
    is_alive lonely
    murder lonely
}
it "a dispatcher that reaches no job server leaves its share to the others" a_dispatcher_is_cut_off

the_file_is_whole() {
    local name
    for name in "${daemons[@]}"; do signal "$name" TERM; done
    for name in "${daemons[@]}"; do within 30 has_ended "$name"; done
    equal "$(sqlite3 "$STORE" 'PRAGMA integrity_check')" ok
}
it "the file is whole afterwards" the_file_is_whole
sed 's/^/# /' "$WORK/reports"
