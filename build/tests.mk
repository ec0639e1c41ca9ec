# Tests and standing checks. `make test` runs all of them by build/test.py, which goes on after a failure and counts.

# ---- unit: each tests/unit/test_*.c is one cmocka program, with all parts of the project but main, under sanitizers

UNIT_TESTS := $(patsubst tests/unit/%.c,$(OUT)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT_PARTS := $(PARTS:%.c=$(OUT)/obj/unit/%.o)
SANITIZE := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all
UNIT_FLAGS = $(BASE_FLAGS) $(WARNINGS) $(SANITIZE) -fsanitize=address,undefined -idirafter $(LIBMNL_INCLUDE)

$(OUT)/obj/unit/%.o: %.c $(BUILD_FILES) build/tests.mk | need-build-unit
	@echo "CC  $< (unit)"
	$(Q)mkdir -p $(@D)
	$(Q)gcc $(UNIT_FLAGS) -MMD -MP -c -o $@ $<

$(UNIT_TESTS): $(OUT)/unit/%: $(OUT)/obj/unit/tests/unit/%.o $(UNIT_PARTS)
	@echo "LD  $@"
	$(Q)mkdir -p $(@D)
	$(Q)gcc $(UNIT_FLAGS) -o $@ $^ $(LIBMNL) -lcmocka

# ---- the same for aarch64, run by qemu-user: glibc, for cmocka is; no sanitizers, which qemu-user cannot bear

CROSS_TESTS := $(UNIT_TESTS:$(OUT)/unit/%=$(OUT)/unit-aarch64/%)
CROSS_PARTS := $(PARTS:%.c=$(OUT)/obj/unit-aarch64/%.o)
CROSS_LIBMNL := build/deps/aarch64/usr
CROSS_FLAGS = $(BASE_FLAGS) $(WARNINGS) -O1 -g -idirafter $(CROSS_LIBMNL)/include -idirafter $(CROSS)/include

$(OUT)/obj/unit-aarch64/%.o: %.c $(BUILD_FILES) build/tests.mk | need-cross
	@echo "CC  $< (unit-aarch64)"
	$(Q)mkdir -p $(@D)
	$(Q)aarch64-linux-gnu-gcc $(CROSS_FLAGS) -MMD -MP -c -o $@ $<

$(CROSS_TESTS): $(OUT)/unit-aarch64/%: $(OUT)/obj/unit-aarch64/tests/unit/%.o $(CROSS_PARTS)
	@echo "LD  $@"
	$(Q)mkdir -p $(@D)
	$(Q)aarch64-linux-gnu-gcc $(CROSS_FLAGS) -o $@ $^ $(CROSS_LIBMNL)/lib/aarch64-linux-gnu/libmnl.a \
		$(CROSS)/lib/aarch64-linux-gnu/libcmocka.so.0

# ---- fuzz: each tests/fuzz/fuzz_*.c is one libFuzzer target; its first inputs lie in tests/fuzz/corpus/NAME

FUZZ_SECONDS ?= 5
FUZZERS := $(patsubst tests/fuzz/%.c,$(OUT)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_PARTS := $(PARTS:%.c=$(OUT)/obj/fuzz/%.o)
FUZZ_FLAGS = $(BASE_FLAGS) $(WARNINGS) $(SANITIZE) -fsanitize=fuzzer-no-link,address,undefined \
	-idirafter $(LIBMNL_INCLUDE)

$(OUT)/obj/fuzz/%.o: %.c $(BUILD_FILES) build/tests.mk | need-build-fuzz
	@echo "CC  $< (fuzz)"
	$(Q)mkdir -p $(@D)
	$(Q)clang $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<

$(FUZZERS): $(OUT)/fuzz/%: $(OUT)/obj/fuzz/tests/fuzz/%.o $(FUZZ_PARTS)
	@echo "LD  $@"
	$(Q)mkdir -p $(@D)
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBMNL)

-include $(patsubst %.o,%.d,$(UNIT_PARTS) $(CROSS_PARTS) $(FUZZ_PARTS))
-include $(wildcard $(OUT)/obj/*/tests/*/*.d)

# ---- what a person calls; build/test.py builds each program by the rules above, runs it and counts

TEST = $(Q)MAKE="$(MAKE)" FUZZ_SECONDS=$(FUZZ_SECONDS) $(PYTHON) build/test.py

.PHONY: test check unit unit-aarch64 fuzz behaviour docker test-matrix demo bench
test: deps ## everything below but test-matrix, demo and bench; the last line counts
	$(TEST)
check: need-build-check ## the standing checks (make check-NAME for one of them)
	$(TEST) check
unit: need-build-unit ## unit tests under ASan and UBSan
	$(TEST) unit
unit-aarch64: need-build-cross ## unit tests for aarch64, under qemu-user
	$(TEST) unit-aarch64
fuzz: need-build-fuzz ## fuzz targets, FUZZ_SECONDS=5 each
	$(TEST) fuzz
behaviour: need-build-behaviour ## real namespaces and real packets; as root
	$(TEST) behaviour
docker: need-build-docker-behaviour ## real containers; as root
	$(TEST) docker
test-matrix: need-build-docker-behaviour-matrix ## each way that Docker, Podman, Kubernetes and gVisor run it; as root
	$(TEST) matrix
demo: $(BIN) $(OUT)/probe | need-demo ## shows what it does, in a minute
	$(Q)$(PYTHON) tests/demo.py
bench: $(BIN) $(BENCH) $(OUT)/probe | need-behaviour-bench ## measures it against its budgets
	$(Q)status=0; for part in run gate; do $(PYTHON) tests/bench/$$part.py || status=1; done; exit $$status

# ---- the standing checks, each a script of its own

.PHONY: format
format: | need-check ## formats the C files, as check-format wants them
	clang-format -i $$(find init netlink sys tests -name '*.[ch]')

# The goal is 98304 (96 KiB).
SIZE_BUDGET := 119808
export SOURCES BASE_FLAGS WARNINGS LIBMNL_INCLUDE

CHECKS := $(sort $(patsubst build/check/%.sh,check-%,$(wildcard build/check/*.sh)))
.PHONY: $(CHECKS)
$(CHECKS): check-%: build/check/%.sh | need-build-check
	$(Q)build/check/$*.sh $(CHECK_ARGUMENTS)

check-size check-static check-man: $(BIN)
check-size: CHECK_ARGUMENTS = $(BIN) $(SIZE_BUDGET)
check-static: CHECK_ARGUMENTS = $(READELF) $(BIN)
check-man: CHECK_ARGUMENTS = $(BIN) init/boundary-init.8
