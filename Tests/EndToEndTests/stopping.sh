# SIGTERM drains, a second one stops at once, and neither loses anything.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"

gearmands 1

draining_finishes_what_runs() {
    target held --function held --hold "$WORK/release"
    daemon draining up
    "$GEARCLOCK" submit held finish --id 33333333-3333-4333-8333-000000000001 >/dev/null
    within 10 has_run held finish
    signal draining TERM
    # It takes nothing more in, but it is still there for the task that runs.
    within 10 takes_nothing_in
    is_alive draining || fail "it did not wait for its task"
    touch "$WORK/release"
    within 20 has_ended draining
    equal "$(exit_status draining)" 0
    # Less than a minute has passed: what it did, it says at its end.
    grep "Ran tasks" "$WORK/draining.log" | grep "completed=1" | grep -qE "lateness.max.ms=[0-9]+\.[0-9]{1,3} "
    daemon after up
    in_state 33333333-3333-4333-8333-000000000001 completed
    signal after INT
    within 20 has_ended after
    equal "$(exit_status after)" 0
    equal "$(runs held finish)" 1
    stop_target held
}
takes_nothing_in() { ! "$GEARCLOCK" stats --answer-timeout 0.3; }
it "SIGTERM finishes what runs, takes nothing more in, and ends with 0; so does SIGINT" draining_finishes_what_runs

a_second_one_stops_at_once() {
    target stuck --function stuck --hold "$WORK/never"
    daemon impatient up
    "$GEARCLOCK" submit stuck x >/dev/null
    within 10 has_run stuck x
    signal impatient TERM
    within 10 takes_nothing_in
    is_alive impatient || fail "it ended before its task"
    signal impatient TERM
    within 3 has_ended impatient
}
it "a second SIGTERM stops at once" a_second_one_stops_at_once

what_was_stopped_runs_again() {
    stop_target stuck
    target stuck2 --function stuck
    daemon next up
    within 60 has_run stuck2 x
    murder next
    stop_target stuck2
}
it "a task that was stopped in the middle runs again" what_was_stopped_runs_again

draining_has_an_end() {
    local id=33333333-3333-4333-8333-000000000003
    target endless --function endless --hold "$WORK/never"
    daemon limited up --drain-timeout 0.5
    "$GEARCLOCK" submit endless x --id $id >/dev/null
    within 10 has_run endless x
    signal limited TERM
    within 10 has_ended limited
    # It was given back, not left to its lease.
    daemon takes_over up
    within 8 is_attempted_again $id
    murder takes_over
    stop_target endless
}
is_attempted_again() { (($("$GEARCLOCK" get "$1" | field attempt) >= 2)); }
it "--drain-timeout ends the draining, and gives back what still runs" draining_has_an_end

what_is_only_queued_is_given_back() {
    local n
    target busy --function busy --hold "$WORK/busy.release"
    daemon leaving up
    "$GEARCLOCK" submit busy runs --id 33333333-3333-4333-8333-000000000010 >/dev/null
    within 10 has_run busy runs
    for n in 1 2 3; do "$GEARCLOCK" submit busy "waits $n" --id 33333333-3333-4333-8333-00000000002$n >/dev/null; done
    "$GEARCLOCK" submit nobody works --id 33333333-3333-4333-8333-000000000030 >/dev/null
    within 10 are_queued busy 3
    within 10 are_queued nobody 1
    signal leaving TERM
    within 10 takes_nothing_in
    daemon taking up
    # Another one has them while the first one still waits for the job that runs.
    for n in 1 2 3; do within 8 is_attempted_again 33333333-3333-4333-8333-00000000002$n; done
    within 8 is_attempted_again 33333333-3333-4333-8333-000000000030
    is_alive leaving || fail "it did not wait for what runs"
    equal "$(field attempt <<<"$("$GEARCLOCK" get 33333333-3333-4333-8333-000000000010)")" 1
    touch "$WORK/busy.release"
    within 20 has_ended leaving
    equal "$(exit_status leaving)" 0
    target late --function nobody
    within 20 has_run late works
    within 20 has_run busy "waits 3"
    within 20 in_state 33333333-3333-4333-8333-000000000023 completed
    equal "$(runs busy)" 4
    equal "$(runs late)" 1
    # What only waits does not keep it.
    stop_target late
    "$GEARCLOCK" submit nobody again >/dev/null
    within 10 are_queued nobody 1
    signal taking TERM
    within 5 has_ended taking
    stop_target busy
}
# are_queued FUNCTION COUNT: so many jobs of it wait at the job server.
are_queued() {
    gearadmin --port "$GEARMAND_PORT" --status |
        awk -F '\t' -v function_name="$1" -v count="$2" '$1 == function_name && $2 - $3 == count { found = 1 } END { exit !found }'
}
it "a stop gives back at once what only waits at a job server, and it runs once" what_is_only_queued_is_given_back

every_daemon_stops() {
    daemon w worker
    daemon d dispatcher
    daemon c controller
    local name
    for name in w d c; do signal $name TERM; done
    for name in w d c; do
        within 20 has_ended $name
        equal "$(exit_status $name)" 0
    done
}
it "worker, dispatcher and controller each stop with 0" every_daemon_stops

stopping_without_a_job_server() {
    daemon lonely up
    kill_gearmand 1
    signal lonely TERM
    within 20 has_ended lonely
    equal "$(exit_status lonely)" 0
    start_gearmand 1
}
it "a daemon stops while its job server is away" stopping_without_a_job_server
