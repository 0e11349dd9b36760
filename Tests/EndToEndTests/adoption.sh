# A controller is lost while a job runs: whoever takes its task over joins that job and starts no second one.
#
# The jobs run until they are let go, so the only time in here is that of a lease.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"

gearmands 1
daemon w worker
daemon d dispatcher
target worker1 --function held --hold "$WORK/release"
target worker2 --function held --hold "$WORK/release"
frozen=88888888-8888-4888-8888-000000000001
killed=88888888-8888-4888-8888-000000000002

# waiting_clients ID: how many wait at gearmand for the job of the task's first run. No tool asks for it.
waiting_clients() {
    perl -MIO::Socket::INET -e '
        my ($port, $unique) = @ARGV;
        my $socket = IO::Socket::INET->new("127.0.0.1:$port") or die "$!\n";
        print $socket pack("a4NN", "\0REQ", 41, length $unique) . $unique;
        $socket->flush;
        read($socket, my $head, 12) == 12 or die "no answer\n";
        my ($magic, $type, $size) = unpack "a4NN", $head;
        read $socket, my $answer, $size;
        $type == 42 or die "packet $type\n";
        print +(split /\0/, $answer)[5];' "$GEARMAND_PORT" "$1-0"
}
# is_awaited ID CLIENTS
is_awaited() { (($(waiting_clients "$1") == $2)); }
history_of() { "$GEARCLOCK" get "$1" | jq -c '[.state, .attempt, .failures, [.history[].outcome]]'; }
starts() { cat "$WORK"/worker[12].runs | cut -f 3 | grep -cx "$1"; }
has_started() { (($(starts "$1") == 1)); }

who_takes_over_joins_the_job() {
    # Each of them has the task of whose moment it is the only controller that is awake.
    daemon freezes controller
    "$GEARCLOCK" submit held "of the frozen" --id $frozen >/dev/null
    within 10 has_started "of the frozen"
    signal freezes STOP
    daemon dies controller
    "$GEARCLOCK" submit held "of the killed" --id $killed >/dev/null
    within 10 has_started "of the killed"
    murder dies
    daemon takes_over controller
    # A lease, its margin, and a hand-over. The frozen one is still connected, the killed one is not.
    within 40 is_awaited $frozen 2
    within 40 is_awaited $killed 1
    equal "$(history_of $frozen)" '["running",2,0,["lease_expired"]]'
    equal "$(history_of $killed)" '["running",2,0,["lease_expired"]]'
}
it "kill -9 of a controller, and one that is frozen: another one joins the jobs that run" who_takes_over_joins_the_job

their_results_count() {
    touch "$WORK/release"
    within 10 in_state $frozen completed
    within 10 in_state $killed completed
    equal "$(starts "of the frozen")" 1
    equal "$(starts "of the killed")" 1
    equal "$(history_of $frozen)" '["completed",2,0,["lease_expired"]]'
    equal "$(history_of $killed)" '["completed",2,0,["lease_expired"]]'
}
it "each job was started once, and its result completes the task" their_results_count

the_frozen_one_wakes_up() {
    signal freezes CONT
    # Nobody else is there to run it: it is awake, and has read the result that waited for it.
    murder takes_over
    "$GEARCLOCK" submit held afterwards >/dev/null
    within 30 has_started afterwards
    within 10 nothing_runs
    is_alive freezes
    equal "$(starts "of the frozen")" 1
    equal "$(history_of $frozen)" '["completed",2,0,["lease_expired"]]'
    equal "$(cat "$WORK"/worker[12].runs | wc -l)" 3
}
nothing_runs() { [[ $("$GEARCLOCK" stats --json | jq -c '.stores[0] | [.scheduled, .running]') == '[0,0]' ]]; }
it "the frozen controller wakes up, and changes nothing of what the other one did" the_frozen_one_wakes_up
