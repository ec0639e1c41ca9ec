#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: build/deps.sh GROUP...        groups: build cross unit fuzz check behaviour bench docker matrix demo
#
# Installs what the groups need, on Debian 12 or 13. When nothing is missing it says nothing and runs no apt (some
# 20 ms), so every make target that needs a tool calls it first. What can stay out of the system does: it is unpacked
# below build/deps. Assumes a fresh Debian with nothing but make: no gcc, no python3, no git, no apt lists.
set -eu
cd "$(dirname "$0")/.."

deps=$PWD/build/deps
log=$deps/deps.log

# Debian 12's libmnl-dev has no static library, Debian 13's has: everyone builds with that one.
libmnl_suite=trixie

say() {
	echo "deps: $*" >&2
}

die() {
	say "$*"
	exit 1
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	say "no apt here: musl-gcc, the kernel's headers and LIBMNL_PREFIX=DIR are yours to provide"
	exit 0
fi
# shellcheck source=/dev/null
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
native=$(dpkg --print-architecture)
case $native in
amd64) machine=x86_64 ;;
arm64) machine=aarch64 ;;
*) die "$native: only amd64 and arm64 are built" ;;
esac
case $codename in
bookworm) clang=14 ;;
*) clang=19 ;; # trixie
esac

# Packages to install, and trees to unpack.
packages=
trees=
for group in "$@"; do
	case $group in
	build)
		packages="$packages gcc musl-tools linux-libc-dev"
		[ -n "${LIBMNL_PREFIX:-}" ] || trees="$trees libmnl"
		;;
	cross) # the unit tests are glibc programs, as cmocka is; qemu-user runs them
		packages="$packages gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user python3"
		trees="$trees aarch64"
		;;
	unit) packages="$packages gcc libc6-dev libcmocka-dev python3" ;;
	fuzz) packages="$packages clang libclang-rt-$clang-dev libc6-dev python3" ;;
	check)
		packages="$packages binutils clang clang-format clang-tidy cppcheck shellcheck mandoc python3"
		;;
	behaviour)
		packages="$packages python3 python3-pytest python3-pytest-xdist iproute2 nftables util-linux procps strace"
		packages="$packages libcap2-bin"
		# The servers and the clients of the tests' internet. None of these starts anything by itself where no init runs.
		packages="$packages dnsmasq-base nginx fcgiwrap openssh-server redis-server postgresql openssl git curl"
		packages="$packages openssh-client redis-tools postgresql-client nodejs libc-bin musl-tools"
		packages="$packages python3-requests python3-websockets python3-dnspython python3-grpcio"
		;;
	bench) packages="$packages iperf3 wrk dnsperf libnginx-mod-stream" ;; # beside those of behaviour
	docker)
		# Where no init runs, as in a container, docker.io does not start its daemon: invoke-rc.d sees to that.
		# Moby's seccomp profile is one file of a package that would pull in a hundred others.
		packages="$packages docker.io iptables debootstrap python3 python3-pytest"
		trees="$trees moby"
		;;
	matrix) # beside those of docker and behaviour; where no init runs, nothing of it is started
		packages="$packages podman crun conmon netavark uidmap slirp4netns runsc python3 python3-pytest"
		;;
	demo) packages="$packages iproute2 nftables util-linux python3 procps" ;;
	*) die "$group: no such group" ;;
	esac
done

missing_packages() {
	# shellcheck disable=SC2086 # a list of names
	installed=$(dpkg-query -W -f '/${db:Status-Status}/${Package}/\n' $packages 2>/dev/null || true)
	for package in $packages; do
		case $installed in
		*/installed/"$package"/*) ;;
		*) echo "$package" ;;
		esac
	done | sort -u
}

# A tree is there when the last file that its unpacking makes is.
missing_trees() {
	for tree in $trees; do
		[ -e "$deps/$tree.done" ] || echo "$tree"
	done | sort -u
}

mkdir -p "$deps"
# Two targets of one `make -j` may come here at once, and apt does not wait for its own lock.
exec 9>"$deps/lock"
flock 9

packages=$(missing_packages | tr '\n' ' ')
trees=$(missing_trees | tr '\n' ' ')
[ -n "$packages$trees" ] || exit 0
say "${packages:+installs by apt: $packages}${packages:+${trees:+- }}${trees:+unpacks below build/deps: $trees}"

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

# Runs a command; what it says is shown only if it fails.
quietly() {
	"$@" >"$log" 2>&1 && return
	tail -n 20 "$log" >&2
	die "failed: $*"
}

if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
	die "no sudo here; as root: apt-get update && apt-get install --no-install-recommends $packages"
fi
export DEBIAN_FRONTEND=noninteractive
# A broken source of somebody else's must not stop us; if it is one that we need, the next step says so.
as_root apt-get -q update >"$log" 2>&1 || say "apt-get update failed; goes on with the lists that are there"
# shellcheck disable=SC2086 # a list of names
[ -z "$packages" ] || quietly as_root apt-get -q -y install --no-install-recommends $packages

# Unpacks packages of any suite and architecture into a directory. apt gets a state of its own for that, so that a
# foreign suite never reaches the system, and checks the archive's signature as always.
# usage: unpack SUITE ARCHITECTURE DIRECTORY PACKAGE...
unpack() {
	state=$deps/apt/$1-$2
	# The machine's own mirror, as apt names it.
	# shellcheck disable=SC2016 # these are apt's variables
	mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' |
		sed -n "s/^$codename //p" | head -n 1)
	[ -n "$mirror" ] || die "no Debian mirror in apt's sources: give LIBMNL_PREFIX=DIR (DIR/lib/libmnl.a)"
	rm -rf "$state" "$3"
	mkdir -p "$state/lists/partial" "$state/debs/partial" "$3"
	: >"$state/status"
	echo "deb [arch=$2 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" >"$state/sources"
	cat >"$state/apt.conf" <<-END
		Dir::Etc::SourceList "$state/sources";
		Dir::Etc::SourceParts "/dev/null";
		Dir::State::Lists "$state/lists";
		Dir::State::Status "$state/status";
		Dir::Cache "$state";
		APT::Architectures { "$2"; };
		APT::Architecture "$2";
		APT::Sandbox::User "root";
	END
	directory=$3
	shift 3
	quietly env APT_CONFIG="$state/apt.conf" apt-get -q update
	(cd "$state/debs" && quietly env APT_CONFIG="$state/apt.conf" apt-get -q download "$@")
	for deb in "$state"/debs/*.deb; do
		dpkg -x "$deb" "$directory"
	done
	rm -rf "$state" # 50 MB of package lists
}

for tree in $trees; do
	case $tree in
	libmnl) unpack $libmnl_suite "$native" "$deps/$machine" libmnl-dev ;;
	aarch64)
		unpack "$codename" arm64 "$deps/cross" musl-dev linux-libc-dev libcmocka0 libcmocka-dev
		unpack $libmnl_suite arm64 "$deps/aarch64" libmnl-dev
		;;
	moby)
		unpack "$codename" "$native" "$deps/moby" golang-github-docker-docker-dev
		cp "$deps/moby/usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json" \
			"$deps/moby/default.json"
		rm -r "$deps/moby/usr" # 20 MB of Go
		;;
	esac
	: >"$deps/$tree.done"
done
