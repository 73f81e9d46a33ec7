#!/bin/sh
# The main job, from nothing: run, record, verify, forge a copy. `make demo` calls this with os2 on the PATH.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
XDG_DATA_HOME="$work/home"; export XDG_DATA_HOME

show() { printf '\n\033[1m$ %s\033[0m\n' "$*"; "$@"; }
[ -t 1 ] || show() { printf '\n$ %s\n' "$*"; "$@"; }

cp -r "$here" "$work/examples"
cd "$work/examples"

printf 'A real program runs in a sandbox; its output streams, its files come back.\n'
show os2 python csv_report/report.py
show os2 python simulation.py

printf '\nWhat ran, who allowed it: the ledger says.\n'
show os2 ledger log

printf '\nWould it come out the same? Every run is performed again.\n'
show os2 python-verify

printf '\nWould anybody notice an edit? Four forgeries, on a copy.\n'
show os2 tamper-demo
