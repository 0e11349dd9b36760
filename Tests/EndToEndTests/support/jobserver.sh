# Sourced by tests of `gearclock jobserver`.
#
#   job_server NAME [OPTION…]    starts one on a free port; $port is where
#   connect 3                    opens file descriptor 3 to it, for bytes: `packet 1 f >&3` is CAN_DO f
#   answers 3                    all that it sent so far, without NULs; the connection must have sent whole packets

job_server() {
    launch "$1" jobserver --port 0 --ready-file "$WORK/$1.ready" "${@:2}"
    within 20 is_ready_or_ended "$1"
    port=$(sed -n 's/.* is ready (127\.0\.0\.1:\([0-9]*\))/\1/p' "$WORK/$1.out" | tail -n 1)
    GEARCLOCK_GEARMAN=127.0.0.1:$port
}
gearman() { command gearman -h 127.0.0.1 -p "$port" "$@"; }
gearadmin() { command gearadmin --host=127.0.0.1 --port="$port" "$@"; }
waits_for() { gearadmin --status | grep -qE "^$1"$'\t'"$2"$'\t'; }

connect() { eval "exec $1<>/dev/tcp/127.0.0.1/$port"; }
# packet NUMBER [ARGUMENT…]: a request. The last argument ends with the packet.
packet() {
    local size=0 argument
    for argument in "${@:2}"; do ((size += ${#argument} + 1)); done
    ((size > 0)) && ((size -= 1))
    printf '\0REQ\0\0\0%b%b' "\\x$(printf %02x "$1")" "$(printf '\\x%02x\\x%02x\\x%02x\\x%02x' \
        $((size >> 24)) $((size >> 16 & 255)) $((size >> 8 & 255)) $((size & 255)))"
    (($# < 2)) || printf '%s' "$2"
    (($# < 3)) || printf '\0%s' "${@:3}"
}
# It is asked for a line, which comes last.
answers() {
    local line
    printf 'version\n' >&"$1"
    read -r -t 10 line <&"$1" || fail "no answer"
    printf '%s' "${line%OK 1.*}"
}
