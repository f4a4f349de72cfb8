# SPDX-License-Identifier: MIT
# Guests. Debian's come unpacked from scripts/fetch.sh; our own are freestanding S-mode
# programs.

GUESTS := $(B)/guests

$(FETCHED): scripts/fetch.sh
	scripts/fetch.sh $(B)/apt trixie riscv64 linux-image-riscv64 busybox-static u-boot-qemu \
	    libfdt-dev zlib1g-dev

$(GUESTS)/linux/Image: $(FETCHED)
	@mkdir -p $(@D)
	cp $(B)/apt/root/boot/vmlinux-* $@
LINUX_MODULES := virtio_mmio virtio_blk virtio-rng crc32c_generic ext4
$(GUESTS)/linux/initrd.cpio.gz: scripts/mkinitrd.sh guests/linux/init $(FETCHED)
	scripts/mkinitrd.sh $(B)/apt/root $@ "$(LINUX_MODULES)" guests/linux/init
# The same with a program that says the time CSR, for which a cross compiler is needed.
$(GUESTS)/linux/initrd-ticks.cpio.gz: scripts/mkinitrd.sh guests/linux/init $(B)/guests-linux/ticks $(FETCHED)
	scripts/mkinitrd.sh $(B)/apt/root $@ "$(LINUX_MODULES)" guests/linux/init $(B)/guests-linux/ticks
# What a board with Linux loads before it starts the command.
$(B)/board/modules.cpio.gz: scripts/mkinitrd.sh $(FETCHED)
	scripts/mkinitrd.sh $(B)/apt/root $@ "virtio_mmio virtio_blk"
$(B)/guests-linux/ticks: guests/linux/ticks.c
	@mkdir -p $(@D)
	$(RISCV_CC) -std=gnu11 $(WARN) -O2 -ffreestanding -fno-pic -fno-pie -nostdlib -static -no-pie \
	    -Wl,--build-id=none,-s $< -o $@
$(GUESTS)/u-boot-smode.bin: $(FETCHED)
	@mkdir -p $(@D)
	cp $(B)/apt/root/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin $@
$(GUESTS)/u-boot-smode.elf: $(FETCHED)
	@mkdir -p $(@D)
	cp $(B)/apt/root/usr/lib/u-boot/qemu-riscv64_smode/uboot.elf $@

# A disk with Debian's programs, for measurements and comparisons with the bare board: what these
# packages depend on is named too, since nothing is resolved.
USERLAND := $(B)/userland
$(USERLAND)/fetched: scripts/fetch.sh
	scripts/fetch.sh $(USERLAND) trixie riscv64 \
	    libc6 libgcc-s1 libstdc++6 libacl1 libattr1 libcap2 libselinux1 libpcre2-8-0 libsystemd0 \
	    libssl3t64 libgmp10 libzstd1 zlib1g libexpat1 libffi8 libbz2-1.0 liblzma5 dash coreutils gzip \
	    openssl mawk python3.13-minimal libpython3.13-minimal libpython3.13-stdlib \
	    gcc-14-riscv64-linux-gnu cpp-14-riscv64-linux-gnu binutils-riscv64-linux-gnu libbinutils libctf0 \
	    libctf-nobfd0 libsframe1 libjansson4 libisl23 libmpc3 libmpfr6 libgcc-14-dev libc6-dev \
	    linux-libc-dev
$(USERLAND)/disk.img: scripts/mkuserland.sh $(wildcard guests/userland/*) $(B)/guests-linux/ticks \
    $(USERLAND)/fetched
	scripts/mkuserland.sh $(USERLAND)/root $@ $(wildcard guests/userland/*) $(B)/guests-linux/ticks
.PHONY: userland
userland: $(USERLAND)/disk.img

# Our own. Each guest has a layout.h that says where it is linked; the two bench guests get theirs,
# their trap sequence and some compiler flags from the generator: bench from no seed, bench2 from
# SEED.
SEED ?= 20127
GUEST_CFLAGS := -std=gnu11 $(WARN) -O2 -g -march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany \
    -mno-relax -ffreestanding -fno-builtin -fno-pic -fno-pie -fno-stack-protector \
    -fno-tree-loop-distribute-patterns -ffunction-sections -I. -isystem host/metal/include -MMD -MP
GUEST_LDFLAGS := -nostdlib -static -no-pie -Wl,--gc-sections,--build-id=none,-z,max-page-size=4096,-z,norelro

LIB_SRC := $(wildcard guests/lib/*.c guests/lib/*.S)
HELLO_SRC := $(LIB_SRC) $(wildcard guests/hello/*.c)
SMP_SRC := $(LIB_SRC) $(wildcard guests/smp/*.c guests/smp/*.S)
SBI_CHECK_SRC := $(LIB_SRC) $(wildcard guests/sbi-check/*.c guests/sbi-check/*.S)
RULES_SRC := $(LIB_SRC) $(wildcard guests/rules/*.c guests/rules/*.S)
HABITS_SRC := $(LIB_SRC) $(wildcard guests/habits/*.c guests/habits/*.S)
REMOTE_SRC := $(LIB_SRC) $(wildcard guests/remote/*.c)
ESCAPE_SRC := $(LIB_SRC) guests/rules/run.S $(wildcard guests/escape/*.c guests/escape/*.S)
STREAMS_SRC := $(LIB_SRC) $(wildcard guests/streams/*.c guests/streams/*.S)
SCATTER_SRC := $(LIB_SRC) guests/rules/run.S $(wildcard guests/scatter/*.c guests/scatter/*.S)
BREAKOUT_SRC := $(LIB_SRC) $(wildcard guests/breakout/*.c guests/breakout/*.S)
PLACES_SRC := $(LIB_SRC) guests/rules/run.S $(wildcard guests/places/*.c guests/places/*.S)
HOLE_SRC := $(LIB_SRC) $(wildcard guests/hole/*.c guests/hole/*.S)
PAYLOAD_SRC := $(LIB_SRC) $(wildcard guests/payload/*.c)
PASSTHROUGH_SRC := $(LIB_SRC) $(wildcard guests/passthrough/*.c)
ULIX_SRC := $(LIB_SRC) $(wildcard guests/ulix/*.c guests/ulix/*.S)
BENCH_SRC := $(LIB_SRC) $(wildcard guests/bench/*.c guests/bench/*.S)

# $(call own-guest,NAME,SOURCES,DIRECTORY OF layout.h,GENERATED ASSEMBLY)
define own-guest
$(B)/$(1)/%.c.o: %.c $(3)/layout.h
	@mkdir -p $$(@D)
	$$(RISCV_CC) $$(GUEST_CFLAGS) $$(shell cat $(3)/cflags 2>/dev/null) -include $(3)/layout.h -I$(3) -c $$< -o $$@
$(B)/$(1)/%.S.o: %.S $(3)/layout.h
	@mkdir -p $$(@D)
	$$(RISCV_CC) $$(GUEST_CFLAGS) -include $(3)/layout.h -I$(3) -c $$< -o $$@
$(B)/$(1)/guest.ld: guests/lib/guest.ld $(3)/layout.h
	@mkdir -p $$(@D)
	$$(RISCV_CC) -E -P -x c -include $(3)/layout.h $$< -o $$@
$(GUESTS)/$(1).elf: $(B)/$(1)/guest.ld $(2:%=$(B)/$(1)/%.o)
	@mkdir -p $$(@D)
	$$(RISCV_CC) $$(GUEST_LDFLAGS) -T $$^ -o $$@
endef
$(eval $(call own-guest,hello,$(HELLO_SRC),guests/lib))
$(eval $(call own-guest,smp,$(SMP_SRC),guests/lib))
$(eval $(call own-guest,sbi-check,$(SBI_CHECK_SRC),guests/lib))
$(eval $(call own-guest,rules,$(RULES_SRC),guests/lib))
$(eval $(call own-guest,rules-upper,$(RULES_SRC),guests/rules/upper))
$(eval $(call own-guest,habits,$(HABITS_SRC),guests/lib))
$(eval $(call own-guest,remote,$(REMOTE_SRC),guests/lib))
$(eval $(call own-guest,escape,$(ESCAPE_SRC),guests/lib))
$(eval $(call own-guest,streams,$(STREAMS_SRC),guests/lib))
$(eval $(call own-guest,scatter,$(SCATTER_SRC),guests/lib))
$(eval $(call own-guest,breakout,$(BREAKOUT_SRC),guests/lib))
$(eval $(call own-guest,places,$(PLACES_SRC),guests/lib))
$(eval $(call own-guest,hole,$(HOLE_SRC),guests/lib))
$(eval $(call own-guest,payload,$(PAYLOAD_SRC),guests/lib))
$(eval $(call own-guest,passthrough,$(PASSTHROUGH_SRC),guests/lib))
$(eval $(call own-guest,ulix,$(ULIX_SRC),guests/lib))
$(eval $(call own-guest,bench,$(BENCH_SRC),$(B)/bench/gen))
$(eval $(call own-guest,bench2,$(BENCH_SRC),$(B)/bench2/gen))

$(B)/bench/gen/layout.h: guests/bench/generate.awk
	@mkdir -p $(@D)
	awk -v seed=0 -v out=$(@D) -f $<
$(B)/bench2/gen/layout.h: guests/bench/generate.awk $(B)/bench2/seed
	@mkdir -p $(@D)
	awk -v seed=$(SEED) -v out=$(@D) -f $<
# Holds the seed of the last build, so that another one builds anew.
$(B)/bench2/seed: FORCE
	@mkdir -p $(@D)
	@echo $(SEED) | cmp -s - $@ || echo $(SEED) >$@

# ulix brings its programs along, in the archive that can be its disk too. Their machine is the
# kernel's: no floating point.
ULIX_USER := $(B)/ulix/guests/ulix/user
ULIX_PROGRAMS := $(addprefix $(B)/ulix/,init.elf echo.elf bench.elf)
$(B)/ulix/init.elf: $(patsubst guests/%.c,$(B)/ulix/guests/%.c.o,$(wildcard guests/ulix/user/test_*.c))
$(B)/ulix/init.elf $(B)/ulix/bench.elf: GUEST_LDFLAGS += -Wl,--defsym,high_text=0x100000
$(B)/ulix/%.elf: guests/ulix/user/program.ld $(ULIX_USER)/start.S.o $(ULIX_USER)/%.c.o \
    $(ULIX_USER)/user.c.o $(B)/ulix/guests/lib/string.c.o
	$(RISCV_CC) $(GUEST_LDFLAGS) -Wl,-s -T $< $(filter %.o,$^) -o $@
$(GUESTS)/ulix.cpio: scripts/mkulix.sh $(ULIX_PROGRAMS)
	@mkdir -p $(@D)
	scripts/mkulix.sh $@ $(ULIX_PROGRAMS)
$(B)/ulix/guests/ulix/archive.S.o: $(GUESTS)/ulix.cpio
$(B)/ulix/guests/ulix/archive.S.o: GUEST_CFLAGS += -Wa,-I$(GUESTS)

# A case is one file of assembly that does one thing to its machine.
CASE_SRC := $(wildcard guests/cases/*.S)
$(GUESTS)/case-%.elf: $(B)/cases/guests/cases/%.S.o
	@mkdir -p $(@D)
	$(RISCV_CC) $(GUEST_LDFLAGS) -Wl,--nmagic,-Ttext=0x80200000,-e,start $< -o $@
$(B)/cases/%.S.o: %.S
	@mkdir -p $(@D)
	$(RISCV_CC) $(GUEST_CFLAGS) -c $< -o $@

OWN_GUESTS := $(addprefix $(GUESTS)/,hello.elf smp.elf sbi-check.elf rules.elf rules-upper.elf habits.elf \
    remote.elf escape.elf hole.elf breakout.elf streams.elf scatter.elf places.elf payload.elf \
    passthrough.elf ulix.elf bench.elf bench2.elf) \
    $(CASE_SRC:guests/cases/%.S=$(GUESTS)/case-%.elf)

.PHONY: guests own-guests boards FORCE
own-guests: $(OWN_GUESTS)
guests: own-guests \
    $(addprefix $(GUESTS)/,linux/Image linux/initrd.cpio.gz u-boot-smode.bin u-boot-smode.elf) boards
# What --engine trap and bt start on machines that are no RISC-V.
boards: $(GUESTS)/linux/Image $(B)/board/modules.cpio.gz riscv64
