#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes a boot bundle by hand, of what the command itself never asks for. Members keep their places
# (plain cpio), so that the hypervisor is seen to read such archives too.
# usage: mkbundle.sh OUTPUT KERNEL VCPUS MIB [-i INITRD] [-s SNAPSHOT] [-a APPEND] [-v VM_DTS] [-r ROOT_DTS]
set -eu
out=$1 kernel=$2 vcpus=$3 mib=$4
shift 4
initrd='' snapshot='' append='' vm='' root=''
while getopts i:s:a:v:r: option; do
    case $option in
    i) initrd=$OPTARG ;;
    s) snapshot=$OPTARG ;;
    a) append=$OPTARG ;;
    v) vm=$OPTARG ;;
    r) root=$OPTARG ;;
    *) exit 2 ;;
    esac
done

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT INT TERM
members='machine.dtb kernel'
cp "$kernel" "$tree/kernel"
if [ -n "$initrd" ]; then
    cp "$initrd" "$tree/initrd"
    members="$members initrd"
    vm="trapeze,initrd = \"initrd\"; $vm"
fi
if [ -n "$snapshot" ]; then
    cp "$snapshot" "$tree/snapshot"
    members="$members snapshot"
    vm="trapeze,snapshot = \"snapshot\"; $vm"
fi
cat >"$tree/machine.dts" <<EOF
/dts-v1/;
/ {
    compatible = "trapeze,machine";
    $root
    vm {
        compatible = "trapeze,vm";
        trapeze,name = "guest";
        trapeze,memory = /bits/ 64 <$((mib << 20))>;
        trapeze,vcpus = <$vcpus>;
        trapeze,kernel = "kernel";
        trapeze,append = "$append";
        #address-cells = <1>;
        #size-cells = <0>;
        $vm
    };
};
EOF
dtc -q -I dts -O dtb "$tree/machine.dts" -o "$tree/machine.dtb"
(cd "$tree" && printf '%s\n' $members | cpio --quiet -o -H newc) >"$out"
