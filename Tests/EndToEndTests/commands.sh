# The command line as a person uses it: submit, get, list, cancel, stats, and how each of them ends.
# Alone: a task may be half a second late.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"

gearmands 1
target counter --function count
daemon up up

submitting_prints_a_receipt() {
    "$GEARCLOCK" submit count now >"$WORK/receipt"
    equal "$(field stored <"$WORK/receipt")" yes
    matches "$(field id <"$WORK/receipt")" '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
    within 10 has_run counter now
}
it "submit prints a receipt as JSON, and the task runs" submitting_prints_a_receipt

a_task_waits_for_its_time() {
    local due started
    "$GEARCLOCK" submit count in-a-second --after 1 >"$WORK/receipt"
    due=$(date -d "$(field due_at <"$WORK/receipt")" +%s%6N)
    within 10 has_run counter in-a-second
    started=$(awk -F '\t' '$3 == "in-a-second" { print $1 }' "$WORK/counter.runs")
    ((started >= due)) || fail "$((due - started)) µs early"
    ((started < due + 500000)) || fail "$((started - due)) µs late"
}
it "a task runs at its time, not before, and at once then" a_task_waits_for_its_time

a_payload_of_any_bytes_comes_from_standard_input() {
    printf 'a\0b\377c' | "$GEARCLOCK" submit count - >"$WORK/receipt"
    within 10 grep -qaP 'a\\x00b\xffc' "$WORK/counter.runs"
}
it "a payload of any bytes comes from standard input" a_payload_of_any_bytes_comes_from_standard_input

a_waiting_task_can_be_seen_and_cancelled() {
    local id=11111111-2222-4333-8444-000000000001
    "$GEARCLOCK" submit count never --at 2099-01-01T00:00:00Z --id $id --priority high --timeout 5 >/dev/null
    "$GEARCLOCK" get $id >"$WORK/task"
    equal "$(field state <"$WORK/task")" scheduled
    equal "$(field func_name <"$WORK/task")" count
    equal "$(field payload <"$WORK/task")" never
    equal "$(field priority <"$WORK/task")" high
    matches "$(field due_at <"$WORK/task")" '^2099-01-01T00:00:00'
    "$GEARCLOCK" list >"$WORK/list"
    grep -q "$id *scheduled *2099" "$WORK/list" || fail "$(cat "$WORK/list")"
    equal "$("$GEARCLOCK" list --json --function count --state scheduled | jq -r '.tasks[].id')" $id
    equal "$("$GEARCLOCK" list --json --function another | jq -r '.tasks | length')" 0
    equal "$("$GEARCLOCK" stats --json | jq '.stores[0].scheduled')" 1
    "$GEARCLOCK" stats | grep -Eq '^scheduled +1$' || fail "$("$GEARCLOCK" stats)"
    matches "$("$GEARCLOCK" cancel $id)" cancelled
    equal "$("$GEARCLOCK" stats --json | jq '.stores[0].scheduled')" 0
    equal "$(runs counter never)" 0
}
it "a waiting task can be seen in get, list and stats, and cancelled" a_waiting_task_can_be_seen_and_cancelled

the_same_id_is_the_same_task() {
    local id=11111111-2222-4333-8444-000000000002
    "$GEARCLOCK" submit count twice --id $id >/dev/null
    within 10 in_state $id completed
    equal "$("$GEARCLOCK" submit count twice --id $id | field duplicate)" true
    equal "$(runs counter twice)" 1
}
it "submitting again with the same id is harmless" the_same_id_is_the_same_task

a_list_has_pages() {
    local next n
    for n in 1 2 3; do "$GEARCLOCK" submit paged $n --after 3600 >/dev/null; done
    next=$("$GEARCLOCK" list --json --function paged --limit 2 | field next)
    equal "$("$GEARCLOCK" list --json --function paged --limit 2 --after "$next" | jq '.tasks | length')" 1
}
it "a list has pages" a_list_has_pages

what_is_not_there_is_3() {
    status 3 "$GEARCLOCK" get 00000000-0000-4000-8000-000000000009
    status 3 "$GEARCLOCK" cancel 00000000-0000-4000-8000-000000000009 --json
    equal "$(jq -r .error.code "$WORK/err")" not_found
}
it "a task that is not there is exit code 3" what_is_not_there_is_3

wrong_usage_is_2() {
    status 2 "$GEARCLOCK" submit
    status 2 "$GEARCLOCK" submit count x --after soon
    status 2 "$GEARCLOCK" submit count x --after 1 --at 2099-01-01T00:00:00Z
    status 2 "$GEARCLOCK" submit count x --id not-a-uuid
    status 2 "$GEARCLOCK" submit "$(printf 'x%.0s' {1..600})"
    status 2 "$GEARCLOCK" get
    status 2 "$GEARCLOCK" nonsense
    status 2 "$GEARCLOCK" list --limit 0
    status 2 "$GEARCLOCK" submit count x --at 2000-01-01T00:00:00Z --expires-at 1999-01-01T00:00:00Z
}
it "wrong usage is exit code 2, and says what is wrong" wrong_usage_is_2

nobody_there_is_4() {
    local closed=$((GEARMAND_PORT == 29999 ? 29998 : 29999))
    status 4 "$GEARCLOCK" stats --gearman 127.0.0.1:$closed --answer-timeout 5
    # A job server without a worker daemon never answers.
    start_gearmand 2
    status 4 "$GEARCLOCK" stats --gearman "127.0.0.1:$(gearmand_port 2)" --answer-timeout 0.5
}
it "no job server, or no worker daemon behind it, is exit code 4" nobody_there_is_4

versions_and_help() {
    matches "$("$GEARCLOCK" --version)" '^gearclock [0-9]+\.[0-9]+\.[0-9]+'
    status 0 "$GEARCLOCK" --help
    local command
    for command in up worker dispatcher controller submit get list cancel stats pause resume limits store config; do
        grep -Eq "^  $command +" "$WORK/out" || fail "$command is missing from the help: $(cat "$WORK/out")"
    done
    grep -q 'Exit codes: 0 done, 1 failed, 2 wrong usage' "$WORK/out" || fail "no exit codes in the help"
}
it "--version and --help say what there is" versions_and_help

completions_work() {
    local shell
    for shell in bash zsh fish; do
        "$GEARCLOCK" --generate-completion-script $shell >"$WORK/completion.$shell"
        grep -q dispatcher "$WORK/completion.$shell" || fail "nothing for $shell"
    done
    bash -n "$WORK/completion.bash"
}
it "there are completions for bash, zsh and fish" completions_work
