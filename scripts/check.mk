# SPDX-License-Identifier: MIT
# `make check`: everything that can be said about the source without running it.

ALL_C := $(CORE_SRC) $(CMD_SRC) $(PORTABLE_RISCV) $(wildcard tests/unit/*.c tests/threads/*.c tests/fuzz/*.c \
    tests/system/*.c tests/snapshot/*.c tests/tools/*.c)
ALL_H := $(sort $(wildcard core/*.h core/*/*.h engine/*/*.h host/linux/*.h cli/*.h tests/*/*.h) \
    $(METAL_H))
BT_TEST_C := $(wildcard tests/bt/*.c)
GUEST_C := $(wildcard guests/*/*.c guests/*/*/*.c)
GUEST_H := $(filter-out guests/bench/%.h,$(wildcard guests/*/*.h guests/*/*/*.h host/metal/include/*.h))
ALL_FORMATTED := $(BT_TEST_C) $(wildcard tests/trap/*.[ch] engine/trap/stub/*.h) engine/bt/offsets.c \
    $(RISCV_SRC) $(STUB_SRC) $(ALL_C) $(ALL_H) $(METAL_C) $(wildcard tests/metal/*.c) $(GUEST_C) \
    $(wildcard guests/*/*.h guests/*/*/*.h host/metal/include/*.h)

.PHONY: check check-format check-docs check-warnings check-headers check-layering check-imports \
    check-fp check-switch check-static
check: check-format check-docs check-layering check-headers check-warnings check-imports check-fp \
    check-switch check-static
	@echo "check: all passed"

# The versions that the tree is kept clean for; others lay source out otherwise and find other
# things.
LLVM_VERSION := 14
CLANG_FORMAT ?= clang-format
CLANG_TIDY ?= clang-tidy
is_llvm_version = $(1) --version | grep -q 'version $(LLVM_VERSION)\.'

check-format:
	if $(call is_llvm_version,$(CLANG_FORMAT)); then \
	    $(CLANG_FORMAT) --dry-run -Werror $(ALL_FORMATTED); \
	else \
	    echo "check-format: skipped, it needs clang-format $(LLVM_VERSION)"; \
	fi

# The switch between hypervisor and guest: at most 55 instructions each way.
check-switch: $(METAL)/trapeze-hs.elf
	scripts/check-switch.sh $< 55

check-docs:
	scripts/check-docs.sh

check-layering:
	scripts/check-layering.sh

# Each header compiles alone, twice included, for the machine that it is for.
check-headers: $(ALL_H:%=$(B)/headers/%.ok) $(GUEST_H:%=$(B)/headers/%.ok)
$(ALL_H:%=$(B)/headers/%.ok): $(B)/headers/%.ok: %
	@mkdir -p $(@D)
	printf '#include "%s"\n#include "%s"\n' $< $< | $(CC) -x c -fsyntax-only $(CFLAGS_ALL) \
	    -MF $(@:.ok=.d) -MT $@ -
	touch $@
$(GUEST_H:%=$(B)/headers/%.ok): $(B)/headers/%.ok: %
	@mkdir -p $(@D)
	printf '#include "%s"\n#include "%s"\n' $< $< | $(RISCV_CC) -x c -fsyntax-only \
	    $(GUEST_CFLAGS) -include guests/lib/layout.h -MF $(@:.ok=.d) -MT $@ -
	touch $@

# Both compilers, for every target that a file is built for.
$(eval $(call flavour,clang,$$(CLANG),$$(CFLAGS_ALL) -O1))
$(eval $(call flavour,clang-riscv64,$$(CLANG) --target=riscv64-linux-gnu,$$(CFLAGS_ALL) -O1 \
    -isystem $$(SYSROOT)/include -isystem /usr/riscv64-linux-gnu/include))
$(eval $(call flavour,clang-metal,$$(CLANG) --target=riscv64-unknown-elf,$$(CFLAGS_FREE) -O1 \
    -isystem host/metal/include -isystem $$(SYSROOT)/include))
$(eval $(call flavour,clang-image,$$(CLANG) --target=riscv64-unknown-elf,\
    $$(subst _zicsr_zifencei,,$$(filter-out --specs=% -msmall-data-limit=%,$$(METAL_CFLAGS))) -O1 \
    -isystem $$(PICOLIBC)/include -isystem $$(SYSROOT)/include))
$(METAL_C:%.c=$(B)/clang-image/%.o): | $(SYSROOT)/done
$(eval $(call flavour,clang-stub,$$(CLANG) --target=riscv64-linux-gnu,$$(CFLAGS_ALL) -O1 \
    -ffreestanding -fPIE -mcmodel=medany -march=rv64imac -mabi=lp64 -DSTLB_BITS=5 \
    -isystem $$(STUB_INCLUDE) -isystem /usr/riscv64-linux-gnu/include))
$(patsubst %.c,$(B)/clang-stub/%.o,$(STUB_SRC) $(TRAP_TEST_STUB)): | $(STUB_INCLUDE)/gnu/stubs-lp64.h
$(CORE_SRC:%.c=$(B)/clang-metal/%.o) $(CORE_SRC:%.c=$(B)/clang-riscv64/%.o) \
$(CMD_SRC:%.c=$(B)/clang-riscv64/%.o) $(RISCV_SRC:%.c=$(B)/clang-riscv64/%.o) \
$(TRAP_TEST_SRC:%.c=$(B)/clang-riscv64/%.o): | $(SYSROOT)/done

check-warnings: own-guests $(ALL_C:%.c=$(B)/host/%.o) $(ALL_C:%.c=$(B)/clang/%.o) \
    $(foreach flavour,riscv64 clang-riscv64,$(patsubst %.c,$(B)/$(flavour)/%.o,\
        $(CORE_SRC) $(CMD_SRC))) \
    $(foreach flavour,riscv64 clang-riscv64,$(RISCV_SRC:%.c=$(B)/$(flavour)/%.o) \
        $(patsubst %.c,$(B)/$(flavour)/%.o,$(BT_TEST_C) $(TRAP_TEST_SRC))) \
    $(foreach flavour,stub clang-stub,$(patsubst %.c,$(B)/$(flavour)/%.o,$(STUB_SRC) \
        $(TRAP_TEST_STUB))) \
    $(foreach flavour,metal clang-metal,$(CORE_SRC:%.c=$(B)/$(flavour)/%.o)) \
    $(foreach flavour,metal clang-image,$(METAL_C:%.c=$(B)/$(flavour)/%.o))

check-imports: $(CORE_SRC:%.c=$(B)/metal/%.o)
	scripts/check-imports.sh $^

check-fp: metal
	scripts/check-fp.sh $(METAL)/trapeze-firmware.elf $(SMALL)/firmware/fp.o
	$(if $(wildcard host/metal/metal.ld),scripts/check-fp.sh $(METAL)/trapeze-hs.elf \
	    $(METAL)/engine/hs/fp.o)

# Static analysis of what ships, file by file; a file is looked at again when it or a header of it
# changed. What is for RISC-V alone is looked at as its compilers see it.
RISCV_INCLUDE := -isystem $(SYSROOT)/include -isystem /usr/riscv64-linux-gnu/include
STATIC_FLAGS_static := $(CFLAGS_ALL)
STATIC_FLAGS_static-riscv64 := --target=riscv64-linux-gnu $(CFLAGS_ALL) $(RISCV_INCLUDE)
STATIC_FLAGS_static-stub := --target=riscv64-linux-gnu $(CFLAGS_ALL) -ffreestanding -fPIE \
    -mcmodel=medany -march=rv64imac -mabi=lp64 -DSTLB_BITS=5 -isystem $(STUB_INCLUDE) $(RISCV_INCLUDE)
check-static: $(patsubst %.c,$(B)/static/%.ok,$(CORE_SRC) $(CMD_SRC) $(PORTABLE_METAL)) \
    $(RISCV_SRC:%.c=$(B)/static-riscv64/%.ok) $(STUB_SRC:%.c=$(B)/static-stub/%.ok)
define static
$(B)/$(1)/%.ok: %.c .clang-tidy $(B)/$(2)/%.o
	@mkdir -p $$(@D)
	if $$(call is_llvm_version,$$(CLANG_TIDY)); then \
	    $$(CLANG_TIDY) --quiet --warnings-as-errors='*' $$< -- \
	        $$(filter-out -M% -g,$$(STATIC_FLAGS_$(1))) 2>$$@.err || { cat $$@.err; exit 1; }; \
	fi
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	    --suppress=missingIncludeSystem --suppress=assignBoolToPointer \
	    --suppress=normalCheckLevelMaxBranches --error-exitcode=1 -I. $$<
	rm -f $$@.err && touch $$@
endef
$(eval $(call static,static,host))
$(eval $(call static,static-riscv64,riscv64))
$(eval $(call static,static-stub,stub))
