#!/bin/sh
# SPDX-License-Identifier: MIT
# Every Python file compiles with Debian's python3, and leaves nothing behind.
set -eu

cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
find build tests \( -path build/out -o -path build/deps \) -prune -o -name '*.py' -print0 |
	PYTHONPYCACHEPREFIX=$cache xargs -0 /usr/bin/python3 -W error -m py_compile
