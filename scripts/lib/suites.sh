# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash
# How a suite is run, logged and counted.
#
# A suite is a function suite_NAME. Its output goes to build/results/NAME.log. It tells its counts by
# calling count_results with TAP files or meson logs; a suite that ends with a non-zero status, or
# that counted nothing, has failed.

results=build/results
total_passed=0
total_failed=0
total_skipped=0

count_results() {
	# shellcheck disable=SC2154 # suite comes from run_suite
	python3 scripts/lib/count_tap.py "$@" >>"$results/$suite.count"
}

# Prints one TAP line for a command, whose own output goes to the log.
# $1: description; the other arguments: the command.
check() {
	local what=$1
	shift

	checks=$((${checks:-0} + 1))
	if "$@" >&2; then
		echo "ok $checks - $what"
	else
		echo "not ok $checks - $what"
	fi
}

# The same for a check that cannot be made here. $1: description, $2: why.
skip() {
	checks=$((${checks:-0} + 1))
	echo "ok $checks - $1 # SKIP $2"
}

# Runs a function made of such checks as (part of) the suite.
run_checks() {
	local tap=$results/$1.tap

	"$1" >"$tap" || return 1
	cat "$tap"
	count_results "$tap"
	! grep -q '^not ok' "$tap"
}

# Runs a command that prints TAP as (part of) the suite.
run_tap() {
	# shellcheck disable=SC2154 # suite comes from run_suite
	local tap=$results/$suite.tap status

	"$@" >"$tap"
	status=$?
	cat "$tap"
	count_results "$tap"
	return "$status"
}

# Prepares build/$1 with the given meson options; starts anew when they change.
meson_configure() {
	local dir=build/$1
	shift

	if [ ! -f "$dir/build.ninja" ] || [ "$(cat "$dir/.options" 2>/dev/null)" != "$*" ]; then
		rm -rf "$dir"
		meson setup "$dir" "$@" || return 1
		echo "$*" >"$dir/.options"
	fi
}

# The same, and builds: what the array targets says, everything if it is empty. Suites of both lanes may want the same
# build: one after the other.
targets=()
meson_build() {
	(
		flock 9
		meson_configure "$@" && ninja -k 0 -C "build/$1" "${targets[@]}"
	) 9>"build/$1.lock"
}

# Runs tests of build/$1, which it builds where they are not; the other arguments go to `meson test`. Prefix: the array
# test_wrapper.
test_wrapper=()
meson_test() {
	local dir=build/$1 status
	shift

	rm -f "$dir/meson-logs/testlog.json"
	"${test_wrapper[@]}" meson test -C "$dir" --print-errorlogs "$@"
	status=$?
	[ -f "$dir/meson-logs/testlog.json" ] && count_results "$dir/meson-logs/testlog.json"
	return "$status"
}

# What failed, by the log $1: lines "not ok", what is said next to them (Criterion indents it, TAP begins it with "#"),
# what a program of tests says on standard error, and errors of compilers. The first 40 lines of it.
failed_lines() {
	awk '
		function show(text) { if (++shown <= 40) print text }
		/^not ok/ {
			for (n = kept > 6 ? kept - 6 : 0; n < kept; n++)
				show(said[n])
			kept = 0
			show($0)
			near = 1
			next
		}
		/^(#|  )/ && near { show($0); next }
		/(^|[^a-z])error: |^FAILED: / { show($0); kept = 0; next }
		/^# .*(: failed: |: FAILED|to repeat: )/ || /Assertion failed|ERROR: .*Sanitizer|runtime error:/ { show($0); kept = 0; next }
		/^#/ { said[kept++] = $0; next }
		{ kept = near = 0 }
		END { if (shown > 40) print "... and " shown - 40 " lines more" }
	' "$1"
}

# Runs one suite and prints one line about it.
run_suite() {
	local suite=$1 log=$results/$1.log start=$SECONDS status passed=0 failed=0 skipped=0 p f s
	local extra='' what

	mkdir -p "$results"
	rm -f "$results/$suite.count"
	# Somebody who waits may want to watch; on a terminal the result takes this place. Two lanes have no place for it.
	# shellcheck disable=SC2154 # beside is the array of scripts/test
	if [ -t 1 ]; then
		printf '%-12s running; to watch: tail -f %s' "$suite" "$log"
	elif [ "${#beside[@]}" = 0 ]; then
		printf '%-12s running; to watch: tail -f %s\n' "$suite" "$log"
	fi
	: >"$log"
	("suite_$suite") </dev/null >"$log" 2>&1
	status=$?
	while read -r p f s; do
		passed=$((passed + p))
		failed=$((failed + f))
		skipped=$((skipped + s))
	done < <(cat "$results/$suite.count" 2>/dev/null)
	if [ "$failed" = 0 ] && { [ "$status" != 0 ] || [ $((passed + skipped)) = 0 ]; }; then
		failed=1
	fi
	[ "$skipped" = 0 ] || extra=", $skipped skipped"
	[ ! -t 1 ] || printf '\r\033[K'
	printf '%-12s %5d passed, %d failed%s in %d s\n' "$suite" "$passed" "$failed" "$extra" $((SECONDS - start))
	if [ "$failed" != 0 ]; then
		say "--- failed, by $log"
		what=$(failed_lines "$log")
		say "$what"
		say "--- the end of it"
		# What failed is most often all there is to know.
		tail -n "$([ -n "$what" ] && echo 12 || echo 60)" "$log"
		say "---"
	fi
	total_passed=$((total_passed + passed))
	total_failed=$((total_failed + failed))
	total_skipped=$((total_skipped + skipped))
}

# A suite is for the lane that claims it first.
unclaim_suites() {
	rm -rf "$results/claimed"
	mkdir -p "$results/claimed"
}

claim_suite() {
	mkdir "$results/claimed/$1" 2>/dev/null
}

# Runs suites one after the other, those that no other lane has claimed, of which each prints its lines at once when it
# has ended, and leaves the sums of all in $results/beside.totals: for a second lane beside the first, in the background.
run_beside() {
	local name

	rm -f "$results/beside.totals"
	for name in "$@"; do
		claim_suite "$name" || continue
		run_suite "$name" >"$results/beside.out"
		cat "$results/beside.out"
	done
	echo "$total_passed $total_failed $total_skipped" >"$results/beside.totals"
}

# Waits for process $1, which is that lane, and adds what it counted. No sums are a failure.
join_beside() {
	local p=0 f=1 s=0

	wait "$1"
	[ ! -f "$results/beside.totals" ] || read -r p f s <"$results/beside.totals"
	total_passed=$((total_passed + p))
	total_failed=$((total_failed + f))
	total_skipped=$((total_skipped + s))
}
