# `gearclock jobserver` with clients and workers as users have them: the tools of libgearman and Perl's library.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"
source "$SUPPORT/jobserver.sh"

job_server server --job-handle-prefix H:test --pid-file "$WORK/server.process"

the_gearman_tool() {
    gearman -w -c 3 -f tool -- tr a-z A-Z >/dev/null &
    local worker=$!
    equal "$(gearman -f tool hello)" HELLO
    equal "$(gearman -I -f tool high)" HIGH
    matches "$(gearman -b -f tool later)" ''
    wait $worker
    # Two clients with one unique wait for one job.
    gearman -u same -f joined one >"$WORK/first" &
    gearman -u same -f joined two >"$WORK/second" &
    within 10 waits_for joined 1
    within 10 has_clients 2
    gearman -w -c 1 -f joined -- cat >/dev/null
    wait
    equal "$(cat "$WORK/first")" "$(cat "$WORK/second")"
}
# Besides the one that asks.
has_clients() { (($(gearadmin --workers | grep -c ' :$') > $1)); }
it "the gearman tool is client and worker" the_gearman_tool

the_gearadmin_tool() {
    matches "$(gearadmin --server-version)" '1\.1\.20'
    matches "$(gearadmin --getpid)" "(^| )$(cat "$WORK/server.pid")\$"
    gearman -b -u first -f queued payload
    gearman -b -u second -f queued payload
    equal "$(gearadmin --status | grep queued)" $'queued\t2\t0\t0'
    matches "$(gearadmin --priority-status)" $'queued\t0\t2\t0\t0'
    equal "$(gearadmin --show-unique-jobs | grep -v '^\.' | sort | xargs)" "first second"
    local handle
    handle=$(gearadmin --show-jobs | sed -n 1p | cut -f 1)
    matches "$handle" '^H:test:[0-9]+$'
    matches "$(gearadmin --cancel-job="$handle")" OK
    gearadmin --create-function=made
    matches "$(gearadmin --status)" $'made\t0\t0\t0'
    gearadmin --drop-function=made
    ! gearadmin --status | grep -q made || fail "made is still there"
}
it "the gearadmin tool is answered" the_gearadmin_tool

perls_client_and_worker() {
    target perl --function echoes --function fails --fail 1
    equal "$(call echoes "some payload" | tail -n 1 | cut -d' ' -f 1)" fail
    matches "$(call echoes "some payload" | tail -n 1)" '^complete'
    has_run perl "some payload" 2
    stop_target perl
}
it "Perl's client and worker are served" perls_client_and_worker

an_empty_result_of_perl() {
    perl -MGearman::Worker -e '
        my $worker = Gearman::Worker->new(job_servers => [shift]);
        $worker->register_function(empty => sub { "" });
        $worker->register_function(zero => sub { 0 });
        $worker->work while 1' "127.0.0.1:$port" >"$WORK/empty.log" 2>&1 &
    echo $! >"$WORK/empty.pid"
    # gearmand waits for the NUL that Perl does not send, and gives the job out again and again.
    equal "$(timeout 10 gearman -f empty x; echo "status $?")" "status 0"
    equal "$(timeout 10 gearman -f zero x; echo "status $?")" "status 0"
    kill -9 "$(cat "$WORK/empty.pid")"
}
it "an empty result of a worker in Perl is a result" an_empty_result_of_perl

a_lost_worker() {
    target slow --function lost --hold "$WORK/never"
    gearman -f lost payload >"$WORK/lost.out" &
    local client=$!
    within 10 has_run slow payload
    stop_target slow
    target quick --function lost
    wait $client
    has_run quick payload
    stop_target quick
}
it "a job whose worker is killed goes to another one" a_lost_worker

signals_end_it() {
    job_server second --log-file "$WORK/second.file" --pid-file "$WORK/second.process"
    equal "$(cat "$WORK/second.process")" "$(cat "$WORK/second.pid")"
    mv "$WORK/second.file" "$WORK/second.rotated"
    signal second HUP
    within 10 grep -q 'open again' "$WORK/second.file"
    local client
    gearman -f graceful payload >"$WORK/graceful.out" &
    client=$!
    within 10 waits_for graceful 1
    target last --function graceful --hold "$WORK/hold"
    within 10 has_run last payload
    signal second USR1
    within 10 refuses_connections
    touch "$WORK/hold"
    wait $client
    within 10 has_ended second
    equal "$(exit_status second)" 0
    [[ ! -e $WORK/second.process ]] || fail "the file with the process id is still there"
    grep -q Stopped "$WORK/second.file"
    job_server third
    signal third TERM
    within 10 has_ended third
    equal "$(exit_status third)" 0
}
refuses_connections() { ! (: </dev/tcp/127.0.0.1/"$port"); }
it "SIGUSR1 lets jobs end, SIGTERM does not wait, and both leave nothing behind" signals_end_it

half_packets() {
    job_server patient
    local before after fd
    before=$(memory patient)
    # Each says that 64 MiB follow.
    for _ in {1..100}; do
        exec {fd}<>"/dev/tcp/127.0.0.1/$port"
        printf '\0REQ\0\0\0\7\4\0\0\0f\0\0half' >&"$fd"
    done
    within 10 has_clients 100
    connect 3
    equal "$(answers 3)" ''
    after=$(memory patient)
    ((after - before < 500000)) || fail "$before kB became $after"
}
# Kilobytes of address space and of memory, together.
memory() { awk '/^Vm(Size|RSS)/ { sum += $2 } END { print sum }' "/proc/$(cat "$WORK/$1.pid")/status"; }
it "half a packet holds what was sent of it, not what it announces" half_packets

wrong_usage() {
    status 2 "$GEARCLOCK" jobserver --port 70000
    status 2 "$GEARCLOCK" jobserver --worker-wakeup -1
    job_server busy
    status 1 "$GEARCLOCK" jobserver --port "$port"
    matches "$(cat "$WORK/err")" "Cannot listen on 127.0.0.1, port $port"
    status 1 "$GEARCLOCK" jobserver --listen no.such.name.invalid
}
it "wrong options and a port that is taken are said in a sentence" wrong_usage

# In a network of its own, where the usual port is free.
up_alone() {
    if ! unshare --net true 2>/dev/null; then return; fi
    # shellcheck disable=SC2016
    XDG_STATE_HOME=$WORK/alone unshare --net bash -c '
        ip link set lo up
        env -u GEARCLOCK_GEARMAN "$GEARCLOCK" up --ready-file "$0/alone.ready" >"$0/alone.out" 2>"$0/alone.log" &
        pid=$!
        for _ in {1..500}; do [[ ! -e $0/alone.ready ]] || break; sleep 0.02; done
        command gearman -w -c 1 -f hello -- tee "$0/alone.payload" >/dev/null &
        env -u GEARCLOCK_GEARMAN "$GEARCLOCK" submit hello world
        wait $!
        kill $pid && wait $pid
        exit' "$WORK"
    equal "$(cat "$WORK/alone.payload")" world
}
it "gearclock up without --gearman brings its own job server" up_alone
