#!/bin/sh
# SPDX-License-Identifier: MIT
# Both compilers find nothing to warn of. gcc at -O2 and without LTO, for then its flow analysis runs here and now.
set -eu

status=0
for file in $SOURCES; do
	# The flags are lists of words, and a quoted string in them is the shell's to read: eval.
	eval "gcc -O2 $BASE_FLAGS $WARNINGS -idirafter '$LIBMNL_INCLUDE' -c -o /dev/null '$file'" || status=1
	eval "clang -O2 $BASE_FLAGS $WARNINGS -idirafter '$LIBMNL_INCLUDE' -c -o /dev/null '$file'" || status=1
done
exit $status
