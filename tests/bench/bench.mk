# SPDX-License-Identifier: MIT
# The programs of `make bench`: compiled as the binary is, so that only what they do differs.

BENCH := $(OUT)/bench/floor $(OUT)/bench/stopwatch

$(OUT)/bench/floor: BENCH_LINK = $(TRAPS) $(filter-out %/init/main.o,$(OBJECTS)) $(LIBMNL)
$(OUT)/bench/floor: $(OBJECTS)

$(BENCH): $(OUT)/bench/%: $(OUT)/obj/$(ARCH)/tests/bench/%.o
	@echo "LD  $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(START) $< $(BENCH_LINK) $(END)

-include $(BENCH:$(OUT)/bench/%=$(OUT)/obj/$(ARCH)/tests/bench/%.d)
