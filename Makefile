# SPDX-License-Identifier: MIT
# `make help` lists the targets. Objects go to build/<target>/, one target per compiler and purpose.

B := build
# Commands are shown with V=1.
ifndef V
MAKEFLAGS += -s
endif
CC ?= gcc
RISCV_CC ?= riscv64-linux-gnu-gcc
WARN := -Wall -Wextra -Werror -Wconversion -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes
CFLAGS_ALL := -std=c11 -D_GNU_SOURCE $(WARN) -I. -MMD -MP -g

CORE_SRC := $(wildcard core/*.c core/*/*.c)

# build machine: the command, and the library under sanitizers for the tests
$(B)/host/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -O2 -c $< -o $@

SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
$(B)/asan/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -O1 $(SAN) -c $< -o $@

$(B)/%/libtrapeze.a: 
	@mkdir -p $(@D)
	rm -f $@ && ar rcs $@ $^
$(B)/host/libtrapeze.a: $(CORE_SRC:%.c=$(B)/host/%.o)
$(B)/asan/libtrapeze.a: $(CORE_SRC:%.c=$(B)/asan/%.o)

# ring 1: one program per tests/unit/test_*.c, linked with the sanitized library
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:%.c=$(B)/asan/%)
UNIT_HELP := $(patsubst %.c,$(B)/asan/%.o,$(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c)))

$(B)/asan/tests/unit/test_%: $(B)/asan/tests/unit/test_%.o $(UNIT_HELP) $(B)/asan/libtrapeze.a
	$(CC) $(SAN) $^ -lcmocka -lfdt -lm -o $@

.PHONY: unit
unit: $(UNIT_BIN)
	@fail=0; for t in $(UNIT_BIN); do $$t || fail=1; done; exit $$fail

include guests/guests.mk

-include $(shell find $(B) -path $(B)/apt -prune -o -name '*.d' -type f -print 2>/dev/null)
