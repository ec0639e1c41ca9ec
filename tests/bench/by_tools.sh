#!/bin/sh
# SPDX-License-Identifier: MIT
# The same jail as boundary-init's, made the usual way: by ip(8), nft(8), unshare(1) and setpriv(1), each called
# as few times as possible (batches, one transaction for each side).
#
#   by_tools.sh DIRECTORY PROGRAM [ARGUMENT]...
#
# DIRECTORY holds the two rulesets (inner.nft, outer.nft), written once and not timed.
set -e
trap 'kill "$jail" 2>/dev/null || :' EXIT
dir=$1
shift
fifo=$(mktemp -u "$dir/go.XXXXXX")
mkfifo "$fifo"
# shellcheck disable=SC2016 # the inner shell expands these
unshare --user --net sh -c 'read -r go <"$0"; exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$@"' \
	"$fifo" "$@" &
jail=$!
# Its user namespace is there when its id map can be written.
until [ "$(readlink "/proc/$jail/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do :; done
echo 0 0 4294967295 >"/proc/$jail/uid_map"
echo 0 0 4294967295 >"/proc/$jail/gid_map"
nft -f "$dir/outer.nft"
ip -batch - <<END
link add jail0 index 1048576 address ba:bd:1a:11:00:00 mtu 1500 numtxqueues 1 numrxqueues 1 type veth peer name eth0 index 1048577 address ba:bd:1a:11:00:01 mtu 1500 numtxqueues 1 numrxqueues 1 netns $jail
link set jail0 addrgenmode none up
addr add 10.200.114.2/31 dev jail0
END
# shellcheck disable=SC2016
nsenter --target "$jail" --user --net sh -c 'nft -f "$0/inner.nft" && ip -batch -' "$dir" <<END
link set lo up
link set eth0 addrgenmode none up
addr add 10.200.114.3/31 dev eth0
route add default via 10.200.114.2
END
echo go >"$fifo"
wait "$jail"
ip link delete jail0
nft delete table inet boundary_init_0
rm "$fifo"
