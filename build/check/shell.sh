#!/bin/sh
# SPDX-License-Identifier: MIT
# No shell script, by its name or its first line, makes shellcheck complain.
set -eu

find . -path ./.git -prune -o -path ./build/out -prune -o -path ./build/deps -prune -o -type f -print |
	while read -r file; do
		case $file in
		*.sh) echo "$file" ;;
		*) if head -n 1 "$file" | grep -aqE '^#!.*[/ ](ba|da)?sh( |$)'; then echo "$file"; fi ;;
		esac
	done | xargs shellcheck
