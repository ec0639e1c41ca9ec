#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: strip.sh FILE        takes the section headers off an ELF executable
#
# They tell tools which part of the file is what, and the kernel nothing: it reads program headers. A kilobyte.
set -eu

# The last byte that a segment is loaded from. Offsets and sizes are the second and the fifth number of their lines.
end=$(LC_ALL=C od -An -v -tu8 -j64 -N168 "$1" | tr -s ' ' '\n' | awk '
	NF { word[n++] = $1 }
	END { for (i = 0; i + 6 < n; i += 7) if (word[i + 1] + word[i + 4] > end) end = word[i + 1] + word[i + 4]; print end }')

# e_shoff, and at the end of the header e_shnum and e_shstrndx: none. elf(5)
zero() { dd if=/dev/zero of="$1" bs=1 seek="$2" count="$3" conv=notrunc status=none; }
zero "$1" 40 8
zero "$1" 60 4
truncate -s "$end" "$1"
