#!/bin/sh
# SPDX-License-Identifier: MIT
# Packs kernel modules with a list of them in loading order and, with an init, that and busybox: the
# Linux guest's initrd, or the part of a board's that is not made when the board starts. Symbols that no relocation
# needs are left behind: they are most of the bytes, and the guest unpacks every byte before init
# runs. Needs no root: devices come from the kernel's own archive and devtmpfs. The same inputs give
# the same bytes. usage: mkinitrd.sh UNPACKED_PACKAGES OUTPUT MODULES [INIT [PROGRAM]]
set -eu
export LC_ALL=C

root=$1 out=$2 wanted=$3 init=${4-} program=${5-}

tree=$(mktemp -d)
chmod 755 "$tree"
trap 'rm -rf "$tree"' EXIT INT TERM
modules=$tree/lib/modules
mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/tmp" "$tree/mnt" "$tree/root" "$modules"

if [ -n "$init" ]; then
    cp "$root/usr/bin/busybox" "$tree/bin/busybox"
    ln -s busybox "$tree/bin/sh"
    cp "$init" "$tree/init"
    chmod 755 "$tree/init" "$tree/bin/busybox"
    [ -z "$program" ] || cp "$program" "$tree/bin"
fi
: >"$modules/order"

# Unpacks module $1 and, before it, whatever its .modinfo says it depends on. Debian names a
# module's file with `-` or `_`, its dependants always with `_`.
add_module() {
    [ -e "$modules/$1.ko" ] && return
    file=$(find "$root"/usr/lib/modules/*/kernel -name "$1.ko.xz")
    [ -n "$file" ] || file=$(find "$root"/usr/lib/modules/*/kernel -name "$(echo "$1" | tr _ -).ko.xz")
    [ -n "$file" ] || {
        echo "mkinitrd: the kernel package holds no module $1" >&2
        exit 1
    }
    xz -dc "$file" >"$modules/$1.ko"
    riscv64-linux-gnu-strip --strip-unneeded "$modules/$1.ko"
    for dependency in $(tr '\0' '\n' <"$modules/$1.ko" | sed -n 's/^depends=//p' | tr , ' '); do
        add_module "$dependency"
    done
    echo "$1.ko" >>"$modules/order"
}
for module in $wanted; do
    add_module "$module"
done

find "$tree" -exec touch -h -d @0 {} +
mkdir -p "$(dirname "$out")"
(cd "$tree" && find . | sort | cpio --quiet --reproducible -R 0:0 -o -H newc) | gzip -9n >"$out.part"
mv "$out.part" "$out"
