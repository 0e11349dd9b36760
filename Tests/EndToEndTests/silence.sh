# A controller that takes hand-overs and does not answer them, as one that is frozen or hangs.
# Alone: five seconds of hand-overs that time out must be over in nine.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"

gearmands 1
daemon w worker
daemon d dispatcher
target worker --function target

silent_controllers_hold_nobody_up() {
    local n
    # As many as a dispatcher has hand-overs under way; nobody else is there to take them.
    for n in 1 2 3 4; do
        target "silent$n" --function gearclock_hand_over --hold "$WORK/never"
        "$GEARCLOCK" submit target "held $n" >/dev/null
        within 5 hand_overs "$n"
    done
    daemon c controller
    for n in {1..20}; do "$GEARCLOCK" submit target "later $n" >/dev/null; done
    # Long before their leases end.
    within 9 all_have_run
}
hand_overs() { (($(cat "$WORK"/silent?.runs 2>/dev/null | wc -l) >= $1)); }
all_have_run() { (($(cut -f 3 "$WORK/worker.runs" | sort -u | wc -l) == 24)); }
it "controllers that answer nothing hold up no task for more than five seconds" silent_controllers_hold_nobody_up

an_old_hand_over_starts_nothing() {
    local n
    # The job server gives what the dead had to the next one, as if they had woken up.
    for n in 1 2 3 4; do stop_target "silent$n"; done
    within 10 nothing_is_handed_over
    "$GEARCLOCK" submit target last >/dev/null
    within 10 has_run worker last
    equal "$(runs worker)" 25
    equal "$("$GEARCLOCK" stats --json | jq -c '.stores[0] | [.scheduled, .running]')" '[0,0]'
}
# The job server has no hand-over, queued or running.
nothing_is_handed_over() { gearadmin --port "$GEARMAND_PORT" --status | grep -Pq '^gearclock_hand_over\t0\t0\t'; }
it "hand-overs that are answered late start no task again" an_old_hand_over_starts_nothing
