# Parts of limits: all tasks come from the dispatcher of `up`, and another controller has a part of each limit.
# Alone: it measures a rate within a fifth.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"

gearmands 1
daemon one up
daemon two controller

# tasks FUNCTION COUNT SECONDS: that are due after so many seconds.
tasks() {
    jq -cn '[range($count) | {func_name: $function, payload: "\(.)", after: $after}]' \
        --arg function "$1" --argjson count "$2" --argjson after "$3" | answer gearclock_submit >"$WORK/receipts"
    equal "$(jq '[.[] | select(.stored == "yes")] | length' "$WORK/receipts")" "$2"
}
lines() { (($(wc -l <"$2") >= $1)); }

a_rate_is_used_up() {
    local rate
    target rated --function rated
    "$GEARCLOCK" limits rated --per-second 20
    # The controllers look once a second for what is wanted.
    tasks rated 200 3
    within 40 lines 200 "$WORK/rated.runs"
    # The first ones are those of the second that was saved up.
    rate=$(cut -f 1 "$WORK/rated.runs" | sort -n |
        awk 'NR == 21 { first = $1 } { last = $1 } END { printf "%.2f", (NR - 21) / (last - first) * 1e6 }')
    echo "rate: $rate per second"
    awk "BEGIN { exit !($rate >= 16 && $rate <= 21) }" || fail "20 in a second may start, and $rate do"
}
it "the rate of a function is used up, whichever dispatcher has its tasks" a_rate_is_used_up

# How many jobs of `heaped`, which no worker takes, are with the job server.
heaped() { gearadmin --port "$GEARMAND_PORT" --status | awk -F '\t' '$1 == "heaped" { n = $2 } END { print n + 0 }'; }
is_heaped() { (($(heaped) >= $1)); }

a_watermark_is_for_all() {
    target marker --function marker
    "$GEARCLOCK" limits heaped --queue-watermark 10
    tasks heaped 60 3
    tasks marker 1 8
    within 20 is_heaped 5
    # By then the job server has been asked several times, and nothing has left its queue.
    within 20 has_run marker 0
    (($(heaped) <= 10)) || fail "$(heaped) jobs are queued"
}
it "a queue stays below its watermark, over all controllers" a_watermark_is_for_all
