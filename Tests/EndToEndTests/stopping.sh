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
    # It was given back, not left to its lease of fifteen seconds.
    daemon takes_over up
    within 8 is_attempted_again $id
    murder takes_over
    stop_target endless
}
is_attempted_again() { (($("$GEARCLOCK" get "$1" | field attempt) >= 2)); }
it "--drain-timeout ends the draining, and gives back what still runs" draining_has_an_end

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
