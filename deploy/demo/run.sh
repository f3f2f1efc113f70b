#!/usr/bin/env bash
# The demo: two nodes, their pods and a throwaway etcd on this machine; the addresses come from etcd-ipam
# through the real macvlan plugin. `make demo` calls it with the directory of the built binaries.
# It fails if a pod cannot reach another, or if an address is left over; it always cleans up.
set -euo pipefail
bin=$(cd "${1:?usage: run.sh <directory of etcd-ipam, ipamctl and lease-gc>}" && pwd)
cd "$(dirname "$0")"
# shellcheck source=deploy/demo/lab.sh
. ./lab.sh

heading() {
  if [ -t 1 ]; then printf '\n\033[1;36m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi
}
indented() { awk 'NF { print "    " $0 }'; }
shown() {
  echo "  \$ $*"
  inside wire "$@" | indented
}

check_machine() {
  local tool
  [ "$(id -u)" = 0 ] || fail 'network namespaces need root: run it as root or with sudo'
  for tool in ip ping etcd etcdctl; do
    command -v "$tool" >/dev/null || fail "there is no $tool on this machine: scripts/install-tools.sh installs it"
  done
  [ -x "$cni_dir/macvlan" ] || fail "there is no $cni_dir/macvlan: scripts/install-tools.sh installs it"
  for tool in etcd-ipam ipamctl lease-gc; do [ -x "$bin/$tool" ] || fail "there is no $tool in $bin: make build"; done
}

attach() {
  local begin
  begin=$(date +%s%N)
  cni ADD "$@" >"$tmp/$1.out" 2>&1 || return
  echo $((($(date +%s%N) - begin) / 1000000)) >"$tmp/$1.ms"
}
attached() {
  printf '  %-6s on %s has %s/24, after %s ms\n' \
    "$1" "${node_of[$1]}" "$(address_of "$1")" "$(cat "$tmp/$1.ms")"
}
refused() { fail "ADD of $1 failed: $(cat "$tmp/$1.out")"; }

# Three packets, none of which may be lost (ping itself is content with one answer).
reach() {
  local output
  output=$(inside "$1" ping -q -c 3 -i 0.2 -W 2 "$(address_of "$2")" 2>&1) || true
  grep -q ' 3 received' <<<"$output" || fail "$1 does not reach $2: $output"
  printf '  %s -> %-5s %-12s 3 of 3 came back, %s ms on average\n' "$1" "$2" "$3" \
    "$(sed -n 's|^rtt [^=]*= [^/]*/\([^/]*\)/.*|\1|p' <<<"$output")"
}

# What the collector releases, from the second of its two reports: the first only suspects.
releases() { sed -n '2s/.*"releases":\({[^}]*}\]}\).*/\1/p'; }

# Asks etcd itself, so that the last word is not ipamctl's.
keys() { inside wire etcdctl get --prefix --keys-only "/etcd-ipam/v1/$1/" | sed '/^$/d'; }

all_free() {
  local listed kept
  listed=$(inside wire ipamctl ls -o json)
  kept=$(keys addr && keys owner)
  case "$listed $kept" in *192.168.* | *' /etcd-ipam'*) fail "not everything is free again: $listed $kept" ;; esac
}

# etcd and etcdctl refuse to start where a flag and a variable say the same thing twice.
unset "${!ETCD@}" "${!IPAMCTL_@}" "${!LEASE_GC_@}"
export LC_ALL=C ETCDCTL_API=3
export ETCDCTL_ENDPOINTS=$etcd_url IPAMCTL_ENDPOINTS=$etcd_url LEASE_GC_ENDPOINTS=$etcd_url
for newer in ../../target/etcd/*/; do
  [ ! -x "$newer/etcd" ] || PATH=$(cd "$newer" && pwd):$PATH
done
PATH=$bin:$PATH
check_machine

heading '1. A wire with two nodes, and an empty etcd on it'
lay_wire
lay_node node-a 10.77.0.11
lay_node node-b 10.77.0.12
start_etcd
echo "  node-a 10.77.0.11, node-b 10.77.0.12, etcd $(etcd --version | sed -n 's/^etcd Version: //p') on $etcd_url"
shown ipamctl init

heading '2. The network that both nodes know'
indented <nad.json

heading '3. Four pods start at the same moment, two on each node'
webs=(web-1 web-2 web-3 web-4)
new_pod web-1 node-a
new_pod web-2 node-a
new_pod web-3 node-b
new_pod web-4 node-b
declare -A adding
for pod in "${webs[@]}"; do attach "$pod" & adding[$pod]=$!; done
for pod in "${webs[@]}"; do
  wait "${adding[$pod]}" || refused "$pod"
  attached "$pod"
done
different=$(for pod in "${webs[@]}"; do address_of "$pod"; done | sort -u | wc -l)
[ "$different" = 4 ] || fail 'two pods got the same address'

heading '4. A fifth asks for 192.168.20.50; a sixth, on the other node, asks for the same'
new_pod db-1 node-b
new_pod db-2 node-a
attach db-1 192.168.20.50 || refused db-1
attached db-1
[ "$(address_of db-1)" = 192.168.20.50 ] || fail 'db-1 did not get the address that it asked for'
! attach db-2 192.168.20.50 || fail 'db-2 got an address that db-1 holds'
grep -q '"code": *101\b' "$tmp/db-2.out" || fail "db-2 was refused, but not because the address is taken: $(cat "$tmp/db-2.out")"
echo '  db-2   on node-a is refused:'
indented <"$tmp/db-2.out"

heading '5. The pods reach each other'
reach web-1 web-2 '(same node)'
reach web-3 web-4 '(same node)'
reach web-1 web-3 '(other node)'
reach web-2 db-1 '(other node)'

heading '6. What the operator sees'
shown ipamctl ls
shown ipamctl ranges
shown ipamctl who 192.168.20.50
shown ipamctl status
shown etcdctl get --prefix --keys-only /etcd-ipam/v1/addr/
[ "$(keys addr | wc -l)" = 5 ] || fail 'etcd does not hold exactly the five addresses'

heading '7. web-4 dies without a DEL: its address stays taken, until the collector looks'
remove_namespace web-4 || fail 'the namespace of web-4 cannot be removed'
list_living web-1 web-2 web-3 db-1 >"$tmp/living.json"
collect() {
  inside wire lease-gc --once --pods-from "$tmp/living.json" --grace-period 0s --log-level warn "$@"
}
echo '  $ lease-gc --once --dry-run --pods-from living.json --grace-period 0s    # what would be released'
collect --dry-run | releases | indented
[ "$(keys addr | wc -l)" = 5 ] || fail 'a dry run released something'
echo '  $ lease-gc --once --pods-from living.json --grace-period 0s'
collect | releases | indented
shown ipamctl ls
[ "$(keys addr | wc -l)" = 4 ] || fail 'etcd does not hold exactly the four addresses of the living'

heading '8. The other pods go'
for pod in web-1 web-2 web-3 db-1; do
  cni DEL "$pod" >"$tmp/$pod.out" 2>&1 || fail "DEL of $pod failed: $(cat "$tmp/$pod.out")"
  remove_namespace "$pod" || fail "the namespace of $pod cannot be removed"
done
shown ipamctl ls
shown ipamctl ranges
all_free
heading 'Everything is free again, and the laboratory is taken down.'
