# SPDX-License-Identifier: MIT
# Results (key, column, value), then the rows of hs.tsv: prints the table, writes name, ours and
# OpenSBI's to `table`, and fails when a figure is above its limit, is missing, or when the two
# benchmark guests differ by more than 10 %.
BEGIN { FS = "\t" }

FILENAME !~ /hs\.tsv$/ { figure[$1, $2] = $3; next }

/^#/ { next }

function known(column) { return (key, column) in figure }

function ratio_to(column) {
    return known(column) && figure[key, column] > 0 ? figure[key, "here"] / figure[key, column] : "-"
}

function shown(value) {
    if (value !~ /^[0-9.]+$/) return value
    return value >= 1000 || value == int(value) ? sprintf("%.0f", value) : sprintf("%.1f", value)
}

function column(name) { return known(name) ? shown(figure[key, name]) : "-" }

function complain(text) { wrong = wrong sprintf("hs: %s: %s\n", key, text) }

# Small figures may differ by a little of what is allowed: they hang on where a tick ends.
function check_twin(    a, b, room) {
    if (!known("here2"))
        return
    a = figure[key, "here"]; b = figure[key, "here2"]
    room = b / 10 > most / 20 ? b / 10 : most / 20
    if (a - b > room || b - a > room)
        complain(sprintf("%s under bench.elf, %s under bench2.elf", shown(a), shown(b)))
}

!heading++ {
    printf "\n%-66s %10s %10s %10s %10s %8s %9s   %s\n", "instructions", "OpenSBI", "firmware", "here", \
        "bench2", "ratio", "at most", "recorded: Bao, Xvisor, KVM"
}

{
    key = $1; limit = $3
    if (!known("here")) {
        complain("not measured")
        next
    }
    base = limit ~ /\*$/ ? "opensbi" : "bare"
    ratio = ratio_to(base)
    most = limit; sub(/[*=]$/, "", most)
    measured = limit ~ /[*=]$/ ? ratio : figure[key, "here"]
    printf "%-66s %10s %10s %10s %10s %8s %9s   %s, %s, %s\n", $2, column("opensbi"), column("bare"), \
        column("here"), column("here2"), ratio == "-" ? "-" : sprintf("%.3f", ratio), limit, $4, $5, $6
    if (measured == "-" || measured + 0 > most + 0)
        complain(sprintf("%s, at most %s", measured == "-" ? "no ratio" : shown(measured) + 0, limit))
    check_twin()
    if (known("opensbi"))
        printf "%s\t%s\t%s\n", $1, figure[key, "here"], figure[key, "opensbi"] >table
}

END {
    print "\nratio and limit: `*` to bare metal on OpenSBI, else to bare metal on our firmware"
    if (wrong == "")
        print "hs: every figure is within its limit"
    printf "%s", wrong
    exit wrong != ""
}
