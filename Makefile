# SPDX-License-Identifier: MIT
#
# `make` builds build/out/boundary-init, `make help` lists the rest. Needs Debian 12 or 13 and make; what else is
# missing, the compiler included, is fetched by the target that needs it (build/deps.sh).

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

include build/version.mk
include build/flags.mk

# V=1 shows the commands.
Q := $(if $(V),,@)
PYTHON := /usr/bin/python3

SOURCES := $(sort $(wildcard init/*.c init/gate/*.c netlink/*.c sys/*.c))
# What init lives on, once the agent runs, is not mixed with the rest by LTO and stands at the end: the rest of the
# code can then be given back (init/supervise.c).
LIVING := init/gatekeeper.c init/supervise.c sys/clock.c
OBJECTS := $(patsubst %.c,$(OUT)/obj/$(ARCH)/%.o,$(filter-out $(LIVING),$(SOURCES)) $(LIVING))
# All of these but main can be linked into another program: a unit test, a fuzz target.
PARTS := $(filter-out init/main.c,$(SOURCES))
BUILD_FILES := Makefile build/version.mk build/flags.mk

.PHONY: all
all: $(BIN) ## build/out/boundary-init (ARCH=aarch64: build/out/aarch64/boundary-init)

$(BIN): $(OBJECTS) build/no-unwind.ld build/strip.sh
	@echo "LD  $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(START) $(OBJECTS) $(LIBMNL) $(END)
	$(Q)build/strip.sh $@

$(OUT)/obj/$(ARCH)/%.o: %.c $(BUILD_FILES) | $(BINARY_NEEDS)
	@echo "CC  $<"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(GUARD) $(if $(filter $<,$(LIVING)),-fno-lto) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d)

include tests/bench/bench.mk
include build/tests.mk
# The guest program of the behaviour tests.
-include tests/probe/probe.mk
$(OUT)/probe: | need-build

# The tools of a group, installed if they are not there. Order-only: having looked is no reason to build again.
need-%:
	@LIBMNL_PREFIX=$(LIBMNL_PREFIX) build/deps.sh $(subst -, ,$*)

.PHONY: deps install clean help
deps: need-build-cross-unit-fuzz-check-behaviour-bench-docker-demo ## installs what any target here needs

install: $(BIN) ## to $(DESTDIR)/sbin and $(DESTDIR)/usr/share/man
	install -D -m 755 $(BIN) $(DESTDIR)/sbin/boundary-init
	install -D -m 644 init/boundary-init.8 $(DESTDIR)/usr/share/man/man8/boundary-init.8

clean: ## removes build/out (build/deps stays)
	rm -rf $(OUT)

help: ## this list
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r target what; do printf '%-16s %s\n' "$$target" "$$what"; done
