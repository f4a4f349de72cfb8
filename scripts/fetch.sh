#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches packages of another Debian suite or architecture with apt's own client and an apt
# configuration of the project's own, so that neither the machine's package sources nor its
# installed packages change. Unpacks into DIR/root, and fetches nothing when the same packages were
# fetched before. A package that only depends on the real one (linux-image-ARCH) stands for that.
# usage: fetch.sh DIR SUITE ARCH PACKAGE...
set -eu

apt=$(mkdir -p "$1" && cd "$1" && pwd)
done_mark=$apt/fetched
suite=$2
arch=$3
shift 3
packages=$*

if [ "$(cat "$done_mark" 2>/dev/null)" = "$packages" ]; then
    touch "$done_mark"
    exit 0
fi

for tool in apt-get apt-cache dpkg-deb; do
    command -v $tool >/dev/null || {
        echo "fetch: no $tool here: packages are fetched with Debian's apt" >&2
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
    echo "fetch: no entry for Debian's main archive in /etc/apt/sources.list*: add one" >&2
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
# What stands for the package $1: the kernel that the name linux-image-ARCH depends on, or itself.
real_name() {
    case $1 in
    linux-image-"$arch")
        apt-cache -c "$apt/apt.conf" show "$1" |
            sed -n 's/^Depends: *\(linux-image-[^ ,]*\).*/\1/p' | head -n 1
        ;;
    *) echo "$1" ;;
    esac
}

names=
for package in $packages; do
    name=$(real_name "$package")
    [ -n "$name" ] || {
        echo "fetch: $package names no kernel package" >&2
        exit 1
    }
    names="$names $name"
done

rm -rf "$apt/debs" "$apt/root"
mkdir "$apt/debs" "$apt/root"
# The names are separate words on purpose; the suite, because its versions may be of low priority.
(cd "$apt/debs" && apt-get -q -c "$apt/apt.conf" -t "$suite" download $names)
for deb in "$apt"/debs/*.deb; do
    dpkg-deb -x "$deb" "$apt/root"
done
rm -rf "$apt/debs"
echo "$packages" >"$done_mark"
