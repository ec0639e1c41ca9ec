#!/bin/sh
# SPDX-License-Identifier: MIT
# Two builds are identical, though their directories, time, time zone, locale, umask and order of work differ.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# usage: build DIRECTORY [MAKE'S ARGUMENT]...
build() {
	directory=$1
	shift
	mkdir -p "$directory"
	tar -c --exclude=./.git --exclude=./build/out --exclude=./build/deps . | tar -x -C "$directory"
	[ ! -d build/deps ] || ln -s "$PWD/build/deps" "$directory/build/deps"
	# Not as a part of the make that runs this check: with its own flags and its own idea of what is built.
	env -u MAKEFLAGS -u MAKELEVEL make -C "$directory" --no-print-directory "$@" >"$work/log" 2>&1 || {
		cat "$work/log" >&2
		exit 1
	}
}

build "$work/a"
(
	umask 077
	export TZ=Pacific/Auckland LC_ALL=C.UTF-8
	build "$work/another directory/with a longer name" -j2
)
cmp "$work/a/build/out/boundary-init" "$work/another directory/with a longer name/build/out/boundary-init"
