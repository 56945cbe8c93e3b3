/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * arm64 descriptors, stage 2 and stage 1 of the EL1&0 regime, from the Arm Architecture Reference
 * Manual (DDI 0487), chapter D8 "The AArch64 Virtual Memory System Architecture".
 *
 * Order of the checks (D8 "MMU faults", priorities within one walk): translation fault, address
 * size fault, and at the leaf access flag fault, then permission fault.
 *
 * Order of the updates (D8.5 "Hardware updates to the translation tables"): whether AF is set when
 * the access ends in a permission fault is CONSTRAINED UNPREDICTABLE; here it is not, which is also
 * QEMU's choice. Dirty is set only together with AF, by one update of one descriptor. With
 * FEAT_HAFT the AF of a table descriptor is set before the table below is read, and stays when the
 * access faults there. Without it hardware ignores the bit; no fault lets software set it.
 */
#include "softmmu_internal.h"

/* D8.3 "Translation table descriptor formats". */
#define DESC_VALID	SOFTMMU_BIT(0)
#define DESC_TABLE	SOFTMMU_BIT(1) /* table, or page at the last level; 0: block */

#define LEAF_S2AP_READ	SOFTMMU_BIT(6)
#define LEAF_AP_EL0	SOFTMMU_BIT(6) /* AP[1] */
#define LEAF_WRITE	SOFTMMU_BIT(7) /* S2AP[1] = 1 or AP[2] = 0: writable, and dirty with DBM */
#define LEAF_AF		SOFTMMU_BIT(10)
#define TABLE_AF	SOFTMMU_BIT(10) /* with FEAT_HAFT, else ignored */
#define LEAF_DBM	SOFTMMU_BIT(51)
#define LEAF_CONTIGUOUS SOFTMMU_BIT(52)
#define LEAF_PXN	SOFTMMU_BIT(53)
#define LEAF_UXN	SOFTMMU_BIT(54)
#define LEAF_S2_XN(e)	((e) >> 53 & 3) /* XN[1:0]; bit 54 alone is XN without FEAT_XNX */

/* Stage-1 table descriptors, bits 62:59, as the path keeps them. */
#define TABLE_LIMITS(e) ((uint32_t)((e) >> 59 & 15))
#define PATH_PXN	1u
#define PATH_UXN	2u
#define PATH_NO_EL0	4u /* APTable[0] */
#define PATH_READ_ONLY	8u /* APTable[1] */

/* D8.4 "Stage 2 data accesses permissions" and "Stage 2 instruction execution": a fetch needs no
 * read permission. `writable` includes writable-clean. */
SOFTMMU_INLINE uint32_t s2_perms(const struct ptw_softmmu *cpu, uint64_t entry, bool writable)
{
	/* EL1 and EL0 by XN[1:0]: both, EL0 only, none, EL1 only. */
	static const uint8_t xnx[4] = {
		SOFTMMU_FETCH | SOFTMMU_FETCH << SOFTMMU_USER_SHIFT,
		SOFTMMU_FETCH << SOFTMMU_USER_SHIFT,
		0,
		SOFTMMU_FETCH,
	};
	uint32_t perms = 0;

	if (entry & LEAF_S2AP_READ)
		perms |= SOFTMMU_READ;
	if (writable)
		perms |= SOFTMMU_WRITE;
	perms |= perms << SOFTMMU_USER_SHIFT;
	return perms | xnx[LEAF_S2_XN(entry) & (cpu->arm64.xnx ? 3 : 2)];
}

/* D8.4 "Stage 1 permissions" and "Hierarchical control of permissions"; PAN and WXN are off. What
 * EL0 may write, EL1 may not execute. */
SOFTMMU_INLINE uint32_t s1_perms(uint32_t path, uint64_t entry, bool writable)
{
	const bool el0 = (entry & LEAF_AP_EL0) && !(path & PATH_NO_EL0);
	uint32_t perms = SOFTMMU_READ;

	if (path & PATH_READ_ONLY)
		writable = false;
	if (writable)
		perms |= SOFTMMU_WRITE;
	if (el0)
		perms |= perms << SOFTMMU_USER_SHIFT;
	if (!(entry & LEAF_PXN) && !(path & PATH_PXN) && !(el0 && writable))
		perms |= SOFTMMU_FETCH;
	if (!(entry & LEAF_UXN) && !(path & PATH_UXN))
		perms |= SOFTMMU_FETCH << SOFTMMU_USER_SHIFT;
	return perms;
}

SOFTMMU_INLINE bool leaf_dirty(const struct ptw_softmmu *cpu, uint64_t entry)
{
	return (entry & LEAF_WRITE) == cpu->arm64.dirty_value;
}

SOFTMMU_INLINE int arm64_decode(const struct ptw_softmmu *cpu, const struct softmmu_walk *walk,
				unsigned int level, uint64_t entry, struct softmmu_step *step,
				bool stage2)
{
	const struct softmmu_arm64 *arm64 = &cpu->arm64;
	bool writable;
	uint32_t perms;

	if (!(entry & DESC_VALID))
		return PTW_SOFTMMU_TRANSLATION;
	step->leaf = level == 0 || !(entry & DESC_TABLE);
	if (level == 0 ? !(entry & DESC_TABLE) : step->leaf && !(cpu->leaf_levels >> level & 1))
		return PTW_SOFTMMU_TRANSLATION; /* reserved, which counts as invalid */

	step->next = entry & arm64->address_mask;
	if (arm64->high_bits)
		step->next |= (entry >> arm64->high_shift & ((1u << arm64->high_bits) - 1))
			      << arm64->high_oa;
	step->desired = entry;
	step->sets_accessed = false;
	step->sets_dirty = false;
	step->group_lg2 = 0;
	if (!step->leaf) {
		if (step->next >> cpu->oa_bits)
			return PTW_SOFTMMU_ADDRESS_SIZE;
		step->path = walk->path;
		if (!stage2 && arm64->hierarchical)
			step->path |= TABLE_LIMITS(entry);
		if (arm64->haft)
			step->desired |= TABLE_AF;
		step->sets_accessed = step->desired != entry;
		return PTW_SOFTMMU_OK;
	}

	/* In a block these bits are nT and RES0. */
	step->next &= ~(uint64_t)0 << softmmu_level_shift(cpu, level);
	if (step->next >> cpu->oa_bits)
		return PTW_SOFTMMU_ADDRESS_SIZE;
	if (!(entry & LEAF_AF) && !arm64->ha)
		return PTW_SOFTMMU_ACCESS_FLAG;
	writable = leaf_dirty(cpu, entry) || (arm64->hd && (entry & LEAF_DBM));
	perms = stage2 ? s2_perms(cpu, entry, writable) : s1_perms(walk->path, entry, writable);
	if (walk->need & ~perms)
		return PTW_SOFTMMU_PERMISSION;
	step->desired |= LEAF_AF;
	if ((walk->access & PTW_ACCESS_WRITE) && !(walk->access & PTW_ACCESS_SPECULATIVE))
		step->desired = (step->desired & ~LEAF_WRITE) | arm64->dirty_value;
	if (!leaf_dirty(cpu, step->desired))
		perms &= ~(uint32_t)SOFTMMU_ANY_WRITE;
	step->perms = perms;
	step->sets_accessed = ~entry & step->desired & LEAF_AF;
	step->sets_dirty = (entry ^ step->desired) & LEAF_WRITE;
	if (entry & LEAF_CONTIGUOUS)
		step->group_lg2 = arm64->group_lg2[level];
	return PTW_SOFTMMU_OK;
}

SOFTMMU_INLINE int s2_decode(const struct ptw_softmmu *cpu, const struct softmmu_walk *walk,
			     unsigned int level, uint64_t entry, struct softmmu_step *step)
{
	return arm64_decode(cpu, walk, level, entry, step, true);
}

SOFTMMU_INLINE int s1_decode(const struct ptw_softmmu *cpu, const struct softmmu_walk *walk,
			     unsigned int level, uint64_t entry, struct softmmu_step *step)
{
	return arm64_decode(cpu, walk, level, entry, step, false);
}

/*
 * The freedom that D8.5 gives for a contiguous group ("Hardware management of the Access flag" and
 * "... of dirty state" with the Contiguous bit): the update may go to any entry of the group, and
 * may be left out if any entry has the bit already. Here it always is left out then, and else goes
 * to an entry chosen at random, so that software which looks at one entry alone is found out.
 *
 * An entry counts as a member if it is a leaf like the one accessed, with the Contiguous bit.
 */
static bool is_member(uint64_t entry, uint64_t like)
{
	const uint64_t same = DESC_VALID | DESC_TABLE | LEAF_CONTIGUOUS;

	return (entry & same) == (like & same);
}

static __attribute__((__noinline__)) bool arm64_update_group(struct ptw_softmmu *cpu,
							 const struct softmmu_walk *walk,
							 uint64_t *table, uint64_t index,
							 const struct softmmu_step *step)
{
	const uint64_t size = SOFTMMU_BIT(step->group_lg2);
	uint64_t *group = &table[index & ~(size - 1)];
	bool set_accessed = step->sets_accessed;
	bool set_dirty = step->sets_dirty;
	uint64_t start;

	for (uint64_t i = 0; i < size; i++) {
		uint64_t entry = ptw_port_load(&group[i]);

		if (!is_member(entry, step->desired))
			continue;
		if (entry & LEAF_AF)
			set_accessed = false;
		if ((entry & LEAF_DBM) && leaf_dirty(cpu, entry))
			set_dirty = false;
	}
	if (!set_accessed && !set_dirty)
		return true;

	start = softmmu_random(cpu);
	for (uint64_t i = 0; i < size; i++) {
		uint64_t *slot = &group[(start + i) & (size - 1)];
		uint64_t entry = ptw_port_load(slot);
		uint64_t desired = entry | LEAF_AF;

		if (!is_member(entry, step->desired) || (set_dirty && !(entry & LEAF_DBM)))
			continue;
		if (set_dirty)
			desired = (desired & ~LEAF_WRITE) | cpu->arm64.dirty_value;
		if (desired != entry && !ptw_port_cas(slot, &entry, desired))
			return false;
		softmmu_count_set(cpu, walk, ~entry & desired & LEAF_AF,
				  (entry ^ desired) & LEAF_WRITE);
		return true;
	}
	return false; /* the whole group went away meanwhile */
}

int ptw_softmmu_arm64_s2_walk(struct ptw_softmmu *cpu, struct softmmu_walk *walk)
{
	return softmmu_walk_tables(cpu, walk, 0, s2_decode, arm64_update_group);
}

int ptw_softmmu_arm64_s1_walk(struct ptw_softmmu *cpu, struct softmmu_walk *walk)
{
	return softmmu_walk_tables(cpu, walk, 0, s1_decode, arm64_update_group);
}
