# SPDX-License-Identifier: MIT
# `make help` lists the targets. Objects go to build/<flavour>/, one flavour per compiler and
# purpose; guests, tests and checks have a file of rules each.

B := build
# Commands are shown with V=1.
ifndef V
MAKEFLAGS += -s
endif

CC ?= gcc
CLANG ?= clang
RISCV_CC ?= riscv64-linux-gnu-gcc
WARN ?= -Wall -Wextra -Werror -Wconversion -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes
# GCC 12 takes core/stlb.c's drop_anywhere for a pure function (it stores through its parameter) and
# leaves out calls of it; without these two passes it does not. Other compilers lack the options.
GCC_ONLY = $(shell $(1) -fno-ipa-modref -Werror -E -x c /dev/null >/dev/null 2>&1 && \
    echo -fno-ipa-modref -fno-ipa-pure-const)
CFLAGS_ALL := -std=c11 -D_GNU_SOURCE $(WARN) -I. -MMD -MP -g
CFLAGS_FREE := -std=c11 -ffreestanding -fno-stack-protector -mcmodel=medany -march=rv64imac \
    -mabi=lp64 $(WARN) -I. -MMD -MP -g

CORE_SRC := $(wildcard core/*.c core/*/*.c)
CMD_SRC := $(wildcard engine/interp/*.c host/linux/*.c host/linux/board/*.c cli/*.c)
MAIN_SRC := cli/main.c
# Engines for RISC-V machines alone.
BT_SRC := $(filter-out %/offsets.c,$(wildcard engine/bt/*.c))
BT_ASM := enter privileged
BT_OBJ := $(BT_SRC:%.c=$(B)/riscv64/%.o) $(BT_ASM:%=$(B)/riscv64/engine/bt/%.o)
NATIVE_SRC := $(wildcard engine/native/*.c)
RISCV_SRC := $(wildcard engine/trap/*.c) $(BT_SRC) $(NATIVE_SRC)

FETCHED := $(B)/apt/fetched
SYSROOT := $(B)/riscv64/sysroot

.PHONY: all riscv64
all: $(B)/trapeze $(if $(wildcard $(FETCHED)),riscv64)
riscv64: $(B)/riscv64/trapeze

# The command, for this machine and for riscv64 Linux.
$(B)/trapeze: $(CMD_SRC:%.c=$(B)/host/%.o) $(B)/host/libtrapeze.a
	$(CC) $^ -lfdt -lz -lpthread -o $@
RISCV_COMMAND = $(patsubst %.c,$(B)/riscv64/%.o,$(CMD_SRC) $(RISCV_SRC)) \
    $(B)/riscv64/engine/trap/stub.o $(BT_ASM:%=$(B)/riscv64/engine/bt/%.o) $(B)/riscv64/libtrapeze.a
$(B)/riscv64/trapeze: $(RISCV_COMMAND)
	$(RISCV_CC) -static $^ -L$(SYSROOT)/lib -lfdt -lz -lpthread -o $@

# flavour,compiler,flags: how a flavour makes an object of any C file
define flavour
GCC_ONLY_$(1) := $$(call GCC_ONLY,$(2))
$(B)/$(1)/%.o: %.c Makefile
	@mkdir -p $$(@D)
	$(2) $(3) $$(GCC_ONLY_$(1)) -c $$< -o $$@
$(B)/$(1)/libtrapeze.a: $(CORE_SRC:%.c=$(B)/$(1)/%.o)
$(B)/$(1)/libhost.a: $(patsubst %.c,$(B)/$(1)/%.o,$(filter-out $(MAIN_SRC),$(CMD_SRC)))
endef
%.a:
	@mkdir -p $(@D)
	rm -f $@ && $(if $(findstring /riscv64/,$@)$(findstring /metal,$@)$(findstring /stub/,$@),riscv64-linux-gnu-)ar rcs $@ $^

SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
$(eval $(call flavour,host,$$(CC),$$(CFLAGS_ALL) -O2))
$(eval $(call flavour,asan,$$(CC),$$(CFLAGS_ALL) -O1 $$(SAN)))
$(eval $(call flavour,tsan,$$(CC),$$(CFLAGS_ALL) -O1 -fsanitize=thread -Wno-tsan))
$(eval $(call flavour,fuzz,$$(CLANG),$$(CFLAGS_ALL) -O1 $$(SAN) -fsanitize=fuzzer-no-link))
$(eval $(call flavour,riscv64,$$(RISCV_CC),$$(CFLAGS_ALL) -O2 -DSTLB_BITS=12 -isystem $$(SYSROOT)/include))

# The stub of engine/trap: core again, position-independent and freestanding, with a small software
# TLB, and linked into one flat image that the command carries.
STUB_SRC := $(wildcard engine/trap/stub/*.c)
$(eval $(call flavour,stub,$$(RISCV_CC),$$(CFLAGS_ALL) -O2 -ffreestanding -fPIE -mcmodel=medany \
    -march=rv64imac_zicsr_zifencei -mabi=lp64 -fno-stack-protector -fvisibility=hidden -ffunction-sections \
    -fdata-sections -fno-tree-loop-distribute-patterns -DSTLB_BITS=5 -isystem $$(STUB_INCLUDE)))
STUB_LINK := $(RISCV_CC) -march=rv64imac -mabi=lp64 -nostdlib -static -Wl,-pie,--no-dynamic-linker \
    -Wl,--gc-sections,--build-id=none,--no-warn-rwx-segments,-z,norelro,-z,max-page-size=4096
STUB_INCLUDE := $(B)/stub/include
$(B)/stub/include/gnu/stubs-lp64.h:
	@mkdir -p $(@D)
	: >$@
$(patsubst %.c,$(B)/stub/%.o,$(STUB_SRC) $(CORE_SRC)): | $(STUB_INCLUDE)/gnu/stubs-lp64.h
$(B)/stub/engine/trap/stub/start.o: engine/trap/stub/start.S Makefile
	@mkdir -p $(@D)
	$(RISCV_CC) -march=rv64imac -mabi=lp64 -c $< -o $@
$(B)/stub/stub.elf: engine/trap/stub/stub.ld $(B)/stub/engine/trap/stub/start.o \
    $(STUB_SRC:%.c=$(B)/stub/%.o) $(B)/stub/libtrapeze.a
	$(STUB_LINK) -T $^ -o $@
%/stub.bin: %/stub.elf
	riscv64-linux-gnu-objcopy -O binary $< $@
$(B)/riscv64/engine/trap/stub.o: engine/trap/stub.S $(B)/stub/stub.bin
	@mkdir -p $(@D)
	$(RISCV_CC) -Wa,-I$(B)/stub -c $< -o $@
$(B)/riscv64/gen/bt-offsets.h: engine/bt/offsets.c engine/bt/bt.h core/vcpu.h core/stlb.h Makefile
	@mkdir -p $(@D)
	$(RISCV_CC) $(filter-out -MMD -MP,$(CFLAGS_ALL)) -O2 -DSTLB_BITS=12 -S $< -o - | \
	    sed -n 's/^[[:space:]]*->\([A-Z0-9_]*\) \(.*\)/#define \1 (\2)/p' >$@
$(B)/riscv64/engine/bt/%.o: engine/bt/%.S engine/bt/registers.inc $(B)/riscv64/gen/bt-offsets.h
	@mkdir -p $(@D)
	$(RISCV_CC) -I. -I$(B)/riscv64/gen -c $< -o $@

# libfdt and zlib for riscv64, out of Debian's packages and apart from what else these hold
$(CORE_SRC:%.c=$(B)/riscv64/%.o) $(CMD_SRC:%.c=$(B)/riscv64/%.o) \
$(CORE_SRC:%.c=$(B)/metal/%.o) $(CORE_SRC:%.c=$(B)/stub/%.o): | $(SYSROOT)/done
$(SYSROOT)/done: $(FETCHED)
	@mkdir -p $(SYSROOT)/include $(SYSROOT)/lib
	cp $(addprefix $(B)/apt/root/usr/include/,fdt.h libfdt.h libfdt_env.h zlib.h zconf.h) \
	    $(SYSROOT)/include
	cp $(addprefix $(B)/apt/root/usr/lib/riscv64-linux-gnu/,libfdt.a libz.a) $(SYSROOT)/lib
	touch $@

# QEMU 10 in build/qemu10/root/usr: beside the distribution's own where that is older, else links to it.
QEMU10 := $(B)/qemu10/fetched
QEMU_MAJOR = $(shell qemu-system-riscv64 --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p')
.PHONY: qemu10
qemu10: $(QEMU10)
$(QEMU10): scripts/fetch.sh
	if [ "$(or $(QEMU_MAJOR),0)" -ge 10 ]; then \
	    mkdir -p $(@D)/root/usr/bin $(@D)/root/usr/share && \
	    ln -sf "$$(command -v qemu-system-riscv64)" $(@D)/root/usr/bin && \
	    ln -sfn /usr/share/qemu $(@D)/root/usr/share/qemu && touch $@; \
	else \
	    scripts/fetch.sh $(B)/qemu10 bookworm-backports "$$(dpkg --print-architecture)" \
	        qemu-system-riscv qemu-system-common qemu-system-data opensbi; \
	fi

# QEMU for riscv64 with its libraries, to be measured on the board beside the engine trap.
QEMU_RISCV64 := $(B)/qemu-riscv64/qemu.cpio.gz
.PHONY: qemu-riscv64
qemu-riscv64: $(QEMU_RISCV64)
$(B)/qemu-riscv64/fetched: scripts/fetch.sh
	scripts/fetch.sh $(B)/qemu-riscv64 trixie riscv64 \
	    libc6 libgcc-s1 libpcre2-8-0 libselinux1 libcap2 libsystemd0 libbz2-1.0 libaio1t64 libasound2t64 libatomic1 libblkid1 libzstd1 zlib1g libelf1t64 libbpf1 libffi8 libmount1 \
	    libglib2.0-0t64 libnspr4 libsqlite3-0 libnss3 libpcsclite1 libcacard0 libcapstone5 \
	    libfdt1 libfuse3-4 libgmp10 libnettle8t64 libhogweed6t64 libunistring5 libidn2-0 \
	    libp11-kit0 libtasn1-6 libgnutls30t64 libnl-3-200 libnl-route-3-200 libibverbs1 \
	    libjpeg62-turbo libtinfo6 libncursesw6 libnuma1 libpixman-1-0 libpng16-16t64 \
	    librdmacm1t64 libssl3t64 libsasl2-2 libseccomp2 libslirp0 libudev1 liburing2 \
	    libusb-1.0-0 libusbredirparser1t64 libvdeplug2t64 opensbi \
	    qemu-system-common qemu-system-data qemu-system-riscv
$(QEMU_RISCV64): scripts/mkqemu.sh $(B)/qemu-riscv64/fetched
	scripts/mkqemu.sh $(B)/qemu-riscv64/root $@

include scripts/metal.mk guests/guests.mk tests/tests.mk tests/metal-engine/metal-engine.mk scripts/check.mk

.PHONY: run clean help
# On a board in QEMU, where that is and the hypervisor can be built; ENGINE names another engine.
ENGINE ?= $(if $(and $(shell command -v qemu-system-riscv64),$(shell command -v $(METAL_CC)),\
    $(wildcard $(PICOLIBC))),hs,auto)
run: $(B)/trapeze $(if $(filter hs,$(ENGINE)),metal) $(GUESTS)/linux/Image $(GUESTS)/linux/initrd.cpio.gz
	$(B)/trapeze run --engine $(ENGINE) --kernel $(GUESTS)/linux/Image --initrd $(GUESTS)/linux/initrd.cpio.gz \
	    --append "console=ttyS0 quiet"

clean: # keeps what was fetched
	find $(B) -mindepth 1 -maxdepth 1 ! -name apt -exec rm -rf {} +

help:
	@echo "make           build the command for this machine (and for riscv64, once guests are there)"
	@echo "make run       boot the Linux guest to a shell (ENGINE=hs where QEMU is, else auto)"
	@echo "make test      rings 1 to 3, with a summary; or: make unit, ring2, metal-test, ring3"
	@echo "make check     format, warnings, static analysis, layering, imports"
	@echo "make stress    ten minutes of processes on 4 harts, under each engine"
	@echo "make bench     boot time and the benchmark guests against qemu-system-riscv64; what hs costs"
	@echo "make fuzz      every fuzz target for FUZZ_SECONDS (60)"
	@echo "make mutants   delete checks one by one and see a test fail for each"
	@echo "make metal     firmware and hypervisor for bare metal into build/metal/"
	@echo "make guests    fetch Debian's guests and build our own into build/guests/"
	@echo "make clean     remove what was built, keep what was fetched"
	@echo "V=1 shows commands; SEED=n draws another bench2 guest"

-include $(shell find $(B) -path $(B)/apt -prune -o -name '*.d' -type f -print 2>/dev/null)
