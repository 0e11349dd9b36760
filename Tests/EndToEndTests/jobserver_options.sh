# Each option of `gearclock jobserver` that says how it treats its clients and workers does what the help says of it.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"
source "$SUPPORT/jobserver.sh"

# Numbers of packets.
can_do=1 sleeps=4 submit=7 grab=9 exception=25
noop=$'\x06' fail=$'\x0e' exception_mark=$'\x19'

job_server plain --job-handle-prefix H:t
plain=$port

job_retries() {
    job_server retries --job-handle-prefix H:t --job-retries 2
    gearman -f lost x >"$WORK/lost.out" 2>&1 &
    local client=$! attempt
    for attempt in 1 2; do
        within 10 waits_for lost 1
        connect 3
        { packet $can_do lost; packet $grab; } >&3
        matches "$(answers 3)" 'H:t:1lostx$'
        exec 3<&-
    done
    # Without the option it would wait for a third worker.
    ! wait $client || fail "a job without a worker has ended well"
    within 10 waits_for lost 0
}
it "--job-retries fails a job with the last attempt" job_retries

# woken_of_two PORT: how many of two sleeping workers one job wakes.
woken_of_two() {
    local port=$1 sleeper woken=0
    for sleeper in 3 4; do
        connect $sleeper
        { packet $can_do wakes; packet $sleeps; } >&$sleeper
        equal "$(answers $sleeper)" ''
    done
    gearman -b -f wakes x
    for sleeper in 3 4; do
        if [[ $(answers $sleeper) == *"RES$noop"* ]]; then ((woken += 1)); fi
    done
    exec 3<&- 4<&-
    echo $woken
}
worker_wakeup() {
    job_server one --worker-wakeup 1
    equal "$(woken_of_two "$port")" 1
    equal "$(woken_of_two "$plain")" 2
}
it "--worker-wakeup wakes so many workers for a job" worker_wakeup

# order_of_jobs PORT: in which order one worker is given two jobs of each of two functions.
order_of_jobs() {
    local port=$1 job
    for job in a1 a2 b1 b2; do gearman -b -f "${job%?}" "<$job>"; done
    connect 3
    { packet $can_do a; packet $can_do b; for job in {1..4}; do packet $grab; done; } >&3
    answers 3 | grep -oE '<[ab][12]>' | xargs
    exec 3<&-
}
round_robin() {
    job_server turns --job-handle-prefix H:t --round-robin
    equal "$(order_of_jobs "$port")" '<b1> <a1> <b2> <a2>'
    equal "$(order_of_jobs "$plain")" '<b1> <b2> <a1> <a2>'
}
it "--round-robin gives jobs of all functions in turn" round_robin

# end_of_exception PORT: what a client that has asked for nothing is sent when its job ends with an exception.
end_of_exception() {
    local port=$1 handle
    connect 3
    connect 4
    packet $submit breaks '' x >&3
    handle=$(answers 3 | grep -oE 'H:[^:]*:[0-9]+')
    { packet $can_do breaks; packet $grab; packet $exception "$handle" broken; } >&4
    matches "$(answers 4)" breaksx
    answers 3
    exec 3<&- 4<&-
}
exceptions() {
    job_server tells --job-handle-prefix H:t --exceptions
    matches "$(end_of_exception "$port")" "RES$exception_mark.*broken"
    matches "$(end_of_exception "$plain")" "RES$fail"
}
it "--exceptions sends exceptions to those that did not ask" exceptions

max_connections() {
    job_server few --max-connections 2
    connect 3
    connect 4
    equal "$(answers 3)$(answers 4)" ''
    connect 5
    printf 'version\n' >&5
    # It waits in the system's queue; the others go on, and see nobody else.
    printf 'workers\n' >&3
    equal "$(sed -u '/^\.$/q' <&3 | grep -c 127.0.0.1)" 2
    ! read -r -t 0 <&5 || fail "a third connection is served"
    exec 4<&-
    local line
    read -r -t 10 line <&5
    matches "$line" '^OK 1'
    equal "$(answers 3)" ''
}
it "--max-connections lets further ones wait until one is closed" max_connections

max_queued_bytes() {
    job_server small --job-handle-prefix H:t --max-queued-bytes 5000
    connect 3
    local size
    for size in 3000 3000 3; do packet $submit f '' "$(printf "%0${size}d" 1)" >&3; done
    matches "$(answers 3)" 'H:t:1.*QUEUE_ERROR.*H:t:2$'
    waits_for f 2
}
it "--max-queued-bytes refuses jobs beyond it" max_queued_bytes

max_buffered_bytes() {
    local n
    job_server tight --job-handle-prefix H:t --max-buffered-bytes 10000
    for n in 3 4 5; do connect $n; done
    packet $submit f '' "$(printf '%05000d' 1)" >"$WORK/short"
    packet $submit f '' "$(printf '%020000d' 1)" >"$WORK/long"
    head -c 3000 "$WORK/short" >&3
    equal "$(answers 5)" ''
    head -c 8000 "$WORK/long" >&4
    # It is the one that is closed.
    equal "$(timeout 10 cat <&4 | wc -c)" 0
    equal "$(answers 5)" ''
    tail -c +3001 "$WORK/short" >&3
    matches "$(answers 3)" 'H:t:1$'
}
it "--max-buffered-bytes gives up who has most" max_buffered_bytes

allow_shutdown() {
    job_server obeys --allow-shutdown
    connect 3
    printf 'shutdown\n' >&3
    within 10 has_ended obeys
    equal "$(exit_status obeys)" 0
    port=$plain connect 4
    printf 'shutdown\n' >&4
    local line
    read -r -t 10 line <&4
    matches "$line" '^ERR UNKNOWN_COMMAND'
    equal "$(answers 4)" ''
}
it "--allow-shutdown lets an administrator end it, and nothing else does" allow_shutdown

backlog() {
    job_server queue --backlog 7
    equal "$(ss -Hltn "sport = :$port" | awk '{print $3}')" 7
}
it "--backlog is the length of the system's queue" backlog

keep_jobs() {
    export GEARCLOCK_STORE=sqlite:$WORK/kept.sqlite
    job_server keeper --keep-jobs --name me
    gearman -b -f kept payload
    murder keeper
    job_server keeper --keep-jobs --name me
    waits_for kept 1 || fail "the job is lost"
}
it "--keep-jobs keeps them in the store of the environment" keep_jobs

# In a network of its own, whose only cable can be pulled.
keepalive() {
    if ! unshare --net true 2>/dev/null; then return; fi
    # shellcheck disable=SC2016
    unshare --net bash -c '
        source "$0/harness.sh"
        source "$0/jobserver.sh"
        ip link set lo up
        job_server asks --keepalive-idle 1 --keepalive-interval 2 --keepalive-count 1
        connect 3
        equal "$(answers 3)" ""
        established() { ss -Htno state established "sport = :$port"; }
        gone() { [[ -z $(established) ]]; }
        matches "$(established)" "timer:\(keepalive"
        ip link set lo down
        # Nine questions, as many as are usual, would take longer, and so would any other time between them.
        within 12 gone
        ' "$SUPPORT"
}
it "the --keepalive options find out that a silent peer is gone" keepalive
