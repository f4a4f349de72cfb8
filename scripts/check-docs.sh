#!/bin/sh
# SPDX-License-Identifier: MIT
# The documentation knows the tree: each file of core has its line in docs/core.md and each line its
# file, each relative link of a page leads somewhere, each path and target of make that a page names
# exists, and docs/command.md names each option and each counter of the command.
set -u
export LC_ALL=C
status=0

complain() {
    echo "check-docs: $1" >&2
    status=1
}

listed=$(sed -nE 's/^\| `(core\/[^`]+)` \|.*/\1/p' docs/core.md | sort)
for file in $(find core -name '*.[ch]' -o -name '*.def'); do
    echo "$listed" | grep -qx "$file" || complain "docs/core.md does not list $file"
done
for file in $listed; do
    [ -f "$file" ] || complain "docs/core.md lists $file, which does not exist"
done

for page in $(find . -path ./build -prune -o -name '*.md' -print); do
    # Links are relative to the page; `#` and what follows it name a heading.
    for link in $(grep -oE '\]\([^)]+\)' "$page" | sed -E 's/^\]\(//; s/\)$//; s/#.*//'); do
        case $link in '' | *://*) continue ;; esac
        [ -e "$(dirname "$page")/$link" ] || complain "$page links to $link, which does not exist"
    done
    # A path may lack the end of a name, as in core/exec.
    for path in $(tr -cs 'A-Za-z0-9_./-' '\n' <"$page" | sed 's/\.$//' |
        grep -E '^(core|engine|host|cli|firmware|guests|tests|bench|scripts|docs)/.'); do
        ls -d "$path"* >/dev/null 2>&1 || complain "$page names $path, which does not exist"
    done
    for target in $(grep -oE '`make [a-z][a-z0-9-]*' "$page" | sed 's/.* //'); do
        grep -qE "^\.PHONY:.* $target( |\$)|^$target:" Makefile */*.mk */*/*.mk ||
            complain "$page names make $target, which does not exist"
    done
done

for option in $(sed -nE 's/^    \{"([a-z-]+)", .*_argument,.*/\1/p' cli/options.c); do
    grep -q -e "--$option" docs/command.md || complain "docs/command.md does not name --$option"
done
counters() {
    sed -nE 's/.*line\((NULL|ctx), "([a-z0-9_.]+)",.*/\2/p' host/*/*.c engine/*/*.c
    sed -nE 's/^COUNTER\(.*, "([a-z_]+)"\)/trap.\1/p' engine/trap/counters.def
}
for counter in $(counters); do
    grep -q "\`$counter\`" docs/command.md || complain "docs/command.md does not name $counter"
done
exit $status
