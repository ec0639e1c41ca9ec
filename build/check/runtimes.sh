#!/bin/sh
# SPDX-License-Identifier: MIT
# README.md and the manual say of Docker and the other runtimes what the tests find: the tables of tests/matrix.
set -eu

exec /usr/bin/python3 -B tests/matrix/table.py README.md init/boundary-init.8
