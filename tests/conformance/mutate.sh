#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Shows that the conformance tests notice one wrong bit in any format file.
#
#   tests/conformance/mutate.sh SOURCE_DIR
#
# Builds the library and the tests (plain runner, unoptimized) in a temporary folder; then, for each
# line of the table below, changes one bit of one file, builds what depends on it and runs the
# tests, which must fail. Prints TAP; the exit status is 0 if every change was noticed. CC names the
# compiler.
set -u
# shellcheck source=tests/lib/plant.sh
. "$(dirname "$0")/../lib/plant.sh" || exit 2

give_up() {
	echo "mutate.sh: $*" >&2
	exit 2
}

[ $# = 1 ] || give_up "usage: mutate.sh SOURCE_DIR"
[ -f "$1/arch/format.h" ] || give_up "$1 is not the source folder: it has no arch/format.h"
source_dir=$(cd "$1" && pwd) || exit 2
cc=${CC:-cc}
program=conformance
read -ra cflags <<<"-std=gnu11 -O0 -w -pthread -DPTW_PLAIN_TESTS $(pkg-config --cflags liburcu-bp)"
read -ra libs <<<"$(pkg-config --libs liburcu-bp)"
[ ${#libs[@]} != 0 ] || give_up "liburcu-bp was not found: install liburcu-dev and pkg-config"

# File, expression for sed, what it makes wrong.
mutations() {
	cat <<'END'
arch/x86/ept.h|s/(#define EPT_D\s+PTW_BIT)\(9\)/\1(10)/|dirty flag of EPT at bit 10
arch/x86/ept.h|s/(#define EPT_OWN_SAVED_SHIFT\s+)52/\153/|saved permissions one bit further
arch/x86/ept.c|s/(#define EPTP_AD\s+PTW_BIT)\(6\)/\1(7)/|EPTP enables A and D by bit 7
arch/x86/x86_64.h|s/(#define X86_PAT_BLOCK\s+PTW_BIT)\(12\)/\1(13)/|PAT of a block at bit 13
arch/x86/x86_64.c|s/(#define EFER_NXE\s+PTW_BIT)\(11\)/\1(10)/|EFER.NXE at bit 10
arch/x86/geometry.c|s/(leaf_levels \|= 1 << )2/\13/|1-GiB leaves at level 3
arch/x86/kvm.c|s/(PTW_BIT\(57\) \| PTW_BIT\()58/\159/|MMU-writable of KVM 6.x at bit 59
arch/arm64/vmsa.h|s/(#define ARM_CONTIG\s+PTW_BIT)\(52\)/\1(53)/|contiguous bit at 53
arch/arm64/vmsa.c|s/(oa_high = PTW_BITS\()15, 12/\114, 12/|LPA with one address bit less
arch/arm64/vmsa_leaf.c|s/(root_pa >> 48 & 0x)f/\17/|TTBR with one address bit less
arch/arm64/stage2.h|s/(#define S2_XN_ALL\s+)2u/\13u/|execution denied by XN = 3
arch/arm64/stage2.c|s/(#define VTCR_SL2\s+PTW_BIT)\(33\)/\1(34)/|VTCR_EL2.SL2 at bit 34
arch/arm64/stage2.c|s/(#define VTCR_HAFT\s+PTW_BIT)\(44\)/\1(45)/|VTCR_EL2.HAFT at bit 45
arch/arm64/stage1.c|s/(#define TCR2_HAFT\s+PTW_BIT)\(11\)/\1(12)/|TCR2_EL1.HAFT at bit 12
arch/arm64/vmsa_leaf.c|s/(PTW_FEATURE_HAFT \? )ARM_AF/\1PTW_BIT(11)/|AF of tables at bit 11
arch/arm64/vmsa_leaf.c|s/features & PTW_FEATURE_HAFT/features \& PTW_FEATURE_HW_ACCESSED/|AF of tables without HAFT
arch/arm64/vmsa.c|s/(PTW_FEATURE_HW_DIRTY) \| PTW_FEATURE_HAFT(\) \&\&)/\1\2/|HAFT without HA
arch/arm64/stage1.h|s/(#define S1_UXN\s+PTW_BIT)\(54\)/\1(55)/|UXN at bit 55
arch/arm64/stage1.c|s/(#define TCR_DS\s+PTW_BIT)\(59\)/\1(58)/|TCR_EL1.DS at bit 58
arch/arm64/kvm.c|s/(frozen = PTW_BIT)\(60\)/\1(61)/|marker of KVM 7.3 at bit 61
arch/perverse/perverse.h|s/(#define PV_CLEAN\s+PTW_BIT)\(6\)/\1(10)/|clean flag at bit 10
arch/perverse/perverse.c|s/(PTW_BITS\(11, 1)0/\11/|one reserved bit less
arch/x86/ept.c|s/(EPT_ADDRESS \| EPT_LEAF) \| l->held/\1/|EPT leaves stay held at another level
arch/x86/ept.c|s/(e \| oa \| \(to) \?/\1 > 1 ?/|EPT leaves of level 1 without bit 7
arch/x86/ept.c|s/(return) l->held/\1 l->user/|EPT leaves are held by the user bit
arch/x86/x86_64.h|s/(#define X86_PAT_PAGE PTW_BIT)\(7\)/\1(8)/|PAT of a page at bit 8
arch/x86/x86_64.c|s/(e & \()from( \? X86_PAT_BLOCK)/\1!from\2/|PAT read where the other size keeps it
arch/x86/x86_64.c|s/(e \|= )to( \? X86_PAT_BLOCK)/\1!to\2/|PAT written where the other size keeps it
arch/x86/geometry.c|s/(ptw_build_bbm_level\(config, )0/\11/|x86 with FEAT_BBM level 1
arch/build.h|s/(bbm_level = \(uint8_t\)config->bbm_level)/\1 + 1/|one level of FEAT_BBM more
arch/arm64/vmsa.c|s/(break_before_make = )true/\1false/|arm64 entries are empty before the flush
arch/arm64/vmsa_build.h|s/(#define ARM_BBM_RESIZE )2u/\11u/|sizes change in place with FEAT_BBM level 1
arch/arm64/vmsa_build.h|s/(#define ARM_BBM_MAX    )2u/\13u/|FEAT_BBM level 3
arch/arm64/vmsa_leaf.c|s/(g->oa_mask \| g->oa_high) \| ARM_TYPE/\1/|leaves keep the type of their old level
arch/arm64/vmsa_leaf.c|s/g->oa_mask( \| g->oa_high \| ARM_TYPE)/(g->oa_mask \& ~ARM_NT)\1/|nT becomes an address bit
arch/arm64/vmsa_leaf.c|s/(ARM_TYPE \|) ARM_CONTIG \|/\1/|leaves stay in a group at another level
arch/arm64/vmsa_leaf.c|s/(\(memory \| ARM_SH)\)/\1_INNER)/|shareability changes in place
arch/arm64/vmsa_leaf.c|s/(from \^ to\) & )ARM_CONTIG/\1ARM_DBM/|DBM needs a break, the contiguous bit does not
arch/arm64/stage2.c|s/(level, S2_MEMATTR)\)/\1 \& ~PTW_BIT(2))/|MemAttr bit 0 changes in place
arch/arm64/stage1.c|s/(S1_ATTRINDX \|) S1_NS/\1 S1_AP_RO/|AP[2] needs a break, NS does not
arch/arm64/stage1.c|s/from & S1_NG && !\(to & S1_NG\)/to \& S1_NG \&\& !(from \& S1_NG)/|a leaf becomes global in place
arch/perverse/perverse.c|s/(pv_stored\(PV_)HELD(, level\);)/\1USER\2/|held is the user bit
arch/perverse/perverse.c|s/(PV_ADDRESS) \| PV_HELD/\1/|perverse leaves stay held at another level
arch/perverse/perverse.c|s/pv_logical\(e, from\) & ~/pv_logical(e, to) \& ~/|bits not rotated to the new level
arch/perverse/perverse.c|s/(#define PV_BBM_NEVER )2u/\13u/|the test format breaks at level 2
arch/x86/ept.c|/must_break/,/^}/s/return false/return true/|EPT entries are broken
arch/x86/x86_64.c|/must_break/,/^}/s/return false/return true/|x86-64 entries are broken
arch/arm64/vmsa_leaf.c|s/(!arm_present\(l, )to/\1from/|a break before an invalid entry
arch/arm64/vmsa_leaf.c|s/(!= arm_address\(g, )to/\1from/|the output address changes in place
arch/perverse/perverse.c|s/(!pv_present\(l, )from/\1to/|a break after an empty entry
arch/perverse/perverse.c|s/(!= pv_address\(g, )to/\1from/|a perverse address changes in place
END
}

plant_copy "$source_dir" arch include lib ports/user ports/vector tests/conformance tests/harness

sources=()
while IFS= read -r file; do
	sources+=("$file")
done < <(find arch lib ports/user ports/vector tests/conformance -name '*.c' | sort)
sources+=(tests/harness/main.c tests/harness/environment.c)

echo "TAP version 13"
echo "1..$(($(mutations | wc -l) + 1))"
if plant_build && "$objects/conformance" >"$work/log" 2>&1; then
	report 0 "unchanged, the tests pass"
else
	report 1 "unchanged, the tests pass"
	explain "$work/errors"
	[ ! -f "$work/log" ] || grep -v '^ok' "$work/log" | head -n 20
	exit 1
fi

# Those named after the file.
tests_of() {
	case $1 in
	arch/arm64/stage1.?) echo 'arm64_s1/*' ;;
	arch/arm64/stage2.?) echo 'arm64_s2/*' ;;
	arch/*/ept.? | arch/*/x86_64.? | arch/*/kvm.? | arch/*/geometry.? | arch/*/perverse.?)
		basename "$1" | sed 's|\..*|/*|'
		;;
	*) echo '*' ;;
	esac
}

# Changes $1 by $2. True if the tests notice; otherwise $work/why says what happened instead.
noticed() {
	plant "$1" -E "$2" || return 1
	# The tests of the format first: most often one of them notices.
	if "$changed/conformance" --fail-fast "$(tests_of "$1")" >"$work/log" 2>&1 &&
		"$changed/conformance" --fail-fast >"$work/log" 2>&1; then
		echo "all tests pass" >"$work/why"
		return 1
	fi
	# A test has to have failed by an assertion, not the program by something else.
	grep '^# tests/conformance.*failed' "$work/log" >"$work/proof" && return 0
	cp "$work/log" "$work/why"
	return 1
}

while IFS= read -r line; do
	file=${line%%|*}
	what=${line##*|}
	change=${line#*|}
	change=${change%|*}
	if noticed "$file" "$change"; then
		report 0 "$file: $what"
		sed -n '1s/^# tests/# noticed: tests/p' "$work/proof"
	else
		report 1 "$file: $what"
		explain "$work/why"
	fi
	plant_undo
done < <(mutations)
[ "$failed" = 0 ]
