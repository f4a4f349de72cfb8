#!/bin/sh
# SPDX-License-Identifier: MIT
# Packs qemu-system-riscv64 for riscv64, the libraries that it needs and its firmware, out of
# unpacked packages, into a cpio archive for a board's initramfs. usage: mkqemu.sh ROOT OUTPUT
set -eu
export LC_ALL=C

root=$1 out=$2
tree=$(mktemp -d)
chmod 755 "$tree"
trap 'rm -rf "$tree"' EXIT INT TERM
mkdir -p "$tree/bin" "$tree/lib" "$tree/share"

# The libraries that $1 names, and theirs.
add_needed() {
    for name in $(riscv64-linux-gnu-readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
        [ -e "$tree/lib/$name" ] && continue
        file=$(find "$root" -name "$name" | head -n 1)
        [ -n "$file" ] || {
            echo "mkqemu: no package brings $name" >&2
            exit 1
        }
        cp -L "$file" "$tree/lib/$name"
        add_needed "$tree/lib/$name"
    done
}
cp "$root/usr/bin/qemu-system-riscv64" "$tree/bin/qemu"
add_needed "$tree/bin/qemu"
for file in "$tree/bin/qemu" "$tree"/lib/*; do
    riscv64-linux-gnu-strip --strip-unneeded "$file" 2>/dev/null || true
done
cp -L "$root/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin" "$tree/share/"
mkdir -p "$(dirname "$out")"
(cd "$tree" && find . -mindepth 1 | sort | cpio --quiet -R 0:0 -o -H newc) | gzip -1n >"$out.part"
mv "$out.part" "$out"
