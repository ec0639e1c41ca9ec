#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Includes point one way: sys -> sys; netlink -> netlink, sys, libmnl; init -> all; init/gate -> gate, sys and pure
# parts of init, never netlink, for it reads hostile bytes and must not configure a kernel. Pure code includes pure code.
#
# Pure code does no I/O, allocates nothing and has no variables: its objects prove it. They ask for no function but
# these of each other and those of <string.h> and <arpa/inet.h>, and have no writable data.
set -eu

# Parsers and policy: hostile bytes and argv arrive here first.
pure='sys/text sys/errors sys/cursor sys/address sys/failure sys/cap_names sys/json'
pure="$pure init/options init/url init/rule init/policy init/policy_file init/accounts init/forwarding init/resolv"
pure="$pure init/seccomp_profile"
pure="$pure init/gate/dns init/gate/tls init/gate/http init/gate/http_body init/gate/http_path init/gate/http_status"
pure="$pure init/gate/parse init/gate/packet init/gate/floor"
# Headers with nothing but numbers.
pure_numbers='init/gate/level init/gate/sockets'
# The plan is pure too, but it is data for netlink and sys, whose types it borrows.
pure_plan='init/plan init/plan_ids init/plan_names init/plan_print init/rule_lines init/rules init/choice'

# What a pure file may include: the freestanding headers, strings, and those with the constants of protocols.
pure_system='<(assert|errno|limits|std(align|arg|bool|def|int|noreturn)|strings?|arpa/inet|netinet/in|sys/socket|linux/[a-z_/0-9]+)\.h>'
pure_functions='(mem|str)(chr|cmp|cpy|len|nlen|move|ncmp|pbrk|rchr|set|spn|cspn|str)|mempcpy|(str|strn)casecmp|[hn]to[hn][sl]|inet_(pton|ntop)'
# Pure themselves, but they live with the data that they read and print, in files that are not.
plan_functions='idmap_contains|nft_chain_print|nft_rule_append|nft_rule_print'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

refuse() {
	echo "$1" >&2
	status=1
}

# "sys/text.h" or <string.h>, one a line.
includes_of() {
	sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*([<"][^>"]+[>"]).*/\1/p' "$1"
}

# A pattern for any of the headers of these files: "(sys/text|sys/cursor)\.h"
headers_of() {
	echo "\"($(echo "$*" | tr ' ' '|'))\\.h\""
}

is_among() { # WORD WORD...
	word=$1
	shift
	case " $* " in *" $word "*) ;; *) return 1 ;; esac
}

# shellcheck disable=SC2086 # lists of names
pure_headers=$(headers_of $pure $pure_numbers)

files=$(find init netlink sys -name '*.[ch]' | sort)
for file in $files; do
	part=${file%.[ch]}
	if is_among "$part" "$pure"; then
		allowed="$pure_headers|$pure_system"
	else
		case $file in
		sys/*) allowed='"sys/[^"]*"|<[^>]*>' ;;
		netlink/*) allowed='"(sys|netlink)/[^"]*"|<[^>]*>' ;;
		init/gate/*) allowed="\"(sys|init/gate)/[^\"]*\"|$pure_headers|<[^>]*>" ;;
		*) allowed='"(sys|netlink|init)/[^"]*"|<[^>]*>' ;;
		esac
	fi
	for include in $(includes_of "$file"); do
		echo "$include" | grep -qxE "$allowed" || refuse "$file: may not include $include"
		case $include,$file in
		*libmnl*,netlink/*) ;;
		*libmnl*,*) refuse "$file: may not include $include: libmnl is for netlink/ alone" ;;
		esac
	done
done

# Whoever says of itself that it is pure is on one of the lists.
for file in $files; do
	grep -q '^ \*.*Pure: no I/O' "$file" || continue
	is_among "${file%.[ch]}" "$pure $pure_plan" || refuse "$file: says it is pure: add it to the list in $0"
done

for part in $pure $pure_plan; do
	[ -e "$part.c" ] || { refuse "$part.c: no such file, but it is on the list in $0"; continue; }
	object=$work/$(echo "$part" | tr / -).o
	# The flags are lists of words, and a quoted string in them is the shell's to read: eval.
	eval "gcc $BASE_FLAGS -O2 -fno-pie -fno-stack-protector -idirafter '$LIBMNL_INCLUDE' -c -o '$object' '$part.c'"
	for variable in $(nm "$object" | awk '$(NF - 1) ~ /^[bBdDcCsSgG]$/ { print $NF }'); do
		refuse "$part.c: has a variable, $variable"
	done
done

ld -r -o "$work/pure.o" "$work"/*-*.o
for function in $(nm -u "$work/pure.o" | awk '{ print $NF }'); do
	echo "$function" | grep -qxE "$pure_functions|$plan_functions" && continue
	users=$(cd "$work" && nm -Au ./*-*.o | sed -nE "s,^\./([^:]*)\.o: .* $function\$,\1.c,p" | tr '\n' ' ')
	refuse "pure code calls $function ($users)"
done
exit $status
