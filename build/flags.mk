# How the binary is compiled. A change here, or of an included header (-MMD), rebuilds what it touches.

# The machine's own architecture, or aarch64 by a cross compiler.
MACHINE := $(shell uname -m)
ARCH ?= $(MACHINE)
OUT := build/out
CROSS := build/deps/cross/usr

ifeq ($(ARCH),$(MACHINE))
BINARY_NEEDS := need-build
BIN := $(OUT)/boundary-init
READELF := readelf
CC := musl-gcc
# musl-gcc knows musl's headers only; the kernel's are in /usr/include.
HEADERS := -idirafter /usr/include -idirafter /usr/include/$(ARCH)-linux-gnu
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
# -fstack-protector guards every function with a buffer of characters for 0.6 kB; -strong would add 3 kB more.
# Small functions also stay small when they are not inlined where only one calls them, and structures when no vector
# register moves them.
CFLAGS = $(BASE_FLAGS) $(WARNINGS) -Oz -flto -ffunction-sections -fdata-sections -fno-pie \
	-fno-asynchronous-unwind-tables -fno-unwind-tables -fno-ident '-ffile-prefix-map=$(CURDIR)=.' \
	-fstack-protector -fno-inline-functions-called-once -mgeneral-regs-only $(HEADERS) -idirafter $(LIBMNL_INCLUDE)

# libmnl's printing and batching functions, which nobody here calls, stand in one object file with those that we do
# call, and would bring malloc and stdio along, a fifth of the binary. What they need leads to a trap
# (netlink/uncalled.c). __fprintf_chk is missing in musl anyway: Debian builds libmnl against glibc.
UNCALLED := malloc calloc free fwrite __ctype_b_loc __fprintf_chk
TRAPS := $(UNCALLED:%=-Wl,--defsym=%=nl_never_called)

# -static and not -static-pie, which Debian's musl-gcc turns into a dynamic program without a word. No RELRO: it pads
# the file to a page to guard tables of the dynamic linker, and there is none. common-page-size only tells the linker
# when a page of memory is worth padding the file for: at its 4096, it pads the data to a page.
LDFLAGS := -static -no-pie -s -Wl,--gc-sections -Wl,-T,build/no-unwind.ld -Wl,--build-id=none \
	-Wl,-z,noseparate-code -Wl,-z,common-page-size=512 -Wl,-z,norelro -Wl,-z,noexecstack
