# The guest program of the tests: static, from every tests/probe/*.c. musl-gcc finds the kernel's headers only when told where.
PROBE_SOURCES := $(sort $(wildcard tests/probe/*.c))
PROBE_CFLAGS := -std=c11 -D_GNU_SOURCE -Os -s -static -Wall -Wextra -Wshadow -Werror

build/out/probe: $(PROBE_SOURCES) tests/probe/probe.h tests/probe/probe.mk
	@mkdir -p $(@D)
	musl-gcc $(PROBE_CFLAGS) -o $@ $(PROBE_SOURCES) -idirafter /usr/include -idirafter /usr/include/$(shell gcc -print-multiarch)
