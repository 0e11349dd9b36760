# Sourced by Scripts/test and Scripts/ci: the checks that both run. Needs project.sh, count.sh and scenarios.sh.

# What every build here has in common, so that none of them builds again what another one built.
build_flags=(--explicit-target-dependency-import-check error)

build_everything() { swift build --build-tests "${build_flags[@]}"; }

# The Swift tests but those of MariaDB, one process for each target: what waits for a socket is not tested beside what
# computes for seconds. Each test of GearmanTests and GearmanServerTests has a minute, and all of a target begin at once:
# they run alone. The job server's are given a gearmand, to be compared with.
swift_tests() {
    local directory target how with
    for directory in Tests/*Tests; do
        compgen -G "$directory/*.swift" >/dev/null || compgen -G "$directory/*/*.swift" >/dev/null || continue
        target=${directory#Tests/} how=(beside heavy) with=()
        case $target in
            GearclockMariaDBTests) continue ;;
            GearmanTests) how=(alone) ;;
            GearmanServerTests)
                how=(alone)
                ! command -v gearmand >/dev/null || with=(Scripts/with-gearmand)
                ;;
        esac
        "${how[@]}" swift_tests_of "$target" ${with[@]+"${with[@]}"}
    done
}

# What the store does on one server it must do on three nodes as well. These tests wait for the disk and for timeouts, and
# nodes that get no processor take each other for dead: both run beside each other, and beside nothing else.
mariadb_tests() {
    beside light swift_tests_of GearclockMariaDBTests Scripts/with-galera 3
    beside light swift_tests_of GearclockMariaDBTests
    all_beside
}

# swift_tests_of TARGET [COMMAND…]: the tests of one target, run by that command. A process that dies has failed, whatever
# it reported before. Those of MariaDB wait for servers and for blocking calls: side by side they wait for each other.
swift_tests_of() {
    local results log status=0 total failures skips order=()
    [[ $1 != GearclockMariaDBTests ]] || order=(--no-parallel)
    results=$(mktemp -d "$checks/XXXXXX")
    log=$results/log
    heading "Swift tests: $1${2:+, ${*:2}}"
    # What `swift test` would run. It loads the package first, and finds no tests where another build is under way.
    NO_COLOR=1 timeout --kill-after=10 900 "${@:2}" "$programs/gearclockPackageTests.xctest" \
        --testing-library swift-testing ${order[@]+"${order[@]}"} --filter "^$1\." --xunit-output "$results/tests.xml" \
        >"$log" 2>&1 || status=$?
    if [[ -s $results/tests.xml ]]; then
        # A failed test has one or more failures inside; a test without any is closed at once.
        total=$(grep -c '<testcase ' "$results/tests.xml" || true)
        skips=$(grep -c '<skipped' "$results/tests.xml" || true)
        failures=$(awk '/<testcase /{t=1} /<failure/{if(t)n++; t=0} END{print n+0}' "$results/tests.xml")
        count $((total - failures - skips)) "$failures" "$skips"
        grep -E '^✘|^ *↳|Test run with' "$log" || true
        if ((status != 0 && failures == 0)) || ((total == 0)); then
            last_words "$log"
            say "FAILED: the tests ended with status $status"
            count 0 1 0
        fi
    else
        last_words "$log"
        say "FAILED: the tests reported nothing and ended with status $status"
        count 0 1 0
    fi
    rm -rf "$results"
}

# last_words LOG: of tests that died: what trapped and where, and what was said last.
last_words() {
    grep -E -A 20 'Fatal error|Program crashed|Thread .*crashed' "$1" | head -n 60 || true
    tail -n 80 "$1"
}

simulation() { Scripts/simulate --seeds "${GEARCLOCK_SEEDS:-2000}"; }
service_simulation() { Scripts/simulate --tier b --seeds "$((${GEARCLOCK_SEEDS:-2000} / 4))"; }

# One after the other: they share what they build. What was found is in the directory of the target, and in the log as
# base64.
fuzzers() {
    local target
    for target in codec server tasks; do
        step "Fuzzing, ${GEARCLOCK_FUZZ_SECONDS:-20} s: $target" Scripts/fuzz $target "${GEARCLOCK_FUZZ_SECONDS:-20}"
    done
}

shell_syntax() {
    local script status=0
    for script in .ci/run Scripts/* Scripts/lib/* Tests/EndToEndTests/*.sh Tests/EndToEndTests/support/*.sh; do
        [[ -f $script ]] || continue
        if [[ $script == *.sh ]] || head -n 1 "$script" | grep -q 'bash$'; then bash -n "$script" || status=1; fi
    done
    return $status
}

# The longest come first, so that none of them goes on when all others have ended.
everything() {
    alone step "Build" build_everything
    # Nothing that follows means anything without it.
    ((failed == 0)) || { summary; exit 1; }
    programs=$(binaries debug)
    mariadb_tests
    beside heavy step "Simulation, ${GEARCLOCK_SEEDS:-2000} seeds, release" simulation
    beside heavy step "Simulation of the services, $((${GEARCLOCK_SEEDS:-2000} / 4)) seeds, release" service_simulation
    swift_tests
    beside heavy step "The library in another package (Scripts/embedding)" Scripts/embedding
    end_to_end "$programs/gearclock"
    all_beside
    # They find the more the more inputs they can try in their time.
    alone fuzzers
}
