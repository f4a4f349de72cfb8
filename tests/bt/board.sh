# SPDX-License-Identifier: MIT
# Sourced: a board with Linux and a shell of its own, for what has to be seen from outside the
# command. On a RISC-V machine the script runs in place. $build is the build's folder.

# board SECONDS MEMORY SCRIPT FILE...: runs tests/bt/SCRIPT in a folder with the files, as root; its
# output is that of this function.
board() {
    seconds=$1 memory=$2 script=$3
    shift 3
    folder=$(mktemp -d)
    cp "$@" "$folder"
    cp "tests/bt/$script" "$folder/script"
    if [ "$(uname -m)" = riscv64 ]; then
        (cd "$folder" && timeout "$seconds" sh script)
    else
        {
            cat "$build/guests/linux/initrd.cpio.gz"
            (cd "$folder" && find . -mindepth 1 | cpio --quiet -R 0:0 -o -H newc | gzip -1n)
        } >"$folder.initrd"
        timeout -k 5 "$seconds" qemu-system-riscv64 -M virt -m "$memory" -smp 4 -display none \
            -monitor none -serial stdio -kernel "$build/guests/linux/Image" -initrd "$folder.initrd" \
            -append 'console=ttyS0 quiet loglevel=0 cryptomgr.notests panic=-1 run="cd / && sh script"' \
            -no-reboot </dev/null 2>&1 | tr -d '\r'
    fi
    rm -rf "$folder" "$folder.initrd"
}
