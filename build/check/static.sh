#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: static.sh READELF FILE       the file runs in an empty image: it asks for no loader and no library
# Also that no memory is both writable and executable, and that nothing in it changes from build to build.
set -eu

headers=$("$1" -lW "$2")
status=0

refuse() {
	echo "$2: $1" >&2
	status=1
}

case $headers in *"Elf file type is EXEC"*) ;; *) refuse "not a fixed-address executable" "$2" ;; esac
case $headers in *INTERP*) refuse "asks for a loader (PT_INTERP): it is linked dynamically" "$2" ;; esac
case $headers in *DYNAMIC*) refuse "has a dynamic section" "$2" ;; esac
case $headers in *RWE*) refuse "has a segment that is writable and executable" "$2" ;; esac
case $headers in *GNU_STACK*) ;; *) refuse "says nothing of its stack, which is then executable" "$2" ;; esac
case $("$1" -nW "$2") in *"Build ID"*) refuse "has a build id" "$2" ;; esac
exit $status
