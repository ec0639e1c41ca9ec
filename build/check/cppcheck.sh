#!/bin/sh
# SPDX-License-Identifier: MIT
# cppcheck finds nothing, with these exceptions, and those beside the code (// cppcheck-suppress):
#   missingIncludeSystem  it is not shown the system's headers, which it does not need
#   unusedStructMember    a structure for the kernel is read by the kernel
#   constParameter*,      version 2.17 wants const wherever it could be; a function in a table has the type of the
#   constVariablePointer  table, and what a builder returns is not const because one caller does not write to it
#   normalCheckLevel*     2.17's news about itself
#   unmatchedSuppression  an exception that one version needs and another does not know is no fault
# -D__x86_64__: it knows no compiler's own macros, and an unknown machine is an #error in sys/confine.c.
set -eu

# shellcheck disable=SC2086 # a list of names
cppcheck --quiet --std=c11 --language=c --enable=warning,style,performance,portability --inline-suppr \
	--suppress=missingIncludeSystem --suppress=unusedStructMember --suppress=constParameterPointer \
	--suppress=constParameterCallback --suppress=constVariablePointer \
	--suppress=normalCheckLevelMaxBranches --suppress=unmatchedSuppression \
	--suppress="*:$LIBMNL_INCLUDE/*" --error-exitcode=1 -D_GNU_SOURCE -D__x86_64__ -I. -I "$LIBMNL_INCLUDE" $SOURCES
