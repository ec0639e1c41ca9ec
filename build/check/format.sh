#!/bin/sh
# SPDX-License-Identifier: MIT
# C is formatted as .clang-format says (`make format` does it), and no line is longer than 112 columns: the formatter
# leaves comments and strings as they are.
set -eu

files=$(find init netlink sys tests -name '*.[ch]' | sort)
# shellcheck disable=SC2086 # a list of names
clang-format --dry-run -Werror $files

long=0
for file in $files; do
	expand "$file" | awk -v file="$file" \
		'length > 112 { print file ":" NR ": " length " columns"; bad = 1 } END { exit bad }' || long=1
done
exit $long
