#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: size.sh FILE BUDGET          the file has at most BUDGET bytes
set -eu

size=$(wc -c <"$1")
echo "$1: $size bytes of $2"
[ "$size" -le "$2" ]
