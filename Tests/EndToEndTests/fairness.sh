# Limits and pauses of functions, and functions that nobody serves, with two controllers on one store.
# Alone: it measures rates and the lateness of 99 of 100 tasks.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"

gearmands 1
daemon one up
daemon two up
target worker --function target

limit() { "$GEARCLOCK" limits "$1" --in-flight "$2"; }
pause() { "$GEARCLOCK" pause "$1"; }
resume() { "$GEARCLOCK" resume "$1"; }

# tasks FUNCTION COUNT SECONDS: that are due after so many seconds, with numbers as payloads.
tasks() {
    jq -cn '[range($count) | {func_name: $function, payload: "\(.)", after: $after}]' \
        --arg function "$1" --argjson count "$2" --argjson after "$3" | answer gearclock_submit >"$WORK/receipts"
    equal "$(jq '[.[] | select(.stored == "yes")] | length' "$WORK/receipts")" "$2"
}

# most_at_once ENDS BEGINS…: how many runs there were at once at the most.
most_at_once() {
    { cut -f 1 "$1" | sed 's/$/ -1/' && cut -f 1 "${@:2}" | sed 's/$/ 1/'; } | sort -n -k 1,1 -k 2,2 |
        awk '{ n += $2; if (n > most) most = n } END { print most + 0 }'
}
lines() { (($(cat "${@:2}" 2>/dev/null | wc -l) >= $1)); }

a_limit_holds_for_all_controllers() {
    local n most
    limit limited 3
    for n in {1..6}; do target "limited$n" --function limited --sleep 0.1 --ends "$WORK/limited.ends"; done
    # The controllers look once a second for what is wanted, and are told before the tasks are due.
    tasks limited 60 3
    within 60 lines 60 "$WORK/limited.ends"
    most=$(most_at_once "$WORK/limited.ends" "$WORK"/limited?.runs)
    ((most <= 3)) || fail "$most jobs ran at once"
    equal "$(cat "$WORK"/limited?.runs | cut -f 3 | sort -u | wc -l)" 60
}
it "a limited function never has more jobs running than its limit, over all controllers" a_limit_holds_for_all_controllers

a_small_limit_is_served_as_fast_as_a_large_one() {
    local n
    # One of the two controllers has all of it, and either dispatcher finds it.
    for n in 1 2 3 4; do limit "single$n" 1; done
    for n in 1 2 3 4; do
        target "single$n" --function "single$n" --sleep 0.02 --ends "$WORK/single$n.ends"
        tasks "single$n" 100 3
    done
    for n in 1 2 3 4; do
        within 12 lines 100 "$WORK/single$n.ends"
        equal "$(most_at_once "$WORK/single$n.ends" "$WORK/single$n.runs")" 1
        equal "$(runs "single$n")" 100
        stop_target "single$n"
    done
}
it "a limit smaller than the number of controllers is served without delay" a_small_limit_is_served_as_fast_as_a_large_one

a_pause_holds_until_it_is_over() {
    target paused --function paused
    pause paused
    tasks paused 20 3
    tasks target 1 5
    within 20 has_run worker 0
    equal "$(runs paused)" 0
    resume paused
    within 30 lines 20 "$WORK/paused.runs"
    equal "$(cut -f 3 "$WORK/paused.runs" | sort -u | wc -l)" 20
}
it "a paused function starts nothing, and goes on when it is resumed" a_pause_holds_until_it_is_over

# The lateness that 99 of 100 tasks did not exceed, in microseconds; their payloads are their due times in milliseconds.
lateness_p99() {
    awk -F '\t' '$3 ~ /^[0-9]{13}$/ { print $1 - $3 * 1000 }' "$WORK/worker.runs" | sort -n |
        awk '{ late[NR] = $1 } END { print late[int(NR * 0.99)] }'
}
healthy_runs() { (($(cut -f 3 "$WORK/worker.runs" | grep -cE '^[0-9]{13}$') >= $1)); }

a_function_without_workers_delays_nobody() {
    local now p99
    tasks nobody_has_this 5000 0
    now=$(date +%s%3N)
    jq -cn '[range(400) | ($now + 1000 + . * 10) | {func_name: "target", payload: "\(.)", at: .}]' \
        --argjson now "$now" | answer gearclock_submit >"$WORK/receipts"
    within 60 healthy_runs 400
    p99=$(lateness_p99)
    echo "lateness p99: $p99 µs"
    ((p99 < 500000)) || fail "a healthy function's p99 is $p99 µs beside 5,000 overdue tasks without a worker"
}
it "a healthy function is punctual beside 5,000 overdue tasks that nobody serves" a_function_without_workers_delays_nobody
