#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: man.sh PROGRAM PAGE          the page is sound, and names each option and variable that PROGRAM --help prints
set -eu

mandoc -T lint -W warning "$2"
# As a reader sees it: in lines so long that no name is broken, without the overstriking for bold.
page=$(mandoc -T ascii -O width=1000 "$2" | sed 's/.\x08//g')
help=$("$1" --help)
names=$(printf '%s\n' "$help" | grep -oE -e '--[a-z][a-z-]+|BOUNDARY_[A-Z_]+' | sort -u)
[ -n "$names" ] || { echo "$1 --help prints no option" >&2; exit 1; }

status=0
for name in $names; do
	case $name in --name-of | BOUNDARY_NAME_OF) continue ;; esac # how --help explains the rule
	printf '%s\n' "$page" | grep -qE -e "(^|[^A-Za-z_-])$name([^A-Za-z_-]|\$)" && continue
	echo "$2: $name is missing" >&2
	status=1
done
exit $status
