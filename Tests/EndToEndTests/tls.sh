# TLS between job servers, daemons, commands and other programs: `gearclock jobserver --ssl` and `--gearman tls://…`.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"

pem=$WORK/certificates
mkdir "$pem"
Tests/Support/TestCertificates/make "$pem"

# job_server NAME [OPTION…]: one on a free port that speaks TLS; $port is where.
job_server() {
    launch "$1" jobserver --port 0 --ready-file "$WORK/$1.ready" --ssl --ssl-key "$pem/server.key" "${@:2}"
    within 20 is_ready_or_ended "$1"
    port=$(sed -n 's/.* is ready (tls:\/\/127\.0\.0\.1:\([0-9]*\))/\1/p' "$WORK/$1.out")
    [[ -n $port ]] || fail "$1 did not start: $(cat "$WORK/$1.log")"
}
# tunnel NAME ADDRESS OTHER-ADDRESS: for programs that do not speak TLS. socat says when it listens.
tunnel() {
    socat -d -d "$2" "$3" 2>"$WORK/$1.log" &
    echo $! >"$WORK/$1.pid"
    disown $!
    within 10 grep -q 'listening on' "$WORK/$1.log"
}

job_server server --ssl-certificate "$pem/server.pem"
tunnel plain "TCP-LISTEN:0,bind=127.0.0.1,reuseaddr,fork" "OPENSSL:127.0.0.1:$port,cafile=$pem/ca.pem"
plain=$(sed -n 's/.*listening on .*127\.0\.0\.1:\([0-9]*\)$/\1/p' "$WORK/plain.log")
# A gearmand without TLS, as Debian's, behind a program that has it.
gearmands 1
tunnel gearmand "OPENSSL-LISTEN:0,bind=127.0.0.1,reuseaddr,fork,cert=$pem/server.pem,key=$pem/server.key,verify=0" \
    "TCP:127.0.0.1:$GEARMAND_PORT"
gearmand=$(sed -n 's/.*listening on .*127\.0\.0\.1:\([0-9]*\)$/\1/p' "$WORK/gearmand.log")

# ask [OPTION…]: what the job server answers to openssl's client.
ask() {
    rm -f "$WORK/questions" "$WORK/answers"
    mkfifo "$WORK/questions"
    timeout 20 openssl s_client -quiet -connect "127.0.0.1:$port" -CAfile "$pem/ca.pem" -verify_return_error \
        -verify_ip 127.0.0.1 "$@" <"$WORK/questions" >"$WORK/answers" 2>"$WORK/openssl.log" &
    local client=$!
    # It stays open until the answer is there.
    exec 9>"$WORK/questions"
    printf 'version\n' >&9
    within 10 has_answered $client
    exec 9>&-
    kill $client 2>/dev/null || true
    wait $client || true
    cat "$WORK/answers"
}
has_answered() { [[ -s $WORK/answers ]] || ! kill -0 "$1"; }

versions_of_tls() {
    matches "$(ask -tls1_2)" '^OK 1\.1\.20'
    matches "$(ask -tls1_3)" '^OK 1\.1\.20'
    equal "$(ask -tls1_1)" ''
}
it "openssl's client speaks TLS 1.2 and 1.3 with the job server, and nothing older" versions_of_tls

a_plain_client() {
    local status=0
    timeout 10 gearman -h 127.0.0.1 -p "$port" -f hello world >"$WORK/out" 2>&1 || status=$?
    ((status != 124)) || fail "the plain client waits"
    # That tool ends with 0 all the same.
    matches "$(cat "$WORK/out")" 'lost connection'
    status 4 "$GEARCLOCK" submit hello world --gearman "127.0.0.1:$port"
    matches "$(cat "$WORK/err")" 'the other side speaks TLS'
    status 4 "$GEARCLOCK" submit hello world --gearman "tls://127.0.0.1:$GEARMAND_PORT" --ssl-ca-file "$pem/ca.pem"
    matches "$(cat "$WORK/err")" 'does it speak TLS|does the other side speak TLS'
}
it "plain text and TLS do not meet, and both sides are told" a_plain_client

export GEARCLOCK_GEARMAN=tls://127.0.0.1:$port,tls://127.0.0.1:$gearmand GEARCLOCK_SSL_CA_FILE=$pem/ca.pem

daemons_and_commands() {
    daemon up up
    GEARCLOCK_GEARMAN=127.0.0.1:$plain,127.0.0.1:$GEARMAND_PORT target behind --function hello
    "$GEARCLOCK" submit hello world --after 1
    local id
    id=$("$GEARCLOCK" submit hello again --after 600 | field id)
    equal "$(state_of "$id")" scheduled
    matches "$("$GEARCLOCK" list --json)" "$id"
    status 0 "$GEARCLOCK" cancel "$id"
    within 20 has_run behind world
    status 0 "$GEARCLOCK" stats
    # One of the two is enough.
    signal plain KILL
    stop_gearmands
    "$GEARCLOCK" submit hello later --after 600 | grep -q id
    murder up
}
it "daemons and commands reach a job server of ours and a gearmand by TLS" daemons_and_commands

who_is_refused() {
    GEARCLOCK_GEARMAN=tls://127.0.0.1:$port
    local option
    for option in --ssl-ca-file="$pem/other.pem" --ssl-server-name=other.example; do
        status 4 "$GEARCLOCK" get 00000000-0000-0000-0000-000000000000 "$option"
        matches "$(cat "$WORK/err")" 'the certificate is refused'
    done
    status 4 "$GEARCLOCK" stats --gearman "tls://localhost:$port"
    matches "$(cat "$WORK/err")" 'the certificate is refused: (hostname|IP address) mismatch'
    job_server late --ssl-certificate "$pem/expired.pem"
    status 4 "$GEARCLOCK" stats --gearman "tls://127.0.0.1:$port"
    matches "$(cat "$WORK/err")" 'the certificate is refused: certificate has expired'
    status 2 "$GEARCLOCK" stats --ssl-ca-file "$WORK/missing.pem"
    matches "$(cat "$WORK/err")" "TLS cannot use $WORK/missing.pem"
}
it "a wrong authority, a wrong name and an expired certificate are refused, and the reason is told" who_is_refused

certificates_of_clients() {
    job_server strict --ssl-certificate "$pem/server.pem" --ssl-ca-file "$pem/ca.pem" --ssl-verify-client
    GEARCLOCK_GEARMAN=tls://127.0.0.1:$port
    matches "$(ask -cert "$pem/client.pem")" '^OK 1\.1\.20'
    equal "$(ask -cert "$pem/stranger.pem")" ''
    equal "$(ask)" ''
    status 4 "$GEARCLOCK" stats
    matches "$(cat "$WORK/err")" 'certificate required'
    GEARCLOCK_SSL_CERTIFICATE=$pem/client.pem daemon known worker
    status 0 "$GEARCLOCK" stats --ssl-certificate "$pem/client.pem"
    murder known
}
it "a job server that wants certificates serves those who have one" certificates_of_clients

a_new_certificate() {
    cp "$pem/expired.pem" "$WORK/renewed.pem"
    job_server renewed --ssl-certificate "$WORK/renewed.pem"
    equal "$(ask)" ''
    cp "$pem/server.pem" "$WORK/renewed.pem"
    signal renewed HUP
    within 10 grep -q 'The certificates are read again' "$WORK/renewed.log"
    matches "$(ask)" '^OK 1\.1\.20'
    echo nonsense >"$WORK/renewed.pem"
    signal renewed HUP
    within 10 grep -q 'The certificates cannot be read; those from before stay' "$WORK/renewed.log"
    matches "$(ask)" '^OK 1\.1\.20'
    murder renewed
}
it "at SIGHUP the job server takes a new certificate, and keeps the old one if the new one is of no use" a_new_certificate

unfinished_handshakes() {
    job_server busy --ssl-certificate "$pem/server.pem"
    local n
    for ((n = 10; n < 60; n++)); do eval "exec $n<>/dev/tcp/127.0.0.1/$port && printf '\026\003\001' >&$n"; done
    matches "$(ask)" '^OK 1\.1\.20'
    signal busy TERM
    within 10 has_ended busy
    equal "$(exit_status busy)" 0
}
it "clients that do not finish their handshake stop nobody, and no stop" unfinished_handshakes

wrong_usage() {
    status 2 "$GEARCLOCK" jobserver --port 0 --ssl
    status 2 "$GEARCLOCK" jobserver --port 0 --ssl-certificate "$pem/server.pem"
    status 2 "$GEARCLOCK" jobserver --port 0 --ssl --ssl-certificate "$pem/client.pem" --ssl-verify-client
    status 2 "$GEARCLOCK" jobserver --port 0 --ssl --ssl-certificate "$pem/server.pem"
    matches "$(cat "$WORK/err")" "TLS cannot use $pem/server.pem"
    GEARCLOCK_GEARMAN='' status 2 "$GEARCLOCK" submit hello --ssl-ca-file "$pem/ca.pem"
    matches "$(cat "$WORK/err")" 'no job server is reached by TLS'
}
it "options that would leave something in plain text are refused" wrong_usage
