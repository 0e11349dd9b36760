# Sourced: counts what passed, and says so in one last line.

passed=0 failed=0 skipped=0

# count PASSED FAILED SKIPPED
count() { ((passed += $1, failed += $2, skipped += $3)) || true; }

# step NAME COMMAND…: one check that passes or fails as a whole.
step() {
    heading "$1"
    if "${@:2}"; then
        count 1 0 0
    else
        say "FAILED: $1"
        count 0 1 0
    fi
}

# Takes over the closing line of another script: counted NAME COMMAND…
counted() {
    local log status=0 line
    log=$(mktemp)
    heading "$1"
    "${@:2}" 2>&1 | tee "$log" || status=$?
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1 || true)
    rm -f "$log"
    # shellcheck disable=SC2046
    [[ -z $line ]] || count $(tr -dc '0-9 ' <<<"$line")
    # It says that all is well but it is not, or it died before it could say anything.
    if [[ -z $line ]] || { ((status != 0)) && [[ $line == *' 0 failed,'* ]]; }; then
        say "FAILED: $1 (exit status $status)"
        count 0 1 0
    fi
}

# The closing line. Nothing that failed, and something that passed, is success.
summary() {
    printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    ((failed == 0 && passed > 0))
}
