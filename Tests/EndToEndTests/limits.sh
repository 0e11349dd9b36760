# Settings of functions: pause, resume and limits, as commands and as Gearman functions.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"

gearmands 1
EAST="east=sqlite:$WORK/east.sqlite?number=1"
WEST="west=sqlite:$WORK/west.sqlite?number=2"

# cluster NAME SUBCOMMAND: a daemon with both stores, ready when it returns.
cluster() {
    launch "$1" "$2" --store "$EAST" --store "$WEST" --ready-file "$WORK/$1.ready"
    within 20 is_ready_or_ended "$1"
    [[ -e $WORK/$1.ready ]] || fail "$1 ended with status $(exit_status "$1"): $(tail -n 5 "$WORK/$1.log")"
}
cluster first worker

# settings [ARGUMENT…]: what `limits` says of the first store that answers, in short.
settings() { "$GEARCLOCK" limits --json "$@" | jq -c '.stores[0].functions | map([.function, .paused, .in_flight, .per_second, .queue_watermark])'; }

nothing_is_limited_at_first() {
    equal "$("$GEARCLOCK" limits --json)" '{"stores":[{"store":"east","functions":[]},{"store":"west","functions":[]}]}'
    equal "$(settings resize)" '[["resize",false,null,null,null]]'
    equal "$(answer gearclock_limits '')" "$(answer gearclock_limits '{}')"
}
it "at first nothing is limited" nothing_is_limited_at_first

limits_are_set_one_by_one() {
    equal "$(settings resize --in-flight 10 --per-second 0.25)" '[["resize",false,10,0.25,null]]'
    equal "$(settings resize --queue-watermark 100 --in-flight none)" '[["resize",false,null,0.25,100]]'
    equal "$(settings scale --in-flight 1)" '[["scale",false,1,null,null]]'
    equal "$(settings)" '[["resize",false,null,0.25,100],["scale",false,1,null,null]]'
    answer gearclock_limits '{"function":"scale","in_flight":null}' >"$WORK/answer"
    equal "$(jq -c '.stores[1]' "$WORK/answer")" '{"store":"west","functions":[{"function":"scale","paused":false}]}'
    equal "$(settings)" '[["resize",false,null,0.25,100]]'
}
it "limits are set and removed one by one, and what has none is forgotten" limits_are_set_one_by_one

pausing_keeps_limits() {
    "$GEARCLOCK" pause resize scale --json >"$WORK/answer"
    equal "$(jq -c '.stores[1].functions | map([.function, .paused])' "$WORK/answer")" '[["resize",true],["scale",true]]'
    equal "$(settings)" '[["resize",true,null,0.25,100],["scale",true,null,null,null]]'
    "$GEARCLOCK" resume scale >"$WORK/table"
    grep -Eq '^east +scale +no +none +none +none$' "$WORK/table" || fail "$(cat "$WORK/table")"
    equal "$(settings)" '[["resize",true,null,0.25,100]]'
    equal "$(answer gearclock_resume '{"functions":["none"]}' | jq -c '.stores[0].functions')" '[{"function":"none","paused":false}]'
}
it "pausing and resuming leave limits as they are" pausing_keeps_limits

one_store_can_be_meant() {
    equal "$("$GEARCLOCK" pause rotate --store west --json)" \
        '{"stores":[{"store":"west","functions":[{"function":"rotate","paused":true}]}]}'
    equal "$("$GEARCLOCK" limits --json rotate | jq -c '[.stores[].functions[0].paused]')" '[false,true]'
    status 2 "$GEARCLOCK" limits --store north
    grep -q 'store is one of east, west' "$WORK/err" || fail "$(cat "$WORK/err")"
}
it "one of several stores can be meant" one_store_can_be_meant

operators_do_not_undo_each_other() {
    local round one other
    for round in 1 2 3 4 5 6; do
        "$GEARCLOCK" limits rotate --store east --in-flight "$round" >/dev/null &
        one=$!
        "$GEARCLOCK" limits rotate --store east --per-second "$round" >/dev/null &
        other=$!
        wait "$one" "$other"
        equal "$(settings rotate)" "[[\"rotate\",false,$round,$round,null]]"
    done
    "$GEARCLOCK" limits rotate --store east --in-flight none --per-second none >/dev/null
}
it "two operators who limit one function at the same moment do not undo each other" operators_do_not_undo_each_other

other_daemons_and_later_ones_know() {
    signal first TERM
    within 20 has_ended first
    cluster second up
    equal "$(settings)" '[["resize",true,null,0.25,100]]'
    equal "$("$GEARCLOCK" limits --json --store west | jq -c '[.stores[].functions[].function]')" '["resize","rotate"]'
    "$GEARCLOCK" limits resize --per-second none --queue-watermark none >/dev/null
    murder second
    revive second
    equal "$(settings)" '[["resize",true,null,null,null]]'
    "$GEARCLOCK" resume resize rotate >/dev/null
    equal "$(settings)" '[]'
}
it "settings are known to other daemons, and survive a restart" other_daemons_and_later_ones_know

a_store_that_is_away_is_named() {
    lock east.sqlite
    status 1 "$GEARCLOCK" pause resize --json
    equal "$(jq -c '[.stores[] | [.store, .error != null, .functions[0].paused?]]' "$WORK/out")" \
        '[["east",true,null],["west",false,true]]'
    matches "$(cat "$WORK/err")" '^\{"store":"east","error":\{'
    unlock
    within 30 "$GEARCLOCK" resume resize
}
it "of several stores those that are well do it, and the one that is away is named" a_store_that_is_away_is_named

mistakes_are_refused() {
    status 2 "$GEARCLOCK" limits resize --in-flight 0
    status 2 "$GEARCLOCK" limits resize --per-second 0.0001
    status 2 "$GEARCLOCK" limits --per-second 1
    status 2 "$GEARCLOCK" pause
    matches "$(call gearclock_pause '{}')" $'^warning \{"code":"missing_field".+\nfail$'
    matches "$(call gearclock_limits '{"function":"f","inflight":1}')" $'^warning \{"code":"unknown_field".+\nfail$'
    equal "$(settings)" '[]'
}
it "mistakes are refused, and change nothing" mistakes_are_refused

negative_numbers_are_numbers() {
    local option
    for option in in-flight per-second queue-watermark; do
        status 2 "$GEARCLOCK" limits resize "--$option" -1
        matches "$(cat "$WORK/err")" "${option//-/_} is .+, or null"
    done
}
it "a negative limit is refused with the range" negative_numbers_are_numbers

# Every case below has one store, for a limit holds for each.
signal second TERM
within 20 has_ended second
daemon third up --log-level debug

in_held() { cat "$WORK"/held?.runs 2>/dev/null | wc -l; }
in_held_are() { (($(in_held) == $1)); }

a_cancelled_job_counts_until_it_ends() {
    local first ended started
    "$GEARCLOCK" limits held --in-flight 1 >/dev/null
    target held1 --function held --hold "$WORK/go" --ends "$WORK/held.ends"
    target held2 --function held --hold "$WORK/go" --ends "$WORK/held.ends"
    target marker --function marker
    first=$("$GEARCLOCK" submit held one --json | field id)
    within 20 in_held_are 1
    "$GEARCLOCK" submit held two >/dev/null
    equal "$("$GEARCLOCK" cancel "$first" --json | field result)" cancelled_while_running
    # The controller hears of it when it extends the lease. What it would start then goes before the marker.
    within 60 grep -q "Tasks are gone.*$first" "$WORK/third.log"
    "$GEARCLOCK" submit marker 0 >/dev/null
    within 20 has_run marker 0
    equal "$(in_held)" 1
    touch "$WORK/go"
    within 20 in_held_are 2
    ended=$(awk -F '\t' '$3 == "one" { print $1 }' "$WORK/held.ends")
    started=$(cat "$WORK"/held?.runs | awk -F '\t' '$3 == "two" { print $1 }')
    ((ended <= started)) || fail "the second job started at $started, and the cancelled one ended at $ended"
    equal "$(state_of "$first")" cancelled
}
it "the job of a task that was cancelled counts for its limit until it ends" a_cancelled_job_counts_until_it_ends
