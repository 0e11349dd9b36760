# Sourced by every script: goes to the top of the project and says where things are.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PROJECT=$PWD
# gearmand lies where only administrators look by default.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf '%s\n' "$*"; }
heading() { printf '\n== %s\n' "$*"; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Prints the comment at the top of a script: its help.
usage() { sed -n '2,/^[^#]/ s/^# \{0,1\}//p' "$1"; }

# The folder of the built programs: binaries debug|release.
binaries() { swift build --configuration "$1" --show-bin-path 2>/dev/null; }

# is_running PROCESS: and is not only remembered for its parent.
is_running() {
    local state
    state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) && [[ ${state:0:1} != Z ]]
}
