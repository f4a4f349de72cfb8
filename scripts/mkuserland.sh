#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes an ext4 disk of unpacked Debian packages, without what no program here needs, and with our
# own programs in /test. Needs no root: mke2fs copies the tree. The same inputs give the same bytes.
# usage: mkuserland.sh ROOT OUTPUT PROGRAM...
set -eu
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"

root=$1 out=$2
shift 2
command -v mke2fs >/dev/null || {
    echo "mkuserland: no mke2fs here: apt-get install e2fsprogs" >&2
    exit 1
}

tree=$(mktemp -d)
chmod 755 "$tree"
trap 'rm -rf "$tree"' EXIT INT TERM
cp -a "$root/usr" "$tree/usr"
rm -rf "$tree"/usr/share/doc "$tree"/usr/share/man "$tree"/usr/share/locale "$tree"/usr/share/info \
    "$tree"/usr/lib/riscv64-linux-gnu/gconv
# Link-time optimisation, sanitizers, static libraries but those of every program.
find "$tree/usr" \( -name lto1 -o -name '*-lto-dump-*' \) -delete
find "$tree/usr" -name '*.a' ! -name libgcc.a ! -name libc_nonshared.a -delete

# As Debian's base has it.
for name in bin sbin lib; do
    ln -s usr/$name "$tree/$name"
done
mkdir "$tree/dev" "$tree/proc" "$tree/tmp" "$tree/test"
[ -e "$tree/usr/bin/sh" ] || ln -s dash "$tree/usr/bin/sh"
for name in as ld; do
    [ -e "$tree/usr/bin/$name" ] || ln -s riscv64-linux-gnu-$name "$tree/usr/bin/$name"
done
cp "$@" "$tree/test"
find "$tree" -exec touch -h -d @0 {} +

# An eighth more than the files, for what describes them.
size=$(du -sk --apparent-size "$tree" | awk '{ print int($1 * 9 / 8 / 1024) + 16 }')
mkdir -p "$(dirname "$out")"
rm -f "$out.part"
E2FSPROGS_FAKE_TIME=1000000000 mke2fs -q -t ext4 -b 4096 -O ^has_journal,^metadata_csum_seed -m 0 \
    -U 5b9f5c4e-29d7-4a3e-8b1d-7f2f0d8f6a11 -E hash_seed=5b9f5c4e-29d7-4a3e-8b1d-7f2f0d8f6a11,root_owner=0:0,lazy_itable_init=0 \
    -d "$tree" "$out.part" "${size}M"
mv "$out.part" "$out"
