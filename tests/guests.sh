# SPDX-License-Identifier: MIT
# Shell functions that run our own guests with the command, for rings 2 and trap. They expect
# $command, $engine, $build and $out, and tests/lib.sh.

# run_guest STATUS OPTIONS...: true if the guest ends with that status; its console is in $out.
run_guest() {
    want=$1
    shift
    # The command may be an emulator and its argument.
    timeout 120 $command run --engine "$engine" "$@" >"$out" 2>"$out.err" </dev/null
    got=$?
    [ "$got" -eq "$want" ] && return
    echo "status $got, expected $want; the end of its output:"
    tail -n 20 "$out"
    cat "$out.err"
    return 1
}

says() {
    grep -q "$1" "$out" && return
    echo "no line with '$1' in:"
    tail -n 20 "$out"
    return 1
}

one_line_why() {
    grep -q 'vcpu' "$out.err" && grep -q 'pc' "$out.err" && return
    echo "no line that says which vCPU was parked, and where, in:"
    cat "$out.err"
    return 1
}

hello() {
    run_guest 0 --kernel "$build/guests/hello.elf" --memory 128M --vcpus "$1" &&
        [ "$(grep -c '^hello: tick' "$out")" -eq 5 ] && says '^hello: all is well'
}

smp() {
    run_guest 0 --kernel "$build/guests/smp.elf" --memory 128M --vcpus "$1" --timeout 60 &&
        says "^smp: $1 harts, all is well"
}

# A guest that checks sentences of a specification, a line for each.
checks() {
    name=$1
    shift
    run_guest 0 --kernel "$build/guests/$name.elf" --memory 128M --timeout 100 "$@" &&
        says "^$name: [0-9]* checks, all is well"
}

# ulix VCPUS OPTIONS...: a kernel with processes, that checks itself.
ulix() {
    run_guest 0 --kernel "$build/guests/ulix.elf" --memory 128M --timeout 110 --vcpus "$@" &&
        says '^ulix: [0-9]* checks, all is well'
}

# The same with its files on a disk, one of which it writes: byte i becomes (i + 2) * 11 + i / 509.
ulix_on_disk() {
    cp "$build/guests/ulix.cpio" "$out.disk" && truncate -s 512K "$out.disk" &&
        ulix "$@" --disk "$out.disk" && says 'files on the disk' || return
    cmp -l "$build/guests/ulix.cpio" "$out.disk" 2>/dev/null | awk '
        function octal(n) { return int(n / 64) * 100 + int(n / 8) % 8 * 10 + n % 8 }
        NR == 1 { first = $1 }
        { i = $1 - first; bad += $3 != octal(((i + 2) * 11 + int(i / 509)) % 256) }
        END { exit !(bad == 0 && NR > 19900 && i < 20000) }' && return
    echo "the disk is not as the guest should have left it"
    return 1
}

# Without remote fences harts go on using what another took from a table: the guest says so.
ulix_without_fences() {
    run_guest 3 --kernel "$build/guests/ulix.elf" --memory 128M --timeout 110 --vcpus 4 \
        --append 'rounds=4 without=shootdown' && says '^FAIL no thread uses what another took'
}

# The disk that habits.elf wants: full of 'a', of which it makes two sectors 'b'.
habits() {
    head -c 65536 /dev/zero | tr '\0' a >"$out.disk"
    run_guest 0 --kernel "$build/guests/habits.elf" --memory 128M --timeout 60 "$@" &&
        says '^habits: all is well'
}

habits_on_disk() {
    habits --disk "$out.disk$1" && says "^habits: disk, $2" && says '^habits: disk, by interrupts' &&
        [ "$(tr -d a <"$out.disk" | wc -c)" -eq 1024 ]
}

# Every measurement is there, with a count and a time.
bench() {
    run_guest 0 --kernel "$build/guests/$1.elf" --memory 128M --timeout 110 || return
    for name in sbi_call set_timer timer_sbi ipi_self remote_fence_self uart_read first_touch \
        csr_write sfence_vma satp_switch user_ecall wfi_excess char_uart pure memory badsyscall \
        goodsyscall; do
        says "^BENCH $name [1-9][0-9]* [0-9][0-9]*.\{0,1\}\$" || return
    done
    [ "$(grep -c '^good.sys' "$out")" -eq 1000 ]
}

case_guest() {
    run_guest "$2" --kernel "$build/guests/case-$1.elf" --memory 64M --timeout "$3"
}

parked_guest() {
    case_guest "$1" 4 20 && one_line_why
}
