# gearclock_submit and its sisters, called with a Gearman client in Perl and with the gearman tool.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"

gearmands 1
target worker --function target
daemon up up

gearman() { command gearman -h 127.0.0.1 -p "$GEARMAND_PORT" "$@"; }

the_gearman_tool_submits_and_works() {
    gearman -w -c 1 -f tool -- tee "$WORK/tool.payload" >/dev/null &
    local worker=$!
    gearman -f gearclock_submit '{"func_name":"tool","payload":"hello"}' >"$WORK/receipt"
    equal "$(field stored <"$WORK/receipt")" yes
    within 10 grep -qx hello "$WORK/tool.payload"
    wait $worker
}
it "the gearman tool submits, and works" the_gearman_tool_submits_and_works

a_receipt_says_where_the_task_stands() {
    local receipt
    receipt=$(answer gearclock_submit '{"func_name":"target","payload":"r","after":3600}')
    equal "$(jq -r 'keys | join(" ")' <<<"$receipt")" "copies due_at id nodes store stored"
    equal "$(field copies <<<"$receipt")" 1
    equal "$(sqlite3 -readonly "$STORE" 'PRAGMA integrity_check')" ok
}
it "a receipt names the store and the copies, and the task is in the file" a_receipt_says_where_the_task_stands

a_bulk_gets_an_answer_for_each() {
    local said
    said=$(answer gearclock_submit '[{"func_name":"target","payload":"b1"},{"payload":"b2"},5,{"func_name":"target","payload":"b4"}]')
    equal "$(jq -c '[.[] | .stored // .error.code]' <<<"$said")" '["yes","missing_field","not_an_object","yes"]'
    within 10 has_run worker b1
    within 10 has_run worker b4
    equal "$(answer gearclock_submit '[]')" '[]'
}
it "an array gets a receipt or an error for each task" a_bulk_gets_an_answer_for_each

a_thousand_at_once() {
    jq -cn '[range(1000) | {func_name: "target", payload: "k\(.)"}]' | answer gearclock_submit >"$WORK/receipts"
    equal "$(jq '[.[] | select(.stored == "yes")] | length' "$WORK/receipts")" 1000
    within 60 has_run_distinct k 1000
}
has_run_distinct() { (($(cut -f 3 "$WORK/worker.runs" | grep "^$1" | sort -u | wc -l) == $2)); }
it "a thousand tasks in one submission all run" a_thousand_at_once

all_forms_of_payload() {
    answer gearclock_submit '{"func_name":"target","payload":{"z":1,"a":[true,null]}}'
    within 10 has_run worker '{"z":1,"a":[true,null]}'
    answer gearclock_submit '{"func_name":"target","payload_base64":"AP8="}'
    within 10 grep -qaP '\\x00\xff' "$WORK/worker.runs"
    answer gearclock_submit '{"func_name":"target"}'
    within 10 grep -qP '\ttarget\t\t' "$WORK/worker.runs"
    answer gearclock_submit '{"func_name":"target","payload":"grüße 😀"}'
    within 10 has_run worker 'grüße 😀'
}
it "payloads are text, JSON, binary or nothing" all_forms_of_payload

retries_are_kept_as_history() {
    local id=22222222-2222-4222-8222-000000000001
    target flaky --function flaky --fail 2
    answer gearclock_submit '{"func_name":"flaky","payload":"f","id":"'$id'","retry":{"max_attempts":5,"initial":0.05,"jitter":0}}'
    within 15 in_state $id completed
    equal "$(runs flaky f)" 3
    equal "$(answer gearclock_get "{\"id\":\"$id\"}" | jq '.failures')" 2
}
it "a task that fails is tried again by its policy" retries_are_kept_as_history

exhausted_tasks_are_kept() {
    local id=22222222-2222-4222-8222-000000000002
    target broken --function broken --fail 1000
    answer gearclock_submit '{"func_name":"broken","payload":"x","id":"'$id'","retry":{"max_attempts":3,"initial":0.01}}'
    within 15 in_state $id discarded
    equal "$(runs broken x)" 3
    answer gearclock_get "{\"id\":\"$id\"}" >"$WORK/task"
    equal "$(jq -c '[.history[].outcome]' "$WORK/task")" '["failed","failed","failed"]'
}
it "a task whose policy is exhausted is kept, with the history of its attempts" exhausted_tasks_are_kept

exceptions_count() {
    local id=22222222-2222-4222-8222-000000000003
    target thrower --function thrower --except 1
    answer gearclock_submit '{"func_name":"thrower","payload":"x","id":"'$id'","retry":{"initial":0.01}}'
    within 20 in_state $id completed
    equal "$(answer gearclock_get "{\"id\":\"$id\"}" | jq -r '.history[0].outcome')" exception
}
it "an exception is kept apart from a failure" exceptions_count

a_task_can_expire() {
    local id=22222222-2222-4222-8222-000000000004 expiry
    murder up
    daemon intake worker
    expiry=$(($(date +%s%3N) + 3000))
    answer gearclock_submit '{"func_name":"target","payload":"too late","id":"'$id'","expires_at":'$expiry'}'
    within 10 is_past $expiry
    signal intake TERM
    within 20 has_ended intake
    revive up
    within 30 in_state $id expired
    equal "$(runs worker "too late")" 0
}
is_past() { (($(date +%s%3N) > $1)); }
it "a task that could not start in time expires" a_task_can_expire
# If that failed half way.
is_alive up || revive up

a_task_without_a_worker_expires() {
    local id=22222222-2222-4222-8222-000000000007
    answer gearclock_submit '{"func_name":"late","payload":"too late","id":"'$id'","expires_after":1}'
    answer gearclock_submit '{"func_name":"late","payload":"in time","expires_after":60}'
    within 10 in_state $id expired
    target late --function late
    within 10 has_run late "in time"
    equal "$(runs late "too late")" 0
    equal "$(answer gearclock_get "{\"id\":\"$id\"}" | jq -c '[.failures, (.history[] |
        [.attempt, .outcome, .started_at <= .ended_at])]')" '[0,[1,"expired",true]]'
    stop_target late
}
it "a task does not wait for a worker longer than until it expires" a_task_without_a_worker_expires

an_attempt_has_a_timeout() {
    local id=22222222-2222-4222-8222-000000000005
    target slow --function slow --hold "$WORK/never"
    answer gearclock_submit '{"func_name":"slow","payload":"x","id":"'$id'","timeout":0.3,"retry":{"max_attempts":1}}'
    within 15 in_state $id discarded
    equal "$(answer gearclock_get "{\"id\":\"$id\"}" | jq -r '.history[0].outcome')" timed_out
    stop_target slow
}
it "an attempt that takes longer than its timeout is given up" an_attempt_has_a_timeout

a_missing_worker_can_count() {
    local id=22222222-2222-4222-8222-000000000009
    answer gearclock_submit '{"func_name":"absent","id":"'$id'","retry":{"max_attempts":1,"outcomes":{"no_worker":"retry"}}}'
    # Ten seconds without a worker.
    within 30 in_state $id discarded
    equal "$(answer gearclock_get "{\"id\":\"$id\"}" | jq -c '[.history[].outcome]')" '["no_worker"]'
    equal "$(gearadmin -h 127.0.0.1 -p "$GEARMAND_PORT" --status | grep -c ^absent)" 0
}
it "a task whose function has no worker fails where its policy counts that" a_missing_worker_can_count

a_lost_job_can_count() {
    local id=22222222-2222-4222-8222-000000000008
    target losing --function losing --hold "$WORK/lost"
    answer gearclock_submit '{"func_name":"losing","payload":"l","id":"'$id'","retry":{"initial":0.01,"outcomes":{"lost":"retry"}}}'
    within 10 has_run losing l
    kill_gearmand 1
    touch "$WORK/lost"
    start_gearmand 1
    within 30 in_state $id completed
    equal "$(answer gearclock_get "{\"id\":\"$id\"}" | jq -c '[.failures, [.history[].outcome]]')" '[1,["lost"]]'
    equal "$(runs losing l)" 2
    stop_target losing
}
it "a job that is lost with its job server is a failed attempt where its policy counts that" a_lost_job_can_count

a_running_task_can_be_cancelled() {
    local id=22222222-2222-4222-8222-000000000006
    target held --function held --hold "$WORK/release"
    answer gearclock_submit '{"func_name":"held","payload":"h","id":"'$id'"}'
    within 10 has_run held h
    equal "$(answer gearclock_cancel "{\"id\":\"$id\"}" | field result)" cancelled_while_running
    touch "$WORK/release"
    within 10 in_state $id cancelled
    equal "$(answer gearclock_get "{\"id\":\"$id\"}" | jq -c '(.due_at as $due | .finished_at as $finished | .history[] |
        [.attempt, .outcome, .due_at == $due, .ended_at == $finished])')" '[1,"cancelled",true,true]'
    equal "$(answer gearclock_cancel "{\"id\":\"$id\"}" | field result)" already_final
}
it "a running task can be cancelled: it does not run again" a_running_task_can_be_cancelled

a_stuck_function_delays_nobody() {
    jq -cn '[range(500) | {func_name: "nobody_has_this", payload: "\(.)"}]' | answer gearclock_submit >/dev/null
    local before=$EPOCHREALTIME
    answer gearclock_submit '{"func_name":"target","payload":"not delayed"}' >/dev/null
    within 10 has_run worker "not delayed"
    echo "$before $EPOCHREALTIME"
}
it "a function without a worker delays nobody else's tasks" a_stuck_function_delays_nobody

priorities_reach_gearman() {
    # A function without a worker keeps its jobs in gearmand's queue, where their priority is seen.
    answer gearclock_submit '[{"func_name":"p","priority":"high"},{"func_name":"p","priority":"low"},{"func_name":"p"}]'
    within 10 queued_by_priority $'p\t1\t1\t1\t'
}
queued_by_priority() { gearadmin -h 127.0.0.1 -p "$GEARMAND_PORT" --priority-status | grep -q "^$1"; }
it "priority is the priority of the Gearman job" priorities_reach_gearman
