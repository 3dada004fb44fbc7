# What the other scripts share: places, messages, and a sign of life during long work.
# Sourced, never run.
# shellcheck shell=bash

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"

# Everything that is built goes below here, also the site and the tools.
TARGET=${CARGO_TARGET_DIR:-target}
case $TARGET in /*) ;; *) TARGET=$ROOT/$TARGET ;; esac
export CARGO_TARGET_DIR=$TARGET
# Checked queries are read from .sqlx/: the product's own DATABASE_URL must not steer the build.
export SQLX_OFFLINE=true
# Were it set, Leptos would look for the page's wasm under another name.
unset LEPTOS_OUTPUT_NAME

# shellcheck disable=SC2034 # used by the scripts that source this one
SERVER=$TARGET/debug/stagewatch SITE=$TARGET/site TOOLS=$TARGET/tools STARTED=$SECONDS
# How often long work says that it is still going on.
HEARTBEAT_SECONDS=5

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# steps_are 4; step "the page": prints "step 1 of 4: the page".
steps_are() { STEPS=$1 STEP=0; }
step() {
  STEP=$((STEP + 1))
  printf 'step %d of %d: %s\n' "$STEP" "$STEPS" "$*"
}

# quietly "building the server" cargo build ...: runs a command with its output in a log, and says
# every few seconds how long it has taken and what it last said. The log is shown when it fails.
# (Give it a program: in a function, `set -e` would not end it at its first failure.)
quietly() {
  local what=$1 log status=0 since=$SECONDS beat
  shift
  mkdir -p "$TARGET/logs"
  log=$TARGET/logs/${what//[^a-z0-9]/-}.log
  beat_of "$what" "$log" &
  beat=$!
  # The command is in the foreground, so that Ctrl-C reaches it; only the sign of life is not.
  "$@" >"$log" 2>&1 </dev/null || status=$?
  kill "$beat" 2>/dev/null || true
  wait "$beat" 2>/dev/null || true
  if [ "$status" -ne 0 ]; then
    tail -n 60 "$log"
    say "$what failed after $((SECONDS - since)) s (all of it: $log)"
    return "$status"
  fi
  if [ $((SECONDS - since)) -ge 2 ]; then say "  $what: done in $((SECONDS - since)) s"; fi
}

beat_of() {
  local what=$1 log=$2 since=$SECONDS parent=$$ last
  while sleep "$HEARTBEAT_SECONDS" && kill -0 "$parent" 2>/dev/null; do
    last=$(tail -n 1 "$log" 2>/dev/null | tr -d '\033\r' | cut -c 1-90) || last=
    say "  $what: $((SECONDS - since)) s ${last:+(${last#"${last%%[![:space:]]*}"})}"
  done
}

# when_gone PID COMMAND...: leaves a helper that runs the command once the process has ended, however
# it ended. It is nobody's child and does not hear Ctrl-C.
when_gone() {
  local pid=$1
  shift
  (
    trap '' INT HUP
    (
      while kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
      "$@"
    ) &
  )
}

# The version of a package in a Cargo.lock.
locked_version() {
  awk -v name="\"$2\"" '$1 == "name" && $3 == name { getline; gsub(/"/, "", $3); print $3; exit }' "$1"
}
