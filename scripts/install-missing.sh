# Sourced by the scripts that install what others need: what is missing, with apt.

# Whether what this sign names is on the machine: `command:NAME` or `file:PATH`.
present() {
  case $1 in
    command:*) PATH=$PATH:/usr/sbin:/sbin command -v "${1#command:}" >/dev/null ;;
    file:*) [ -e "${1#file:}" ] ;;
  esac
}

# The packages of the missing ones, on one line. Each argument is a sign and the package that brings it.
missing_packages() {
  local tool sign package list=
  for tool in "$@"; do
    read -r sign package <<<"$tool"
    present "$sign" || list+=${list:+ }$package
  done
  echo "$list"
}

# Uses the caller's `as_root`.
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o DPkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

# install_missing SCRIPT 'SIGN PACKAGE'...
# Says first, in the name of the script, what is missing; with nothing missing it does nothing, and
# needs no Debian either.
install_missing() {
  local name=$1 missing as_root=()
  shift
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0

  echo "$name: missing on this machine, to be installed with apt: $missing"
  if ! command -v apt-get >/dev/null; then
    echo "$name: this is no Debian (there is no apt-get): please install by hand what these packages bring" >&2
    return 1
  fi
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "$name: apt needs root, and there is no sudo" >&2; return 1; }
    as_root=(sudo)
  fi
  # A broken third-party source must not stop us: whether the packages can be had, the install says.
  apt update || echo "$name: apt-get update failed, trying with the package lists that are there" >&2
  # shellcheck disable=SC2086 # one word for each package
  apt install -y --no-install-recommends $missing || return

  missing=$(missing_packages "$@")
  if [ -n "$missing" ]; then
    echo "$name: apt succeeded, and yet this is still missing: $missing" >&2
    return 1
  fi
}
