# Bad input gets its documented error, the daemon lives on, and nothing that was acknowledged is lost.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"

gearmands 1
target worker --function target
daemon up up
acknowledged=$(answer gearclock_submit '{"func_name":"target","payload":"kept","at":"2099-01-01T00:00:00Z"}' | field id)

# refused CODE [FIELD]: gearclock_submit refuses standard input with that code, field and promise.
refused() {
    call gearclock_submit >"$WORK/said"
    equal "$(tail -n 1 "$WORK/said")" fail
    matches "$(head -n 1 "$WORK/said")" '^warning \{'
    head -n 1 "$WORK/said" | cut -d ' ' -f 2- >"$WORK/error"
    equal "$(field code <"$WORK/error")" "$1"
    equal "$(field field <"$WORK/error")" "${2-}"
    equal "$(field stored <"$WORK/error")" no
    equal "$(field retryable <"$WORK/error")" false
    test -n "$(field message <"$WORK/error")" || fail "no message"
}
with() { printf '{"func_name":"target",%s}' "$1"; }

what_is_no_object() {
    local text
    for text in 5 null '"x"' true -0 1e400; do printf '%s' "$text" | refused not_an_object; done
    for text in '' '{' '{"func_name":"target"' 'nonsense' '{"func_name":"target"}x' "{'func_name':'target'}" '{"a":01}' $'\x00'; do
        printf '%s' "$text" | refused invalid_json
    done
}
it "what is no JSON object is refused" what_is_no_object

what_is_no_utf8() {
    printf '{"func_name":"target","payload":"\xff\xfe"}' | refused invalid_utf8
    printf '{"func_name":"tar\xc3"}' | refused invalid_utf8
    printf '{"func_name":"target","payload":"\\ud800"}' | refused invalid_utf8
}
it "invalid UTF-8 is refused, and the answer says so" what_is_no_utf8

deep_and_endless_json() {
    perl -e 'print "[" x 100000' | refused invalid_json
    perl -e 'print "{\"a\":" x 100000' | refused invalid_json
    perl -e 'print "{\"func_name\":\"target\",\"payload\":" . "[" x 1000 . "]" x 1000 . "}"' | refused invalid_json
}
it "JSON that nests without end is refused" deep_and_endless_json

wrong_types() {
    printf '{"func_name":5}' | refused wrong_type func_name
    printf '{"func_name":null,"payload":"x"}' | refused missing_field func_name
    printf '{}' | refused missing_field func_name
    with '"at":true' | refused wrong_type at
    with '"after":[]' | refused wrong_type after
    with '"payload_base64":7' | refused wrong_type payload_base64
    with '"payload_base64":"***"' | refused invalid_value payload_base64
    with '"priority":"urgent"' | refused invalid_value priority
    with '"retry":3' | refused wrong_type retry
    with '"retry":{"max_attempts":-1}' | refused invalid_value retry.max_attempts
    with '"retry":{"factor":1e9}' | refused invalid_value retry.factor
    with '"timeout":-5' | refused invalid_value timeout
    with '"timeout":"NaN"' | refused invalid_value timeout
    with '"id":"7"' | refused invalid_value id
    with '"id":7' | refused wrong_type id
}
it "wrong types and values are refused by the name of their field" wrong_types

names_that_no_function_has() {
    printf '{"func_name":""}' | refused invalid_value func_name
    printf '{"func_name":"a\\u0000b"}' | refused invalid_value func_name
    printf '{"func_name":"%0513d"}' 0 | refused invalid_value func_name
    printf '{"func_name_base64":"YQBi"}' | refused invalid_value func_name_base64
}
it "function names that are empty, too long, or have a NUL are refused" names_that_no_function_has

wrong_dates() {
    local date
    for date in '"soon"' '""' '"2026-13-01T00:00:00Z"' '"2026-02-30T00:00:00Z"' '"12:00"' '"20260101"' '"2026-01-01T25:00:00Z"' \
        '"10000-01-01T00:00:00Z"' '"+275760-09-13T00:00:00Z"' 1e300 9e15; do
        with "\"at\":$date" | refused invalid_time at
    done
    with '"after":1e18' | refused invalid_time after
    with '"expires_at":"never"' | refused invalid_time expires_at
    with '"after":10,"expires_after":5' | refused invalid_value expires_after
    with '"expires_at":"2099-01-01T00:00:00Z","expires_after":5' | refused conflicting_fields expires_after
}
it "dates in every wrong form, and beyond the year 9999, are refused" wrong_dates

far_away_times_are_fine() {
    answer gearclock_submit "$(with '"payload":"long ago","at":"1901-01-01T00:00:00Z"')"
    within 10 has_run worker "long ago"
    equal "$(answer gearclock_submit "$(with '"at":"2150-06-07T08:09:10.123456Z"')" | field due_at)" 2150-06-07T08:09:10.123456Z
    equal "$(answer gearclock_submit "$(with '"at":253402300799999')" | field due_at)" 9999-12-31T23:59:59.999000Z
}
it "the past means now, and times far beyond 2038 are kept to the microsecond" far_away_times_are_fine

what_is_not_there_yet() {
    with '"unique_key":"k"' | refused unsupported_field unique_key
    with '"cron":"* * * * *"' | refused unsupported_field cron
    with '"copies":2' | refused invalid_value copies
    with '"on_success":"f"' | refused unsupported_field on_success
    with '"retry":{"on_fail":"discard"}' | refused unknown_field retry.on_fail
    with '"colour":"blue"' | refused unknown_field colour
    with '"run_at":"2099-01-01"' | refused unknown_field run_at
}
it "what is not there yet, or unknown, is refused by name, never ignored" what_is_not_there_yet

payloads_at_the_limit() {
    local limit=$((16 << 20)) before
    answer gearclock_submit '{"func_name":"target","payload":""}' >/dev/null
    before=$(runs worker)
    perl -e 'print q({"func_name":"target","payload":"), "x" x $ARGV[0], q("})' $limit >"$WORK/large"
    equal "$(answer gearclock_submit <"$WORK/large" | field stored)" yes
    within 60 more_runs "$before"
    perl -e 'print q({"func_name":"target","payload":"), "x" x $ARGV[0], q("})' $((limit + 1)) | refused too_large payload
}
more_runs() { (($(runs worker) > $1)); }
it "a payload at the limit runs, one byte more is refused" payloads_at_the_limit

too_many_tasks() {
    perl -e 'print "[" . join(",", (q({"func_name":"target"})) x 10001) . "]"' | refused too_many
}
it "too many tasks in one submission are refused" too_many_tasks

questions_with_mistakes() {
    local function
    for function in gearclock_get gearclock_cancel; do
        for text in '' 5 '{}' '"x"' '[]' '{"ids":[1]}' '{"id":"x","ids":[]}' $'\xff'; do
            matches "$(call $function "$text")" $'^warning \{"code":.+\nfail$'
        done
    done
    matches "$(call gearclock_list '{"state":"asleep"}')" $'"invalid_value".+\nfail$'
    matches "$(call gearclock_list '{"limit":1e9}')" $'"invalid_value".+\nfail$'
    matches "$(call gearclock_stats '[1]')" $'^warning .+\nfail$'
}
it "questions with mistakes are refused too" questions_with_mistakes

garbage_on_the_hand_over() {
    # Anybody can submit to the functions that the daemons use among themselves.
    local function
    for function in $(gearadmin -h 127.0.0.1 -p "$GEARMAND_PORT" --status | cut -f 1 | grep '^gearclock'); do
        head -c 1000 /dev/urandom | call "$function" >/dev/null
        printf '' | call "$function" >/dev/null
    done
}
it "random bytes to every function of the daemons do no harm" garbage_on_the_hand_over

all_is_well_afterwards() {
    is_alive up
    equal "$(cat "$WORK/up.status" 2>/dev/null || true)" ""
    in_state "$acknowledged" scheduled
    equal "$("$GEARCLOCK" submit target alive | field stored)" yes
    within 10 has_run worker alive
    equal "$(sqlite3 -readonly "$STORE" 'PRAGMA integrity_check')" ok
}
it "afterwards the daemon lives, and what was acknowledged is there" all_is_well_afterwards
