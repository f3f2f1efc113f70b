#!/usr/bin/env bash
# Makes and renews the certificates of an etcd for etcd-ipam, with openssl. See README.md beside it.
set -euo pipefail
# Everything that is made is for its owner only.
umask 077

usage() {
  cat <<'TEXT'
usage: certificates.sh [--dir DIR] [--days DAYS] COMMAND

  authorities              make the authorities, once: one for servers and clients, one for peers
  server NAME HOST...      certificates for a member of etcd; HOST is a name or an address of it
  client USER...           a certificate for each user of etcd, who is its common name
  renew                    issue all certificates anew, for the same keys and by the same authorities
  secrets [NAMESPACE]      print the Secrets of the manifests (with the keys!) [kube-system]

DIR is ./etcd-certificates unless given; DAYS is how long certificates are good, 365 unless given.
What exists already is not made again: delete its directory to get a new key.
TEXT
}

fail() {
  echo "certificates.sh: $*" >&2
  exit 1
}

# Of a common name (X.509, ub-common-name).
readonly LONGEST=64
readonly AUTHORITY_DAYS=3650

dir=etcd-certificates days=365
while [[ ${1-} == --* ]]; do
  case $1 in
    --dir) dir=${2:?--dir wants a directory} ;;
    --days) days=${2:?--days wants a number} ;;
    --help) usage; exit ;;
    *) fail "unknown option $1; see --help" ;;
  esac
  shift 2
done
[[ $days =~ ^[1-9][0-9]*$ ]] || fail "--days $days is no number of days"

# A name becomes a directory, a subject and a line of a configuration file.
check_name() { # NAME
  [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] ||
    fail "'$1' cannot be used as a name: letters, digits, '-', '.' and '_' only"
}

# openssl talks while all is well.
quietly() {
  local said
  said=$("$@" 2>&1) || fail "$1 failed: $said"
}

new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

authority() { # FILE NAME
  [[ ! -e $dir/$1.crt ]] || return 0
  quietly openssl req -x509 -new "${new_key[@]}" -keyout "$dir/$1.key" -out "$dir/$1.crt.new" \
    -days "$AUTHORITY_DAYS" -subj "/CN=$2" \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 \
    -addext keyUsage=critical,keyCertSign,cRLSign
  mv "$dir/$1.crt.new" "$dir/$1.crt"
  echo "made $dir/$1.crt"
}

# Asks for a certificate: a key, and the request that renewals repeat.
request() { # KIND NAME SUBJECT AUTHORITY EXTENSION...
  local to=$dir/$1/$2 kept=$dir/requests/$1/$2 authority=$4
  ((${#3} <= LONGEST)) || fail "'$3' is longer than the $LONGEST letters of a common name"
  if [[ -e $kept.csr && -e $to/tls.key ]]; then
    echo "kept $to/tls.crt"
    return
  fi
  [[ -e $dir/$authority.crt ]] || fail "there is no $dir/$authority.crt: call \`authorities\` first"
  mkdir -p "$to" "$dir/requests/$1"
  printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature "${@:5}" \
    >"$kept.ext"
  echo "$authority" >"$kept.authority"
  quietly openssl req -new "${new_key[@]}" -keyout "$to/tls.key" -out "$kept.new" -subj "/CN=$3"
  cp "$dir/$authority.crt" "$to/ca.crt"
  issue "$1" "$2" "$kept.new"
  mv "$kept.new" "$kept.csr"
}

# Issues what was asked for. Whoever reads the files meanwhile finds the old one or the new one.
issue() { # KIND NAME REQUEST
  local to=$dir/$1/$2 kept=$dir/requests/$1/$2 authority
  authority=$(<"$kept.authority")
  quietly openssl x509 -req -in "$3" -out "$to/tls.crt.new" -days "$days" -extfile "$kept.ext" \
    -CA "$dir/$authority.crt" -CAkey "$dir/$authority.key" \
    -set_serial "0x$(openssl rand -hex 16)"
  mv "$to/tls.crt.new" "$to/tls.crt"
  echo "made $to/tls.crt"
}

alternative_names() { # HOST...
  local host names=()
  for host; do
    case $host in
      *:* | *[0-9].[0-9]*.[0-9]*.[0-9]*)
        [[ $host =~ ^[0-9A-Fa-f.:]+$ ]] || fail "'$host' is no address"
        names+=("IP:$host")
        ;;
      *)
        [[ $host =~ ^[A-Za-z0-9*][A-Za-z0-9.-]*$ ]] || fail "'$host' is no host name"
        names+=("DNS:$host")
        ;;
    esac
  done
  local IFS=,
  echo "subjectAltName=${names[*]}"
}

secret() { # NAME NAMESPACE USER
  local from=$dir/clients/$3
  [[ -e $from/tls.crt ]] || return 0
  encoded() { base64 -w0 "$from/$1"; }
  cat <<YAML
---
apiVersion: v1
kind: Secret
metadata:
  name: $1
  namespace: $2
  labels:
    app.kubernetes.io/name: etcd-ipam
type: kubernetes.io/tls
data:
  ca.crt: $(encoded ca.crt)
  tls.crt: $(encoded tls.crt)
  tls.key: $(encoded tls.key)
YAML
}

command=${1-}
[[ $# == 0 ]] || shift
case $command in
  authorities)
    mkdir -p "$dir"
    authority ca "etcd-ipam clients and servers"
    # Apart: whoever the peers' authority vouches for can speak to the members as one of them.
    authority peer-ca "etcd-ipam peers"
    ;;
  server)
    (($# >= 2)) || fail "server wants a name and at least one host"
    check_name "$1"
    names=$(alternative_names "${@:2}")
    # A member is a client of others, and etcd's gateway one of its own server.
    usages=extendedKeyUsage=serverAuth,clientAuth
    # No user is called like this.
    request servers "$1" "member:$1" ca "$usages" "$names"
    request peers "$1" "member:$1" peer-ca "$usages" "$names"
    ;;
  client)
    (($# >= 1)) || fail "client wants at least one user"
    for user; do check_name "$user"; done
    for user; do request clients "$user" "$user" ca extendedKeyUsage=clientAuth; done
    ;;
  renew)
    shopt -s nullglob
    for csr in "$dir"/requests/*/*.csr; do
      kind=$(basename "$(dirname "$csr")")
      issue "$kind" "$(basename "$csr" .csr)" "$csr"
    done
    ;;
  secrets)
    namespace=${1-kube-system}
    check_name "$namespace"
    secret etcd-ipam-node-tls "$namespace" etcd-ipam-node
    secret etcd-ipam-lease-gc-tls "$namespace" etcd-ipam-lease-gc
    secret etcd-ipam-init-tls "$namespace" root
    ;;
  help | --help) usage ;;
  '') usage >&2; exit 2 ;;
  *) fail "unknown command '$command'; see --help" ;;
esac
