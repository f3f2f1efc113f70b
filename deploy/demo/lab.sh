# shellcheck shell=bash
# The demo's laboratory, read by run.sh: network namespaces for a wire, the nodes on it and their pods.
# Nothing is laid in the machine's own namespace, so nothing can collide there or stay behind.
#
#   <lab>-wire: etcd, bridge br0 10.77.0.1       the wire, and the machine that etcd runs on
#   <lab>-node-a: eth0 10.77.0.11 --- br0        a node reaches etcd over its only link,
#   <lab>-node-b: eth0 10.77.0.12 --- br0        which is also the master of its pods' macvlan links
#   <lab>-web-1: net1, macvlan on eth0 of its node

lab=ipamdemo-$$
cni_dir=/usr/lib/cni
: "${bin:?where etcd-ipam is}"
etcd_url=http://10.77.0.1:2379
namespaces=()
declare -A node_of id_of uid_of # of each pod

tmp=$(mktemp -d "${TMPDIR:-/tmp}/etcd-ipam-demo.XXXXXX")
tear_down() {
  local name
  for name in "${namespaces[@]}"; do remove_namespace "$name" || true; done
  wait 2>/dev/null
  rm -rf "$tmp"
}
trap tear_down EXIT
# Without these a signal would end the shell, but not by way of the trap above.
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM HUP

fail() {
  printf '\n%s\n' "demo: $*" >&2
  exit 1
}

# Runs a command that lays something; what this machine cannot do is said in plain words.
need() {
  local what=$1 error
  shift
  error=$("$@" 2>&1) || fail "this machine cannot $what (kernel or rights): $error"
}

inside() { ip netns exec "$lab-$1" "${@:2}"; }

add_namespace() {
  namespaces+=("$1")
  need 'make network namespaces' ip netns add "$lab-$1"
  ip -n "$lab-$1" link set lo up
}

# Only our own processes can be in namespaces that we made.
remove_namespace() {
  ip netns pids "$lab-$1" 2>/dev/null | xargs -r kill -KILL 2>/dev/null
  ip netns delete "$lab-$1" 2>/dev/null
}

lay_wire() {
  add_namespace wire
  need 'make bridges' ip -n "$lab-wire" link add br0 type bridge
  ip -n "$lab-wire" address add 10.77.0.1/24 dev br0
  ip -n "$lab-wire" link set br0 up
}

# A node: a name and an address on the wire. What the plugin must know about it is in its own file.
lay_node() {
  add_namespace "$1"
  need 'make veth pairs' \
    ip -n "$lab-$1" link add eth0 type veth peer name "$1" netns "$lab-wire"
  ip -n "$lab-wire" link set "$1" master br0 up
  ip -n "$lab-$1" address add "$2/24" dev eth0
  ip -n "$lab-$1" link set eth0 up
  need 'make macvlan links' ip -n "$lab-$1" link add probe link eth0 type macvlan mode bridge
  ip -n "$lab-$1" link delete probe
  cat >"$tmp/$1.json" <<JSON
{"etcd": {"endpoints": ["$etcd_url"]}, "node_name": "$1",
 "spool_dir": "$tmp/$1/spool", "state_dir": "$tmp/$1/state"}
JSON
}

start_etcd() {
  inside wire etcd --name demo --data-dir "$tmp/etcd" --log-level warn \
    --listen-client-urls "$etcd_url" --advertise-client-urls "$etcd_url" \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster demo=http://127.0.0.1:2380 >"$tmp/etcd.log" 2>&1 &
  local etcd=$! tries=0
  until inside wire etcdctl endpoint health >/dev/null 2>&1; do
    if ! kill -0 "$etcd" 2>/dev/null || [ $((tries += 1)) = 100 ]; then
      fail "etcd did not start: $(tail -n 5 "$tmp/etcd.log")"
    fi
    sleep 0.1
  done
}

new_pod() {
  node_of[$1]=$2
  uid_of[$1]=$(cat /proc/sys/kernel/random/uuid)
  id_of[$1]=$(tr -d - </proc/sys/kernel/random/uuid)
  add_namespace "$1"
}

# The network's config as a runtime hands it to the plugin: libcni lifts the plugin's object out of the
# list, adds name and version, and, for a plugin that has the capability, what the pod asks for.
plugin_config() {
  local asks=${1:+'"runtimeConfig": {"ips": ["'$1'"]}, '}
  tr -d '\n' <nad.json | sed -E "s|\"plugins\": *\[ *\{|$asks|; s|\} *\] *\}\$|}|"
}

# Calls the macvlan plugin on the pod's node as a runtime does: cni ADD|DEL <pod> [<requested address>].
cni() {
  local pod=$2
  plugin_config "${3:-}" | inside "${node_of[$pod]}" env \
    CNI_COMMAND="$1" CNI_CONTAINERID="${id_of[$pod]}" CNI_IFNAME=net1 \
    CNI_NETNS="/run/netns/$lab-$pod" CNI_PATH="$cni_dir:$bin" \
    CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=demo;K8S_POD_NAME=$pod;K8S_POD_INFRA_CONTAINER_ID=${id_of[$pod]};K8S_POD_UID=${uid_of[$pod]}" \
    ETCD_IPAM_CONFIG="$tmp/${node_of[$pod]}.json" \
    "$cni_dir/macvlan"
}

# What the kernel says about the pod's link, not what the plugin answered.
address_of() {
  local address
  address=$(ip -n "$lab-$1" -4 -br address show dev net1 | awk '{ print $3 }')
  echo "${address%/*}"
}

# What `kubectl get pods,nodes -A -o json` would print, as far as the collector reads it: the nodes, which
# are this machine, and these pods.
list_living() {
  local node pod boot machine items=()
  boot=$(cat /proc/sys/kernel/random/boot_id)
  machine=$(cat /etc/machine-id 2>/dev/null) || true
  for node in node-a node-b; do
    items+=('{"kind": "Node", "metadata": {"name": "'"$node"'"}, "status": {
      "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
      "nodeInfo": {"bootID": "'"$boot"'", "machineID": "'"$machine"'"}}}')
  done
  for pod; do
    items+=('{"kind": "Pod", "metadata": {"namespace": "demo", "name": "'"$pod"'", "uid": "'"${uid_of[$pod]}"'"},
      "spec": {"nodeName": "'"${node_of[$pod]}"'"}, "status": {"phase": "Running"}}')
  done
  local IFS=,
  echo '{"kind": "List", "items": ['"${items[*]}"']}'
}
