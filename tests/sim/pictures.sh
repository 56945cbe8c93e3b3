# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash disable=SC2154
# Sourced by run.sh: ptw-sim run --report and --plot, and the heat map on terminals.

report_shows() { # POLICY PICTURES GENERATIONS
	"$sim" run "$redis" --policy "$1" -m 75% --report page.html > "$scratch/out" 2> "$scratch/err" &&
		same "$(ls -A "$box")$(cat "$scratch/err")" page.html && mv page.html "$scratch" || return 1
	"$sim" run "$redis" --policy "$1" -m 75% --json - > "$scratch/one.json" || return 1
	same "$(python3 "$here/page.py" "$scratch/page.html" "$2" 2>&1)" "" &&
		same "$(python3 "$here/pictures.py" "$scratch/page.html" "$scratch/one.json" "$3" 2>&1)" ""
}

if command -v python3 > /dev/null; then
	check "--report of generations shows what its JSON says" report_shows gen 4 yes
	check "--report of mglru has generations, and their sizes add up" report_shows mglru 4 yes
	check "--report of lru shows the ages of the trace" report_shows lru 3 no
else
	skip "--report shows what the JSON says" "python3 is not installed"
fi

only_page() {
	"$sim" "$scratch/hand.txt" -p lru -m 3 --report - > "$scratch/out" 2> /dev/null &&
		same "$(head -n 1 "$scratch/out") $(tail -n 1 "$scratch/out")" "<!DOCTYPE html> </html>" &&
		same "$(grep -c '<svg' "$scratch/out")" 3
}
check "--report - prints the page alone, of a trace without a tick, too" only_page

looking_is_free() { # pictures change no decision
	"$sim" "$redis" -p mglru -m 25% --json x.json > "$scratch/out" && same "$(value eviction_hash < x.json)" \
		"$("$sim" "$redis" -p mglru -m 25% --json - | value eviction_hash)"
}
check "a run with a heat map decides as one without" looking_is_free
rm -f "$box/x.json"

heat_map() { # 17 ages of 80 columns, none of it in colour
	"$sim" "$redis" -p lru > "$scratch/out"
	same "$(sed -n '/^Idle age over time/,$p' "$scratch/out" | grep -c '^ *[0-9].* |.\{80\}|$')" 17 &&
		same "$(grep -c $'\033' "$scratch/out")" 0 && same "$(awk 'NR > 1 && length > 100' "$scratch/out")" "" &&
		grep -q '|.*\..*|$' "$scratch/out" && grep -q '|.*@.*|$' "$scratch/out"
}
check "the heat map is in the tables, by letters in a file" heat_map

on_terminal() { # VARIABLE=VALUE...: lines with colour on a terminal
	env TERM=xterm "$@" python3 -c 'import os, pty, sys; pty.spawn(sys.argv[1:], lambda fd: os.read(fd, 65536))' \
		"$sim" "$scratch/hand.txt" -p lru -m 3 2> /dev/null < /dev/null | grep -c $'\033\[48;5;'
}
if ! command -v python3 > /dev/null; then
	skip "the heat map has colours on a terminal" "python3 is not installed"
elif ! python3 -c 'import os; os.openpty()' 2> /dev/null; then
	skip "the heat map has colours on a terminal" "no pseudo-terminals here: /dev/pts is not mounted"
else
	check "the heat map has colours on a terminal" same "$(on_terminal A=b)" 1
	check "NO_COLOR takes them away" same "$(on_terminal NO_COLOR=1)" 0
	check "so does a terminal that is dumb" same "$(on_terminal TERM=dumb)" 0
fi

plotted() {
	"$sim" "$redis" -p gen --plot new/ > "$scratch/out" 2> "$scratch/err" &&
		same "$(cat "$scratch/err")$(echo ./* new/*)" "./new new/idle-age.png new/idle-age.svg" &&
		same "$(head -c 4 new/idle-age.png | tail -c 3)" PNG && grep -q '<svg' new/idle-age.svg &&
		[ "$(wc -c < new/idle-age.png)" -gt 5000 ] && ! grep -q '<image\|href=.[^#]' new/idle-age.svg
}
if gnuplot --version > /dev/null 2>&1; then
	check "--plot draws PNG and SVG into a new folder" plotted
	rm -rf "$box/new"
	check "--plot into a file is refused" refused "folder '.*hand.txt': Not a directory" "$redis" --plot "$scratch/hand.txt"
	check "--plot into a missing folder's folder is refused" refused "cannot put pictures" "$redis" --plot no/no
else
	skip "--plot draws PNG and SVG into a new folder" "gnuplot is not installed"
fi
no_gnuplot() {
	local PATH_BEFORE=$PATH good
	# What `refused` needs, and nothing else.
	mkdir -p "$scratch/bin"
	for tool in wc grep ls cat sed rm; do
		ln -sf "$(command -v $tool)" "$scratch/bin/$tool"
	done
	PATH=$scratch/bin
	refused "needs gnuplot.*gnuplot-nox" "$redis" --plot x
	good=$?
	PATH=$PATH_BEFORE
	return $good
}
check "--plot without gnuplot is refused, before the run" no_gnuplot

check "--report and --json into one file is refused" refused "are the same" "$redis" --report x --json x
check "--report onto the trace is refused" refused "would replace the trace" "$scratch/hand.txt" --report "$scratch/hand.txt"
check "--report into a missing folder is refused" refused "cannot write 'no/x'" "$redis" --report no/x
check "an empty --report is refused" refused "bad --report" "$redis" --report=
check "--report with a guest is refused" refused "report is about one trace" "$redis" --guest "$redis" --report x
check "--plot with a guest is refused" refused "plot is about one trace" "$redis" --guest "$redis" --plot x
