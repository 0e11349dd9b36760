# Sourced: the scenarios of Tests/EndToEndTests, a check each. Needs project.sh and count.sh.
#
# A scenario has servers, ports and directories of its own, and waits most of the time: it runs beside others. One that
# measures how late or how fast something is says `# Alone: ` and why, and runs alone.

# end_to_end PROGRAM [NAME…]: these scenarios or all of them. Those that run beside others wait for all_beside.
end_to_end() {
    local tool name names=("${@:2}") how
    if ((${#names[@]} == 0)); then
        for name in Tests/EndToEndTests/*.sh; do names+=("$(basename "$name" .sh)"); done
    fi
    for tool in gearmand gearman perl jq sqlite3 mariadbd mariadb-backup rsync ip; do
        command -v "$tool" >/dev/null && continue
        heading "End to end"
        say "There is no $tool; run Scripts/install tests"
        if [[ ${CI:-} == true ]]; then count 0 1 0; else count 0 0 "${#names[@]}"; fi
        return
    done
    # A copy, so that a build meanwhile does not change what is tested.
    cp "$1" "$checks/gearclock"
    for name in "${names[@]}"; do
        [[ -f Tests/EndToEndTests/$name.sh ]] || die "there is no test $name"
        how=(beside light)
        if ((${#names[@]} == 1)) || grep -q '^# Alone: ' "Tests/EndToEndTests/$name.sh"; then how=(alone); fi
        "${how[@]}" scenario "$name"
    done
}

# scenario NAME
scenario() {
    local log=$checks/$1.scenario status=0 ok not_ok not_run
    heading "End to end: $1"
    GEARCLOCK=$checks/gearclock timeout --kill-after=20 600 bash "Tests/EndToEndTests/$1.sh" 2>&1 |
        tee "$log" || status=$?
    ok=$(grep -c '^ok - ' "$log" || true)
    not_ok=$(grep -c '^not ok - ' "$log" || true)
    not_run=$(grep -c '^skip - ' "$log" || true)
    if ((status != 0 && not_ok == 0)) || ((ok + not_ok + not_run == 0)); then
        say "not ok - $1 ended with status $status"
        ((not_ok += 1))
    fi
    count "$ok" "$not_ok" "$not_run"
}
