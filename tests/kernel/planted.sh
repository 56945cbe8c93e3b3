# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # what run.sh sets
# Bugs planted in a copy of the exported tree, each with tests of the kernel that must see it. Sourced by
# run.sh for --planted.

# name | file | sed script | module | filter: tests of which some must fail. What is a race on hardware gets
# a longer window, since an emulated machine has few of them.
planted_bugs() {
	cat <<'END'
nothing is planted|||ptw_api|stress/ept
a wrong accessed bit|arch/x86/ept.h|s/^(#define EPT_A[[:space:]]+).*/\1((uint64_t)1 << 10)/|ptw_api|*/ept
tables are freed without a grace period|port/port.c|s/^\tcall_rcu\(&head->head, ptw_rcu_run\);/\tptw_rcu_run(\&head->head);/|ptw_api|stress/*
accessed is cleared by a load and a store|include/ptw/port/linux.h|s/^\treturn \(uint64_t\)atomic64_fetch_andnot_relaxed\(.*/\tconst uint64_t was = READ_ONCE(*entry);\n\n\tfor (int i = 0; i < 100; i++)\n\t\tcpu_relax();\n\tWRITE_ONCE(*entry, was \& ~bits);\n\treturn was \& bits;/;s/^#ifdef CONFIG_X86$/#if 0/|ptw_api|stress/*
memory of spaces is not zeroed|port/port.c|s/kvzalloc\(/kvmalloc(/|ptw_test|slots/*
END
}

run_planted() {
	local name file script module filter good number=0 bad=0 ok before

	work=$work-planted
	mkdir -p "$work" "$scratch/good" && cp -r "$tree/." "$scratch/good" || exit 1
	echo 'TAP version 13'
	while IFS='|' read -r name file script module filter; do
		good=0
		rm -rf "$scratch/bad" && cp -r "$scratch/good" "$scratch/bad" || exit 1
		if [ -n "$file" ]; then
			before=$(cksum <"$scratch/bad/$file")
			sed -i -E "$script" "$scratch/bad/$file" || exit 1
			[ "$before" != "$(cksum <"$scratch/bad/$file")" ] ||
				give_up "$name: nothing was changed in $file; mend tests/kernel/planted.sh"
		fi
		make_modules "$scratch/bad" "$work" 2>"$scratch/build" || {
			cat "$scratch/build" >&2
			give_up "$name: does not build"
		}
		boot "$scratch/console" "libptw
$module $(arguments_of) filter=$filter"
		report "$scratch/console" >"$scratch/tap" && good=1
		number=$((number + 1))
		ok=ok
		if [ -n "$file" ]; then
			[ $good = 0 ] || ok='not ok'
			echo "$ok $number - seen in the kernel: $name"
		else
			[ $good = 1 ] || ok='not ok'
			echo "$ok $number - the kernel's tests pass while $name"
		fi
		grep -E '^# .*(failed|lap|WARNING|BUG|Oops|panic|no end)|^not ok' "$scratch/tap" |
			head -n 6 | sed 's/^/# /'
		[ "$ok" = ok ] || bad=1
	done < <(planted_bugs)
	echo "1..$number"
	return $bad
}
