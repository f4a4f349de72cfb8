#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches what runs on RISC-V and is not ours (Debian's kernel, busybox, U-Boot, libfdt, zlib) with
# apt's own client and an apt configuration of the project's own, so that neither the machine's
# package sources nor its installed packages change. usage: fetch-guests.sh BUILD_DIR; unpacks into
# BUILD_DIR/apt/root, and fetches nothing when the same packages were fetched before.
set -eu

apt=$(mkdir -p "$1/apt" && cd "$1/apt" && pwd)
done_mark=$apt/fetched
suite=trixie
arch=riscv64
packages="linux-image-$arch busybox-static u-boot-qemu libfdt-dev zlib1g-dev"

if [ "$(cat "$done_mark" 2>/dev/null)" = "$packages" ]; then
    touch "$done_mark"
    exit 0
fi

for tool in apt-get apt-cache dpkg-deb; do
    command -v $tool >/dev/null || {
        echo "fetch-guests: no $tool here: guests are fetched with Debian's apt" >&2
        exit 1
    }
done

# The machine's first entry for Debian's main archive, deb822 or one line, as a deb822 stanza for
# our suite. Options that say how to trust the mirror (Signed-By, Trusted, Check-Valid-Until, ...)
# are kept.
deb822_entry() {
    awk -v suite=$suite '
        function flush_stanza() {
            if (types ~ /(^| )deb( |$)/ && components ~ /(^| )main( |$)/ && enabled != "no" && !found &&
                uri != "" && uri !~ /security/ &&
                suites ~ /(^| )(bookworm|trixie|forky|sid|oldstable|stable|testing|unstable)( |$)/) {
                printf "Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n%s", uri, suite, options
                found = 1
            }
            types = uri = suites = components = enabled = options = ""
        }
        /^#/ { next }
        /^[ \t]*$/ { flush_stanza(); next }
        /^[ \t]/ { if (kept) options = options $0 "\n"; next }
        {
            colon = index($0, ":")
            field = tolower(substr($0, 1, colon - 1))
            value = substr($0, colon + 1)
            gsub(/^[ \t]+|[ \t]+$/, "", value)
            gsub(/\t/, " ", value)
            kept = 0
            if (field == "types") types = value
            else if (field == "uris") { split(value, list, " "); uri = list[1] }
            else if (field == "suites") suites = value
            else if (field == "components") components = value
            else if (field == "enabled") enabled = tolower(value)
            else if (field != "architectures" && field != "pdiffs") {
                options = options $0 "\n"
                kept = 1
            }
        }
        END { flush_stanza() }'
}

# Rewrites one-line entries as deb822 stanzas.
oneline_to_deb822() {
    sed -n 's/^[ \t]*deb[ \t][ \t]*//p' | awk '
        {
            sub(/#.*/, "")
            options = ""
            if (match($0, /^\[[^]]*\]/)) {
                count = split(substr($0, 2, RLENGTH - 2), list, " ")
                $0 = substr($0, RLENGTH + 1)
                for (i = 1; i <= count; i++) {
                    equals = index(list[i], "=")
                    if (equals)
                        options = options substr(list[i], 1, equals - 1) ": " substr(list[i], equals + 1) "\n"
                }
            }
            components = ""
            for (i = 3; i <= NF; i++) components = components " " $i
            if (NF >= 3)
                printf "Types: deb\nURIs: %s\nSuites: %s\nComponents:%s\n%s\n", $1, $2, components, options
        }'
}

machine_sources() {
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -f "$file" ] && oneline_to_deb822 <"$file"
    done
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] && { cat "$file"; echo; }
    done
    return 0
}

mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/preferences.d"
: >"$apt/state/status"
machine_sources | deb822_entry >"$apt/debian.sources"
[ -s "$apt/debian.sources" ] || {
    echo "fetch-guests: no entry for Debian's main archive in /etc/apt/sources.list*: add one" >&2
    exit 1
}

# Read after the machine's own configuration, so a proxy set there still holds; its hooks do not.
cat >"$apt/apt.conf" <<CONF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
#clear APT::Architectures;
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::State "$apt/state";
Dir::State::status "$apt/state/status";
Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/debian.sources";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "$apt/preferences";
Dir::Etc::preferencesparts "$apt/preferences.d";
CONF

apt-get -q -c "$apt/apt.conf" update
# The first is a name for whatever kernel is current, and holds none itself.
kernel=$(apt-cache -c "$apt/apt.conf" show linux-image-$arch |
    sed -n 's/^Depends: *\(linux-image-[^ ,]*\).*/\1/p' | head -n 1)
[ -n "$kernel" ] || {
    echo "fetch-guests: linux-image-$arch names no kernel package" >&2
    exit 1
}

rm -rf "$apt/debs" "$apt/root"
mkdir "$apt/debs" "$apt/root"
(cd "$apt/debs" && apt-get -q -c "$apt/apt.conf" download "$kernel" ${packages#* })
for deb in "$apt"/debs/*.deb; do
    dpkg-deb -x "$deb" "$apt/root"
done
rm -rf "$apt/debs"
echo "$packages" >"$done_mark"
