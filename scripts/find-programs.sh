# shellcheck shell=bash
# Finds the programs that the tests and the harness start: read by scripts/test.sh and scripts/chaos.sh,
# which set `log` to a file for what the fetching says.
: "${log:?a file for what the fetching says}"

# Where the tests find an `etcd` to start: a supported 3.5, and this machine's own.
# Without a 3.5 the tests that want one say that they are skipped, and give this reason.
find_etcd() {
  local dirs=() own
  if own=$(scripts/fetch-etcd.sh 2>"$log"); then
    dirs+=("$own")
  else
    ETCD_FETCH_ERROR=$(tail -n 1 "$log")
    export ETCD_FETCH_ERROR
  fi
  cat "$log" >&2
  if own=$(command -v etcd); then dirs+=("$(dirname "$own")"); fi
  ETCD_BIN_DIRS=$(IFS=: && echo "${dirs[*]}")
  export ETCD_BIN_DIRS
}

# Puts into NAME_BIN_DIR where the programs are that scripts/fetch-NAME.sh fetches. Without them the
# tests that want them say that they are skipped, and give what is in NAME_FETCH_ERROR as the reason.
find_programs() {
  local name=$1 dir variable
  if dir=$("scripts/fetch-$name.sh" 2>"$log"); then
    variable=${name^^}_BIN_DIR
  else
    variable=${name^^}_FETCH_ERROR
    dir=$(tail -n 1 "$log")
    unset "${name^^}_BIN_DIR"
  fi
  export "$variable=$dir"
  echo "test: $variable: $dir"
  cat "$log" >&2
}
