# SPDX-License-Identifier: MIT
# Images for bare metal: the firmware (M-mode) and the hypervisor (HS-mode), each linked from its
# own folders, core, libfdt and picolibc.

METAL := $(B)/metal
METAL_CC := riscv64-unknown-elf-gcc
METAL_OBJCOPY := riscv64-unknown-elf-objcopy
METAL_SPECS := --specs=picolibc.specs -DPICOLIBC_INTEGER_PRINTF_SCANF
PICOLIBC := /usr/lib/picolibc/riscv64-unknown-elf
# Debian's libfdt.a forces the ABI; check-fp sees to it that no floating-point instruction comes
# of it. Without small data nothing depends on gp.
METAL_ARCH := -march=rv64imafdc_zicsr_zifencei -mabi=lp64d -mcmodel=medany -msmall-data-limit=0
METAL_CFLAGS := -std=gnu11 -ffreestanding -fno-stack-protector $(METAL_ARCH) $(METAL_SPECS) \
    -ffunction-sections -fdata-sections $(WARN) -I. -I$(METAL)/gen -MMD -MP -g
METAL_LDFLAGS := $(METAL_ARCH) $(METAL_SPECS) -nostartfiles -static -Wl,--gc-sections,--build-id=none \
    -Wl,-z,max-page-size=4096,--no-warn-rwx-segments

BOARD_SRC := $(wildcard host/metal/board/*.c)

# The hypervisor's flavour is fast, the firmware's small but for the way of a call through it.
SMALL := $(B)/metal-small
SMALL_CFLAGS = -Os -malign-data=natural -msave-restore
$(addprefix $(SMALL)/,firmware/trap.o firmware/host.o firmware/ipi.o firmware/console.o \
    core/sbi/sbi.o core/sbi/base.o core/sbi/time.o core/sbi/ipi.o core/sbi/hart_mask.o \
    core/sbi/legacy.o core/vcpu.o core/console.o host/metal/board/uart.o): SMALL_CFLAGS = -O2 -malign-data=natural
# What of the hypervisor runs once, at its beginning or end, is small too. core imports six functions and
# none of the compiler's own (check-imports), so it saves its registers itself.
METAL_OPT = -O2
$(addprefix $(METAL)/,$(patsubst %.c,%.o,$(filter-out %/uart.c,$(BOARD_SRC))) \
    $(patsubst %,host/metal/%.o,bundle config dump entropy grant guest harts log main pages \
    passthrough selftest snapshot stats symbols trap) \
    engine/hs/gstage.o engine/hs/probe.o): METAL_OPT = -Os -msave-restore
$(addprefix $(METAL)/,$(patsubst %,core/%.o,csr dev/goldfish_rtc dev/power dev/virtio_rng error \
    exit_record fdt image image_elf insn insn_c isa log machine mmu sbi/hsm vm save save_codec save_vcpu \
    stlb vmem)): METAL_OPT = -Os
$(eval $(call flavour,metal,$$(METAL_CC),$$(METAL_CFLAGS) $$(METAL_OPT) -isystem $$(SYSROOT)/include))
$(eval $(call flavour,metal-small,$$(METAL_CC),$$(METAL_CFLAGS) $$(SMALL_CFLAGS) \
    -isystem $$(SYSROOT)/include))
$(METAL)/host/metal/string.o: METAL_CFLAGS += -fno-tree-loop-distribute-patterns
$(METAL)/%.o: %.S Makefile
	@mkdir -p $(@D)
	$(METAL_CC) $(METAL_CFLAGS) -c $< -o $@
$(SMALL)/%.o: %.S Makefile
	@mkdir -p $(@D)
	$(METAL_CC) $(METAL_CFLAGS) -c $< -o $@

# offsets.c says in C what assembly wants to know; the lines "->NAME number" of its assembly become
# a header.
$(METAL)/gen/%/offsets.h: %/offsets.c Makefile
	@mkdir -p $(@D)
	$(METAL_CC) $(METAL_CFLAGS) -isystem $(SYSROOT)/include -MF $(@:.h=.d) -MT $@ -S $< -o $@.s
	sed -n 's/^[[:space:]]*->\([^ ]*\) \(-*[0-9]*\).*/#define \1 \2/p' $@.s >$@
	rm $@.s

# $(call metal_obj,FLAVOUR,FOLDERS)
metal_src = $(filter-out %/offsets.c,$(wildcard $(addsuffix /*.c,$(1)) $(addsuffix /*.S,$(1))))
metal_obj = $(patsubst %,$(B)/$(1)/%.o,$(basename $(call metal_src,$(2))))

FIRMWARE_DIRS := firmware
HS_DIRS := host/metal engine/hs
METAL_C := $(BOARD_SRC) $(filter %.c,$(call metal_src,$(FIRMWARE_DIRS) $(HS_DIRS)))
METAL_H := $(wildcard host/metal/*.h host/metal/board/*.h engine/hs/*.h firmware/*.h)

$(SYSROOT)/lib/libfdt.a: $(SYSROOT)/done ;
$(METAL_C:%.c=$(METAL)/%.o) $(METAL_C:%.c=$(SMALL)/%.o) $(CORE_SRC:%.c=$(SMALL)/%.o): \
    | $(SYSROOT)/done

# $(call metal-image,NAME,FLAVOUR,FOLDERS,LINKER SCRIPT,MOST BYTES OF THE .bin)
define metal-image
$(B)/$(2)/libboard.a: $(BOARD_SRC:%.c=$(B)/$(2)/%.o)
$(call metal_obj,$(2),$(3)): $(patsubst %.c,$(METAL)/gen/%.h,$(wildcard $(addsuffix /offsets.c,$(3))))
$(METAL)/$(1).elf: $(4) $(call metal_obj,$(2),$(3)) $(B)/$(2)/libboard.a $(B)/$(2)/libtrapeze.a \
    $(SYSROOT)/lib/libfdt.a
	@mkdir -p $$(@D)
	$$(METAL_CC) $$(METAL_LDFLAGS) -T $(4) -Wl,-Map,$$(@:.elf=.map) -Wl,--start-group \
	    $$(filter %.o %.a,$$^) -Wl,--end-group -o $$@
$(METAL)/$(1).bin: $(METAL)/$(1).elf
	$$(METAL_OBJCOPY) -O binary $$< $$@
	size=$$$$(stat -c %s $$@); [ $$$$size -le $(5) ] || \
	    { echo "$$@: $$$$size bytes, at most $(5)" >&2; rm $$@; exit 1; }
endef
$(eval $(call metal-image,trapeze-firmware,metal-small,$(FIRMWARE_DIRS),firmware/firmware.ld,49152))
$(eval $(call metal-image,trapeze-hs,metal,$(HS_DIRS),host/metal/metal.ld,122880))

.PHONY: metal firmware
firmware: $(METAL)/trapeze-firmware.bin
metal: firmware $(if $(wildcard host/metal/metal.ld),$(METAL)/trapeze-hs.bin)

# The firmware with tests/metal/machine.c in the place of hart_main.
$(METAL)/test-machine.elf: firmware/firmware.ld $(SMALL)/tests/metal/machine.o \
    $(call metal_obj,metal-small,$(FIRMWARE_DIRS)) $(SMALL)/libboard.a $(SMALL)/libtrapeze.a \
    $(SYSROOT)/lib/libfdt.a
	$(METAL_CC) $(METAL_LDFLAGS) -Wl,--wrap=hart_main -T $< -Wl,--start-group \
	    $(filter %.o %.a,$^) -Wl,--end-group -o $@
$(METAL)/test-machine.bin: $(METAL)/test-machine.elf
	$(METAL_OBJCOPY) -O binary $< $@
