# How the binary is compiled. A change here, or of an included header (-MMD), rebuilds what it touches.

# The machine's own architecture, or aarch64 by a cross compiler.
MACHINE := $(shell uname -m)
ARCH ?= $(MACHINE)
OUT := build/out
CROSS := build/deps/cross/usr

ifeq ($(ARCH),$(MACHINE))
BINARY_NEEDS := need-build
# No gaps between tables, which larger caches like.
DENSE := $(if $(filter x86_64,$(ARCH)),-malign-data=abi)
BIN := $(OUT)/boundary-init
READELF := readelf
CC := musl-gcc
# musl-gcc knows musl's headers only; the kernel's are in /usr/include.
HEADERS := -idirafter /usr/include -idirafter /usr/include/$(ARCH)-linux-gnu
# gcc's own start files are for constructors and shared libraries, and there are none.
START := $(addprefix -nostartfiles ,$(wildcard /usr/lib/$(ARCH)-linux-musl/crt1.o))
else
BINARY_NEEDS := need-build-cross
BIN := $(OUT)/$(ARCH)/boundary-init
READELF := $(ARCH)-linux-gnu-readelf
CC := $(ARCH)-linux-gnu-gcc
# What musl-gcc does by its specs file, with a musl that is unpacked and not installed.
MUSL := $(CROSS)/lib/$(ARCH)-linux-musl
HEADERS = -nostdinc -isystem $(CROSS)/include/$(ARCH)-linux-musl \
	-isystem $(shell $(CC) -print-file-name=include) \
	-idirafter $(CROSS)/include -idirafter $(CROSS)/include/$(ARCH)-linux-gnu
START := -nostdlib $(MUSL)/crt1.o $(MUSL)/crti.o
END := -Wl,--start-group $(MUSL)/libc.a -lgcc -Wl,--end-group $(MUSL)/crtn.o
endif

# DIR/include/libmnl and DIR/lib/libmnl.a, where Debian's is not wanted.
LIBMNL_PREFIX ?=
LIBMNL_INCLUDE := $(or $(LIBMNL_PREFIX),build/deps/$(ARCH)/usr)/include
LIBMNL := $(if $(LIBMNL_PREFIX),$(LIBMNL_PREFIX)/lib,build/deps/$(ARCH)/usr/lib/$(ARCH)-linux-gnu)/libmnl.a

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wcast-qual -Wvla -Wundef -Wformat=2 -Wswitch-enum \
	-Wstrict-prototypes -Wmissing-prototypes -Wnull-dereference -Werror

# What every compiler of this project is given: the binary's, the tests', the linters'.
BASE_FLAGS := -std=c11 -D_GNU_SOURCE -I. -DBOUNDARY_INIT_VERSION='"$(VERSION)"'

# Small: -Oz, the linker sees the whole program (LTO) and drops what nobody calls, nothing is ever unwound.
# Reproducible: no path of this directory, no build id, no compiler's name.
# Small functions also stay small when they are not inlined where only one calls them, and structures when no vector
# register moves them. LESS are passes that trade size for speed even at -Oz, found by leaving out one after the other.
# The gate's functions with a buffer of bytes larger than an address are guarded: it reads what strangers send. After
# LTO gcc 12 knows those of unsigned char only: a plain char array has no guard in the binary.
LESS := jump-tables tree-dominator-opts tree-switch-conversion tree-loop-ivcanon move-loop-invariants caller-saves \
	thread-jumps tree-tail-merge partial-inlining shrink-wrap tree-coalesce-vars tree-bit-ccp tree-loop-im \
	if-conversion
GUARD = $(if $(findstring init/gate/,$<),-fstack-protector --param=ssp-buffer-size=32)
CFLAGS = $(BASE_FLAGS) $(WARNINGS) -Oz -flto -flto-partition=one -ffunction-sections -fdata-sections -fno-pie \
	-fno-asynchronous-unwind-tables -fno-unwind-tables -fno-ident '-ffile-prefix-map=$(CURDIR)=.' \
	-fno-inline-functions-called-once -mgeneral-regs-only $(LESS:%=-fno-%) -fipa-pta $(DENSE) $(HEADERS) -idirafter $(LIBMNL_INCLUDE)

# -static and not -static-pie, which Debian's musl-gcc turns into a dynamic program without a word. No RELRO: it pads
# the file to a page to guard tables of the dynamic linker, and there is none. common-page-size only tells the linker
# when a page of memory is worth padding the file for: at its 4096, it pads the data to a page.
LDFLAGS := -static -no-pie -s -Wl,--gc-sections -Wl,-T,build/no-unwind.ld -Wl,--build-id=none \
	-Wl,-z,noseparate-code -Wl,-z,common-page-size=512 -Wl,-z,norelro -Wl,-z,noexecstack
