# A gearsloth user changes nothing but the daemons: submitJobDelayed, delayedJobDone, custom controllers, error texts.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"

gearmands 2
target worker --function target --function $'binary\xff'
daemon up up

# submitted JSON: the answer to submitJobDelayed, which is the id of the task
submitted() {
    local id
    id=$(answer submitJobDelayed "$1")
    matches "$id" '^[0-9a-f-]{36}$'
    say "$id"
}

a_task_runs_at_once() {
    submitted '{"func_name":"target","payload":"at once"}'
    within 10 has_run worker "at once"
}
it "a task without a time runs at once, and the answer is its id" a_task_runs_at_once

times_are_understood() {
    submitted '{"func_name":"target","payload":"past","at":"2001-09-09T01:46:40Z"}'
    submitted '{"func_name":"target","payload":"number","at":1000000000000}'
    submitted '{"func_name":"target","payload":"after","after":1}'
    submitted '{"func_name":"target","payload":"text","after":"1"}'
    submitted '{"func_name":"target","payload":"supersedes","after":1,"at":"2099-01-01"}'
    submitted '{"func_name":"target","payload":"java","at":"Sun Sep 09 2001 01:46:40 GMT+0000 (UTC)"}'
    submitted '{"func_name":"target","payload":"later","at":"2099-01-01T00:00:00.000Z"}'
    local payload
    for payload in past number after text supersedes java; do within 10 has_run worker $payload; done
    equal "$(runs worker later)" 0
}
it "at and after are what JavaScript makes of them; after supersedes at" times_are_understood

the_function_gets_what_gearsloth_sends() {
    submitted '{"func_name":"target","payload":{"b":[1,2.50,"x"],"a":null}}'
    within 10 has_run worker '{"b":[1,2.5,"x"],"a":null}'
    submitted '{"func_name":"target","payload":null}'
    within 10 has_run worker null
    submitted '{"func_name":"target","payload":"ignored","payload_base64":"AAECYQ=="}'
    within 10 has_run worker '\x00\x01\x02a'
    submitted '{"func_name":"ignored","func_name_base64":"YmluYXJ5/w==","payload":"binary name"}'
    within 10 has_run worker 'binary name'
    submitted "$(printf '{"func_name":"target","payload":"%0100000d"}' 7)"
    within 10 has_run worker "$(printf '%0100000d' 7)"
}
it "payloads and names reach the function as gearsloth sends them, binary and large ones too" \
    the_function_gets_what_gearsloth_sends

# refuses JSON TEXT: WORK_WARNING with that text, then WORK_FAIL
refuses() { equal "$(call submitJobDelayed "$1")" "warning $2"$'\n'fail; }
mistakes_get_their_texts() {
    refuses '{"func_name":"target","at":"yesterday-ish"}' 'injector: invalid date format.'
    refuses '{"func_name":"target","after":"soon"}' "injector: invalid 'after' format."
    refuses '{"payload":"x"}' 'injector: no function name (func_name) defined in task.'
    matches "$(call submitJobDelayed '{')" $'^warning injector: .+\nfail$'
    local poison
    for poison in 5 null '"x"' '[]' '' '{"func_name":5}'; do
        matches "$(call submitJobDelayed "$poison")" $'^warning injector: .+\nfail$'
    done
    is_alive up
    a_task_runs_at_once
}
it "mistakes get gearsloth's texts, and what killed its injectors kills nothing" mistakes_get_their_texts

retry_count_is_immediate() {
    target clumsy --function clumsy --fail 2
    submitted '{"func_name":"clumsy","payload":"third time","retry_count":2}'
    within 10 has_run clumsy "third time" 3
}
it "retry_count tries again at once" retry_count_is_immediate

the_runner_tries_again_later() {
    target lazy --function lazy --fail 1
    submitted '{"func_name":"lazy","payload":"again","runner_retry_timeout":1,"runner_retry_count":2}'
    within 15 has_run lazy again 2
}
it "runner_retry_timeout tries again later" the_runner_tries_again_later

a_custom_controller_gets_the_task() {
    local id document
    target controller --function customController --eject
    id=$(submitted '{"func_name":"target","payload":"by hand","controller":"customController","colour":"blue"}')
    within 10 has_run worker "by hand"
    within 10 test "$(runs controller)" = 1
    document=$(cut -f 3 "$WORK/controller.runs")
    equal "$(field id <<<"$document")" "$id"
    equal "$(field func_name <<<"$document")" target
    equal "$(field controller <<<"$document")" customController
    equal "$(field colour <<<"$document")" blue
    within 10 is_gone "$id"
}
is_gone() { ! "$GEARCLOCK" get "$1"; }
it "a custom controller gets the task as it was submitted, and ejects it" a_custom_controller_gets_the_task

a_task_that_nobody_ejects_is_handed_out_again() {
    target forgetful --function forgetfulController
    local id
    id=$(submitted '{"func_name":"target","payload":"x","controller":"forgetfulController","runner_retry_timeout":1}')
    within 20 test_runs forgetful 2
    equal "$(call delayedJobDone "{\"id\":\"$id\",\"anything\":1}")" "complete "
    within 10 is_gone "$id"
}
test_runs() { (($(runs "$1") >= $2)); }
it "a task that its controller does not eject is handed out again, until delayedJobDone" \
    a_task_that_nobody_ejects_is_handed_out_again

ejecting_nothing_is_fine() {
    equal "$(call delayedJobDone '{"id":"00000000-0000-4000-8000-000000000001"}')" "complete "
    matches "$(call delayedJobDone 'null')" $'^warning .+\nfail$'
    is_alive up
}
it "delayedJobDone of an unknown task is answered like any other, garbage is refused" ejecting_nothing_is_fine
