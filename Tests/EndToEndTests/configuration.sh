# Where settings come from, how logs look, how a daemon says that it is ready.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"

gearmands 1

# setting NAME [ARGUMENT…]: the value that is in effect
setting() { "$GEARCLOCK" config --json "${@:2}" | jq -rc ".$1.value"; }

flags_win_over_environment_over_file() {
    printf 'logLevel: error\nlogFormat: json\ndrainTimeout: 7\n' >"$WORK/gearclock.yaml"
    equal "$(setting logLevel)" info
    equal "$(setting logLevel --config "$WORK/gearclock.yaml")" error
    equal "$(GEARCLOCK_LOG_LEVEL=debug setting logLevel --config "$WORK/gearclock.yaml")" debug
    equal "$(GEARCLOCK_LOG_LEVEL=debug setting logLevel --config "$WORK/gearclock.yaml" --log-level trace)" trace
    equal "$(GEARCLOCK_CONFIG=$WORK/gearclock.yaml setting drainTimeout)" 7
    equal "$(setting gearman)" "[\"127.0.0.1:$GEARMAND_PORT\"]"
    equal "$(GEARCLOCK_GEARMAN=a:1,b setting gearman)" '["a:1","b:4730"]'
    equal "$(setting gearman --gearman c --gearman d:2)" '["c:4730","d:2"]'
    matches "$("$GEARCLOCK" config --config "$WORK/gearclock.yaml")" 'logFormat: "json"  # logFormat in '
}
it "flags win over the environment, the environment over the file" flags_win_over_environment_over_file

wrong_settings_are_2() {
    printf 'logLevle: debug\n' >"$WORK/typing.yaml"
    status 2 "$GEARCLOCK" up --config "$WORK/typing.yaml"
    grep -q logLevle "$WORK/err" || fail "$(cat "$WORK/err")"
    printf 'a: [\n' >"$WORK/broken.yaml"
    status 2 "$GEARCLOCK" up --config "$WORK/broken.yaml"
    status 2 "$GEARCLOCK" up --config "$WORK/missing.yaml"
    status 2 "$GEARCLOCK" up --log-level loud
    status 2 "$GEARCLOCK" up --gearman 'host:99999'
    status 2 "$GEARCLOCK" up --store "sqlite:$WORK/no/such/directory/tasks.sqlite"
    status 2 "$GEARCLOCK" up --store redis:x
    status 2 env GEARCLOCK_LOG_FORMAT=xml "$GEARCLOCK" up
    grep -q GEARCLOCK_LOG_FORMAT "$WORK/err" || fail "$(cat "$WORK/err")"
}
it "a wrong setting is exit code 2, and the message names where it stands" wrong_settings_are_2

a_store_that_is_none_is_1() {
    mkdir "$WORK/directory.sqlite"
    status 1 "$GEARCLOCK" up --store "sqlite:$WORK/directory.sqlite"
    printf 'this is no database, and it is longer than the header of one would be: %0100d' 0 >"$WORK/text.sqlite"
    status 1 "$GEARCLOCK" up --store "sqlite:$WORK/text.sqlite"
    matches "$(cat "$WORK/text.sqlite")" '^this is no database'
}
it "a file that is no database is refused and left alone" a_store_that_is_none_is_1

the_default_store_is_in_the_state_directory() {
    launch standard up --ready-file "$WORK/standard.ready"
    within 20 test -e "$WORK/standard.ready"
    test -s "$XDG_STATE_HOME/gearclock/gearclock.sqlite" || fail "$(find "$XDG_STATE_HOME")"
    equal "$(stat -c %a "$XDG_STATE_HOME/gearclock")" 700
    signal standard TERM
    within 20 has_ended standard
}
it "without --store tasks are kept in the state directory, which nobody else can read" \
    the_default_store_is_in_the_state_directory

logs_are_lines_of_text_or_json() {
    daemon text up
    daemon json up --log-format json --log-level debug
    signal text TERM
    signal json TERM
    within 20 has_ended text
    within 20 has_ended json
    test -s "$WORK/text.log" || fail "nothing was logged"
    ! grep -vE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z (debug|info|notice|warning|error) [a-z.]+: ' "$WORK/text.log" || fail "not such a line"
    jq -es 'length > 0 and all(.[]; .time and .level and .label and .message)' "$WORK/json.log" >/dev/null || fail "$(cat "$WORK/json.log")"
}
it "a log is lines of text, or of JSON" logs_are_lines_of_text_or_json

a_ready_daemon_says_so() {
    daemon one up
    matches "$(cat "$WORK/one.out" "$WORK/one.log")" '[Rr]eady'
    signal one TERM
    within 20 has_ended one
    ! test -e "$WORK/one.ready" || fail "the ready file is still there"
}
it "a daemon says when it is ready, and its ready file goes when it goes" a_ready_daemon_says_so

a_daemon_waits_for_its_job_server() {
    kill_gearmand 1
    # It is not ready as long as it can serve nobody.
    launch patient up --store "sqlite:$STORE" --ready-file "$WORK/patient.ready"
    within 10 test -s "$WORK/patient.log"
    start_gearmand 1
    within 30 test -e "$WORK/patient.ready"
    equal "$("$GEARCLOCK" submit any thing | field stored)" yes
}
it "a daemon that finds no job server waits for one" a_daemon_waits_for_its_job_server
