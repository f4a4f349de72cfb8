# SPDX-License-Identifier: MIT
# Results (key, column, value), then the rows of bt.tsv: prints the table, writes name, ours and
# QEMU's to `table`, and fails when a figure is above its limit, is missing, or when the two
# benchmark guests differ by more than 10 %.
BEGIN { FS = "\t" }

FILENAME !~ /bt\.tsv$/ { figure[$1, $2] = $3; next }

/^#/ { next }

# The clock runs from the guest's beginning here, from the machine's elsewhere.
function boot(column) {
    if (!(("up", column) in figure)) return
    figure["boot", column] = figure["up", column] - (column == "bench" ? 0 : figure["start", column])
}

function known(column) { return (key, column) in figure }

function shown(value) {
    if (value >= 1e6) return sprintf("%.1f M", value / 1e6)
    return value >= 1000 || value == int(value) ? sprintf("%.0f", value) : sprintf("%.1f", value)
}

function column(name) { return known(name) ? shown(figure[key, name]) : "-" }

function ratio(name) { return known(name) && known("bare") ? figure[key, name] / figure[key, "bare"] : 0 }

function limit(text) { return text ~ /\*$/ || text == "" ? text : shown(text) }

function complain(text) { wrong = wrong sprintf("bt: %s: %s\n", key, text) }

# Ratios of the rows with a `*` so far, smallest first.
function remember(value,    i) {
    for (i = ++nratios; i > 1 && sorted[i - 1] > value; i--)
        sorted[i] = sorted[i - 1]
    sorted[i] = value
}

!heading++ {
    boot("bench"); boot("bare"); boot("qemu")
    printf "\n%-44s %10s %10s %10s %10s %7s %8s %8s\n", "instructions", "bare", "QEMU TCG", "bt", "bench2", \
        "ratio", "at most", "aim"
}

{
    key = $1
    if (key == "median") {
        measured = nratios ? (sorted[int((nratios + 1) / 2)] + sorted[int(nratios / 2) + 1]) / 2 : 0
    } else if (!known("bench")) {
        complain("not measured")
        next
    } else {
        measured = $3 ~ /\*$/ ? ratio("bench") : figure[key, "bench"]
        if ($3 ~ /\*$/) remember(measured)
    }
    printf "%-44s %10s %10s %10s %10s %7s %8s %8s\n", $2, column("bare"), column("qemu"), column("bench"), \
        column("bench2"), sprintf("%.2f", key == "median" ? measured : ratio("bench")), limit($3), limit($4)
    if (measured == 0 || measured > $3 + 0)
        complain(sprintf("%s, at most %s", shown(measured), limit($3)))
    if (known("bench2") && (figure[key, "bench2"] > 1.1 * figure[key, "bench"] ||
                            figure[key, "bench2"] < figure[key, "bench"] / 1.1))
        complain(sprintf("%s under bench.elf, %s under bench2.elf", column("bench"), column("bench2")))
    if (known("bench"))
        printf "%s\t%s\t%s\n", key, figure[key, "bench"], known("qemu") ? figure[key, "qemu"] : "-" >table
}

END {
    print wrong == "" ? "\nbt: every figure is within its limit" : "\n" wrong
    exit wrong != ""
}
