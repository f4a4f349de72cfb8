# SPDX-License-Identifier: MIT
# Sourced by what measures on the board, with `build` and `work` (a folder of its own) set: puts QEMU
# 10 first where it was fetched (make qemu10), for the figures are made with it.
qemu10=$build/qemu10/root/usr
if [ -x "$qemu10/bin/qemu-system-riscv64" ]; then
    printf '#!/bin/sh\nexec "%s/bin/qemu-system-riscv64" -L "%s/share/qemu" "$@"\n' "$qemu10" "$qemu10" \
        >"$work/qemu-system-riscv64"
    chmod +x "$work/qemu-system-riscv64"
    PATH=$work:$PATH
fi
