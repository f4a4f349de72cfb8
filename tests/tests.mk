# SPDX-License-Identifier: MIT
# Tests. Every runner appends `pass|fail|skip ring name` lines to build/results/<ring>.txt;
# scripts/summary.sh counts them, and its status is that of `make test`.

RESULTS := $(B)/results

# Ring 1: one program per tests/unit/test_*.c, linked with the sanitized libraries, and again with
# those that the command is made of, for optimisation has bugs of its own; what else lies there helps
# all of them. Programs of tests/threads run under ThreadSanitizer instead, with our own guests.
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:%.c=$(B)/asan/%) $(UNIT_SRC:%.c=$(B)/host/%)
# What of the metal needs no board goes along with the helpers.
PORTABLE_METAL := $(wildcard host/metal/board/board*.c) firmware/misaligned.c \
    $(addprefix host/metal/,pages.c bundle.c config.c entropy.c grant.c symbols.c)
# And what of engines for RISC-V machines needs none.
PORTABLE_RISCV := engine/trap/check.c
HELP_SRC := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c)) $(PORTABLE_METAL) $(PORTABLE_RISCV)
THREAD_SRC := $(wildcard tests/threads/test_*.c)
THREAD_BIN := $(THREAD_SRC:%.c=$(B)/tsan/%)
TEST_LIBS := -lcmocka -lfdt -lz -lm -lpthread

$(B)/asan/tests/unit/test_%: $(B)/asan/tests/unit/test_%.o $(HELP_SRC:%.c=$(B)/asan/%.o) \
    $(B)/asan/libhost.a $(B)/asan/libtrapeze.a
	$(CC) $(SAN) $^ $(TEST_LIBS) -o $@
$(B)/host/tests/unit/test_%: $(B)/host/tests/unit/test_%.o $(HELP_SRC:%.c=$(B)/host/%.o) \
    $(B)/host/libhost.a $(B)/host/libtrapeze.a
	$(CC) $^ $(TEST_LIBS) -o $@
$(B)/tsan/tests/threads/test_%: $(B)/tsan/tests/threads/test_%.o $(B)/tsan/libhost.a \
    $(B)/tsan/libtrapeze.a
	$(CC) -fsanitize=thread $^ $(TEST_LIBS) -o $@

# The device trees of boards, as QEMU makes them.
TREES := $(addprefix $(B)/trees/,virt.dtb aclint.dtb sifive_u.dtb)
$(B)/trees/virt.dtb: QEMU_BOARD := virt -smp 4
$(B)/trees/aclint.dtb: QEMU_BOARD := virt,aclint=on -smp 4
$(B)/trees/sifive_u.dtb: QEMU_BOARD := sifive_u -smp 5
$(TREES):
	@mkdir -p $(@D)
	qemu-system-riscv64 -m 512 -display none -M $(QEMU_BOARD) -M dumpdtb=$@.full 2>$@.err
	dtc -q -I dtb -O dtb $@.full -o $@ # without the padding
	rm -f $@.full $@.err
$(B)/asan/tests/unit/test_board $(B)/host/tests/unit/test_board: | $(TREES)

# Whole VMs without the command, tests/system/test_*.c: with ring 2 those that need our own guests
# alone, test_own_*, and with ring 3 those that need Debian's. What else lies there, and ring 1's
# helpers, help them.
SYSTEM_SRC := $(wildcard tests/system/test_*.c)
SYSTEM_BIN := $(SYSTEM_SRC:%.c=$(B)/host/%)
SYSTEM_OWN := $(filter $(B)/host/tests/system/test_own_%,$(SYSTEM_BIN))
SYSTEM_LINUX := $(filter-out $(SYSTEM_OWN),$(SYSTEM_BIN))
SYSTEM_HELP_SRC := $(filter-out $(SYSTEM_SRC),$(wildcard tests/system/*.c)) $(HELP_SRC)
$(B)/host/tests/system/test_%: $(B)/host/tests/system/test_%.o \
    $(SYSTEM_HELP_SRC:%.c=$(B)/host/%.o) $(B)/host/libhost.a $(B)/host/libtrapeze.a
	$(CC) $^ $(TEST_LIBS) -o $@

# Takes the snapshots that hs.sh goes on from.
SNAPSHOT := $(B)/host/tests/snapshot/snapshot
$(SNAPSHOT): $(B)/host/tests/snapshot/snapshot.o $(SYSTEM_HELP_SRC:%.c=$(B)/host/%.o) \
    $(B)/host/libhost.a $(B)/host/libtrapeze.a
	$(CC) $^ $(TEST_LIBS) -o $@

# What tests need to play their part: one program per file.
TOOLS := $(patsubst tests/tools/%.c,$(B)/tools/%,$(wildcard tests/tools/*.c))
$(B)/tools/%: tests/tools/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -O1 $< -o $@

# The command for riscv64 with tests of the engine trap built in and a stub that reports traps; and
# beside it a copy of the command for this machine, which starts boards with that one.
TRAP_TEST := $(B)/trap-test
TRAP_TEST_STUB := tests/trap/report.c
TRAP_TEST_SRC := $(filter-out $(TRAP_TEST_STUB),$(wildcard tests/trap/*.c))
$(B)/stub-report/stub.elf: engine/trap/stub/stub.ld $(B)/stub/engine/trap/stub/start.o \
    $(patsubst %.c,$(B)/stub/%.o,$(STUB_SRC) $(TRAP_TEST_STUB)) $(B)/stub/libtrapeze.a
	@mkdir -p $(@D)
	$(STUB_LINK) -Wl,--wrap=kernel_start -T $^ -o $@
$(B)/stub-report/stub.o: engine/trap/stub.S $(B)/stub-report/stub.bin
	$(RISCV_CC) -Wa,-I$(B)/stub-report -c $< -o $@
$(TRAP_TEST_STUB:%.c=$(B)/stub/%.o): | $(STUB_INCLUDE)/gnu/stubs-lp64.h
$(TRAP_TEST_SRC:%.c=$(B)/riscv64/%.o): | $(SYSROOT)/done
$(TRAP_TEST)/riscv64/trapeze: $(patsubst %.c,$(B)/riscv64/%.o,$(TRAP_TEST_SRC) \
    $(filter-out $(MAIN_SRC),$(CMD_SRC)) $(filter-out $(BT_SRC),$(RISCV_SRC))) \
    $(BT_OBJ) $(B)/stub-report/stub.o $(B)/riscv64/libtrapeze.a
	@mkdir -p $(@D)
	$(RISCV_CC) -static $^ -L$(SYSROOT)/lib -lfdt -lz -lpthread -o $@
$(TRAP_TEST)/trapeze: $(B)/trapeze
	@mkdir -p $(@D)
	cp $< $@
	ln -sfn ../guests ../board $(@D)
	ln -sfn ../metal $(@D)

.PHONY: test unit ring2 cli metal-test hs-test hs-cli trap-test bt-test bt-long lockstep sequences ring3 stress fuzz mutants bench
unit: $(UNIT_BIN) $(THREAD_BIN) | own-guests
	tests/ring1.sh $(RESULTS) $^
# With the command for riscv64, where what it is linked with was fetched.
ring2: $(B)/trapeze own-guests $(SYSTEM_OWN) $(if $(wildcard $(FETCHED)),riscv64)
	tests/ring2.sh $(RESULTS) $(B) $(SYSTEM_OWN)
cli: $(B)/trapeze own-guests $(TOOLS)
	tests/cli.sh $(RESULTS) $(B)
metal-test: firmware $(METAL)/test-machine.bin guests
	tests/metal.sh $(RESULTS) $(B)
hs-test: metal guests $(GUESTS)/hs.elf $(SNAPSHOT)
	tests/hs.sh $(RESULTS) $(B)
hs-cli: $(B)/trapeze metal own-guests $(TOOLS)
	tests/cli.sh $(RESULTS) $(B) hs
trap-test: $(B)/trapeze guests firmware $(TRAP_TEST)/trapeze $(TRAP_TEST)/riscv64/trapeze
	tests/trap.sh $(RESULTS) $(B)
bt-test: $(B)/trapeze guests firmware userland $(addprefix $(B)/riscv64/,lockstep sequences debug trapeze-hole trapeze-open)
	tests/bt.sh $(RESULTS) $(B)
# Debian's python3 and gcc, minutes if emulated.
bt-long: $(B)/trapeze guests userland
	tests/bt.sh $(RESULTS)/long $(B) long
# A whole boot of Debian under the translator, block by block against exec_step: hours if emulated.
lockstep: $(B)/riscv64/lockstep guests
	$(if $(filter riscv64,$(shell uname -m)),,qemu-riscv64-static) $< 2000 $(GUESTS)/linux/Image \
	    $(GUESTS)/linux/initrd.cpio.gz "console=ttyS0 panic=-1 run=true"
# A million generated sequences, and some with a signal possible at every instruction.
sequences: $(B)/riscv64/sequences
	run=$$(tests/bt/emulator.sh $< 0 1); \
	for n in $$(seq 0 25000 975000); do $$run $< $$n 25000 || exit 1; done; \
	for n in $$(seq 0 25000 75000); do $$run $< $$n 25000 lacking || exit 1; done; \
	[ "$$run" = env ] || $$run -singlestep $< 1000000 20000
# Its code is never evicted: an emulator of Linux would not notice that it was written anew.
LOCKSTEP_OBJ := $(BT_OBJ:$(B)/riscv64/%=$(B)/riscv64-large/%) $(NATIVE_SRC:%.c=$(B)/riscv64/%.o)
$(B)/riscv64-large/%.o: %.c Makefile | $(SYSROOT)/done
	@mkdir -p $(@D)
	$(RISCV_CC) $(CFLAGS_ALL) -O2 -DSTLB_BITS=12 -DCACHE_BYTES=134217728 -c $< -o $@
$(BT_ASM:%=$(B)/riscv64-large/engine/bt/%.o): $(B)/riscv64-large/%.o: $(B)/riscv64/%.o
	@mkdir -p $(@D)
	cp $< $@
$(B)/riscv64/lockstep: $(B)/riscv64-large/tests/bt/lockstep.o
$(B)/riscv64/sequences: $(addprefix $(B)/riscv64-large/tests/bt/,sequences.o trial.o generate.o bare.o)
$(B)/riscv64/debug: $(B)/riscv64-large/tests/bt/debug.o
$(B)/riscv64/lockstep $(B)/riscv64/sequences $(B)/riscv64/debug: $(B)/riscv64-large/tests/bt/side.o $(LOCKSTEP_OBJ) \
    $(B)/riscv64/libtrapeze.a
	$(RISCV_CC) -static $^ -L$(SYSROOT)/lib -lfdt -lpthread -o $@
$(B)/riscv64-large/tests/bt/bare.o: tests/bt/bare.S Makefile
	@mkdir -p $(@D)
	$(RISCV_CC) -c $< -o $@
# The command with a translator that has a hole, and the same without the wall behind it.
HOLE_LINK = $(RISCV_CC) -static $^ -Wl,--wrap=gmem_ptr,--wrap=cache_create -L$(SYSROOT)/lib -lfdt -lz \
    -lpthread
HOLE_OBJ = $(B)/riscv64/tests/bt/hole.o $(RISCV_COMMAND)
$(B)/riscv64/trapeze-hole: $(HOLE_OBJ)
	$(HOLE_LINK) -o $@
$(B)/riscv64/trapeze-open: $(HOLE_OBJ)
	$(HOLE_LINK) -Wl,--wrap=confine -o $@
ring3: $(B)/trapeze guests $(SYSTEM_LINUX)
	tests/ring3.sh $(RESULTS) $(B) $(SYSTEM_LINUX)

# Ten minutes of ulix with 4 vCPUs under each engine; no part of `make test`.
STRESS_SECONDS ?= 600
STRESS_ENGINES ?= interp trap bt hs
stress: $(B)/trapeze guests metal
	tests/stress.sh $(RESULTS) $(B) $(STRESS_SECONDS) $(STRESS_ENGINES)

# All rings even if one fails: the summary says which.
test:
	rm -rf $(RESULTS)
	-$(MAKE) unit
	-$(MAKE) guests
	-$(MAKE) ring2
	-$(MAKE) cli
	-$(MAKE) metal-test
	-$(MAKE) qemu10
	-$(MAKE) ring2-engine-hs
	-$(MAKE) hs-test
	-$(MAKE) hs-cli
	-$(MAKE) trap-test
	-$(MAKE) bt-test
	-$(MAKE) ring3
	scripts/summary.sh $(RESULTS) ring1 ring2 cli metal ring2-hs hs cli-hs trap bt ring3

# libFuzzer programs tests/fuzz/fuzz_*.c; what else lies there, and ring 1's helpers, help them.
FUZZ_SECONDS ?= 60
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:%.c=$(B)/fuzz/%)
FUZZ_HELP_SRC := $(filter-out $(FUZZ_SRC),$(wildcard tests/fuzz/*.c)) $(HELP_SRC)
$(B)/fuzz/libhelp.a: $(FUZZ_HELP_SRC:%.c=$(B)/fuzz/%.o)
$(B)/fuzz/tests/fuzz/fuzz_%: $(B)/fuzz/tests/fuzz/fuzz_%.o $(B)/fuzz/libhelp.a \
    $(B)/fuzz/libhost.a $(B)/fuzz/libtrapeze.a
	$(CLANG) $(SAN) -fsanitize=fuzzer $^ $(TEST_LIBS) -o $@
# Real trees to begin with: a random one is hardly ever sound.
$(B)/corpus/fuzz_board/%.dtb: $(B)/trees/%.dtb
	@mkdir -p $(@D)
	cp $< $@
fuzz: $(FUZZ_BIN) | $(TREES:$(B)/trees/%=$(B)/corpus/fuzz_board/%)
	tests/fuzz.sh $(RESULTS) $(B)/corpus $(FUZZ_SECONDS) $^

# MUTANTS: the lists to go through.
MUTANTS ?= tests/mutants/*.txt
MUTANT_BIN := $(patsubst %,$(B)/asan/tests/unit/%,$(sort $(shell \
    sed -n 's/^[^\#].* | \(test_[a-z0-9_]*\) | .*/\1/p' $(MUTANTS))))
mutants: $(MUTANT_BIN) $(MUTANT_BIN:%=%.o)
	COMPILE='$(CC) $(filter-out -M% -g -I%,$(CFLAGS_ALL)) -w -O1 $(SAN) $(GCC_ONLY_asan)' \
	LINK='$(CC) $(SAN)' HELPERS='$(HELP_SRC:%.c=$(B)/asan/%.o)' LIBS='$(TEST_LIBS)' \
	    scripts/mutants.sh $(RESULTS) $(B) $(MUTANTS)

bench: $(B)/trapeze guests metal userland $(GUESTS)/linux/initrd-ticks.cpio.gz $(QEMU10) $(QEMU_RISCV64)
	bench/run.sh $(B)
	bench/hs.sh $(B)
	bench/trap.sh $(B)
	bench/bt.sh $(B)
