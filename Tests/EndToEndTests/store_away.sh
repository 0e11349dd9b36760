# The store goes away and comes back: nothing is acknowledged that is not stored, and nobody needs a restart.
source "$(dirname "${BASH_SOURCE[0]}")/support/harness.sh"

gearmands 1
target worker --function target
daemon up up
process=$(cat "$WORK/up.pid")

# Takes the write lock, as a program that hangs in a transaction would, and gives it back.
lock_store() {
    mkfifo "$WORK/statements"
    sqlite3 "$STORE" <"$WORK/statements" >"$WORK/locker.log" 2>&1 &
    echo $! >"$WORK/locker.pid"
    exec 7>"$WORK/statements"
    printf '.timeout 5000\nBEGIN IMMEDIATE;\nSELECT "locked";\n' >&7
    within 10 grep -q locked "$WORK/locker.log"
}
unlock_store() {
    printf 'COMMIT;\n' >&7
    exec 7>&-
    rm "$WORK/statements"
}

a_locked_store_is_said_to_be_away() {
    local said
    lock_store
    said=$(call gearclock_submit '{"func_name":"target","payload":"refused"}')
    equal "$(tail -n 1 <<<"$said")" fail
    said=$(head -n 1 <<<"$said" | cut -d ' ' -f 2-)
    equal "$(field code <<<"$said")" store_unavailable
    equal "$(field retryable <<<"$said")" true
    equal "$(field stored <<<"$said")" no
    # Questions only read.
    equal "$("$GEARCLOCK" stats --json | jq '.stores[0].scheduled')" 0
    unlock_store
    within 20 submitted_again
    within 10 has_run worker accepted
    equal "$(runs worker refused)" 0
    equal "$(cat "$WORK/up.pid")" "$process"
    is_alive up
}
submitted_again() { [[ $("$GEARCLOCK" submit target accepted) == *'"stored":"yes"'* ]]; }
it "while the store is locked submissions are refused as retryable, and then it goes on" a_locked_store_is_said_to_be_away

tasks_wait_for_the_store() {
    "$GEARCLOCK" submit target waiting --after 4 >/dev/null
    lock_store
    within 10 is_past_due
    equal "$(runs worker waiting)" 0
    unlock_store
    within 20 has_run worker waiting
}
is_past_due() { [[ $("$GEARCLOCK" stats --json | jq '.stores[0].overdue') == 1 ]]; }
it "a task that comes due while the store is away runs when it is back" tasks_wait_for_the_store

it_was_said_once() {
    local role away
    within 20 all_said_that_it_is_back
    # Twice the store was away. A role that had nothing to write meanwhile, or whose call outlasted it, did not notice.
    for role in worker dispatcher controller; do
        away=$(times $role away)
        ((away <= 2)) || fail "the $role said $away times that the store is away"
    done
    (($(times worker away) >= 1)) || fail "the worker refused a submission, and the log does not say why"
}
# times ROLE WORD
times() { grep -c "gearclock.$1: The store is $2" "$WORK/up.log" || true; }
all_said_that_it_is_back() {
    local role
    for role in worker dispatcher controller; do (($(times $role away) == $(times $role back))) || return 1; done
}
it "each role says at most once for each absence that the store is away, and as often that it is back" it_was_said_once
