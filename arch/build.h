/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the cold sides of all formats share: which features mean anything, what a leaf may ask for,
 * and the software bits of a layout.
 */
#ifndef PTW_ARCH_BUILD_H
#define PTW_ARCH_BUILD_H

#include "arch/format.h"

/* Modes that move or redefine entry bits. */
#define PTW_FEATURES_REFUSED \
	(PTW_FEATURE_S2PIE | PTW_FEATURE_S2POE | PTW_FEATURE_D128 | PTW_FEATURE_MBEC)

#define PTW_FEATURES_HW_AD (PTW_FEATURE_HW_ACCESSED | PTW_FEATURE_HW_DIRTY)

#define PTW_FEATURES_X86   (PTW_FEATURE_1G | PTW_FEATURE_EXEC_ONLY | PTW_FEATURE_NX)

#define PTW_FEATURES_ARM64                                                          \
	(PTW_FEATURE_CONTIG | PTW_FEATURE_LPA | PTW_FEATURE_LPA2 | PTW_FEATURE_DS | \
	 PTW_FEATURE_XNX | PTW_FEATURE_TTST | PTW_FEATURE_LVA | PTW_FEATURE_HAFT)

#define PTW_PROT_RWX	 (PTW_PROT_READ | PTW_PROT_WRITE | PTW_PROT_EXEC)

#define PTW_ACCESS_KINDS (PTW_ACCESS_READ | PTW_ACCESS_WRITE | PTW_ACCESS_FETCH)

/* `meaningful`: the features this format has. */
static inline int ptw_build_features(uint32_t features, uint32_t meaningful)
{
	const uint32_t known =
		PTW_FEATURES_HW_AD | PTW_FEATURES_X86 | PTW_FEATURES_ARM64 | PTW_FEATURES_REFUSED;

	if (features & ~known)
		return PTW_ERR_ARG;
	if (features & PTW_FEATURES_REFUSED)
		return PTW_ERR_CONFIG_MODE;
	if (features & ~meaningful)
		return PTW_ERR_CONFIG_FEATURE;
	return PTW_OK;
}

/* Which levels of FEAT_BBM there are: up to `most`. */
static inline int ptw_build_bbm_level(const struct ptw_config *config, uint32_t most,
				      struct ptw_geometry *g)
{
	if (config->bbm_level > most)
		return PTW_ERR_CONFIG_FEATURE;
	g->bbm_level = (uint8_t)config->bbm_level;
	return PTW_OK;
}

/*
 * Is this a leaf that can stand at this level at all? `prot`: the permissions the format knows.
 *
 * PTW_PROT_WRITE asks for a leaf that may be written; PTW_LEAF_MAY_WRITE without it asks for one
 * that is write-protected now, and gets write permission back from a write fault.
 */
static inline int ptw_build_check_leaf(const struct ptw_geometry *g, const struct ptw_layout *l,
				       const struct ptw_leaf *leaf, unsigned int level,
				       uint32_t prot)
{
	const uint32_t flags = PTW_LEAF_YOUNG | PTW_LEAF_DIRTY | PTW_LEAF_MAY_WRITE |
			       PTW_LEAF_GROUP | PTW_LEAF_HELD | PTW_LEAF_USER_BIT;

	if (leaf->prot & ~(uint32_t)(PTW_PROT_RWX | PTW_PROT_USER) || leaf->flags & ~flags ||
	    leaf->memtype > PTW_MEM_DEVICE)
		return PTW_ERR_ARG;
	if (level > g->root_level || !(g->leaf_levels >> level & 1))
		return PTW_ERR_UNSUPPORTED;
	if (leaf->oa & (PTW_BIT(g->granule_lg2 + level * g->index_lg2) - 1))
		return PTW_ERR_ALIGN;
	if (leaf->oa >> g->oa_bits)
		return PTW_ERR_OUTPUT;
	if (leaf->prot & ~prot)
		return PTW_ERR_PERM;
	if ((leaf->flags & PTW_LEAF_MAY_WRITE && !l->may_write) ||
	    (leaf->flags & PTW_LEAF_HELD && !l->held) ||
	    (leaf->flags & PTW_LEAF_USER_BIT && !l->user))
		return PTW_ERR_UNSUPPORTED;
	return PTW_OK;
}

/* May this leaf be written, now or after a write fault? */
static inline bool ptw_build_wants_write(const struct ptw_leaf *leaf)
{
	return leaf->prot & PTW_PROT_WRITE || leaf->flags & PTW_LEAF_MAY_WRITE;
}

/* The one software bit that PTW_LEAF_USER_BIT stands for; 0: none. */
static inline uint64_t ptw_build_user_bit(const struct ptw_layout *l)
{
	return l->user & (~l->user + 1);
}

static inline uint64_t ptw_build_set_user(const struct ptw_layout *l, uint64_t e, bool on)
{
	return on ? e | ptw_build_user_bit(l) : e & ~ptw_build_user_bit(l);
}

static inline bool ptw_build_may_write(const struct ptw_layout *l, uint64_t e)
{
	return l->may_write && (e & l->may_write) == l->may_write;
}

/*
 * Without the promise that a write fault gives write permission back. Where a layout has several
 * bits, the host's say and the MMU's (KVM on x86), the promise is the highest one.
 */
static inline uint64_t ptw_build_no_may_write(const struct ptw_layout *l, uint64_t e)
{
	if (!l->may_write)
		return e;
	return e & ~PTW_BIT(63 - __builtin_clzll(l->may_write));
}

/* Software bits that a leaf asks for. */
static inline uint64_t ptw_build_software_bits(const struct ptw_layout *l,
					       const struct ptw_leaf *leaf)
{
	uint64_t e = 0;

	if (ptw_build_wants_write(leaf))
		e |= l->may_write;
	if (leaf->flags & PTW_LEAF_HELD)
		e |= l->held;
	if (leaf->flags & PTW_LEAF_USER_BIT)
		e |= ptw_build_user_bit(l);
	return e;
}

/* The flags that those bits decode to. */
static inline uint32_t ptw_build_software_flags(const struct ptw_layout *l, uint64_t e)
{
	uint32_t flags = 0;

	if (ptw_build_may_write(l, e))
		flags |= PTW_LEAF_MAY_WRITE;
	if (e & l->held)
		flags |= PTW_LEAF_HELD;
	if (e & ptw_build_user_bit(l))
		flags |= PTW_LEAF_USER_BIT;
	return flags;
}

/* Permissions that an access needs; an access that names no kind is a read. */
static inline uint32_t ptw_build_needs(uint32_t access)
{
	uint32_t prot = 0;

	if (access & PTW_ACCESS_READ || !(access & PTW_ACCESS_KINDS))
		prot |= PTW_PROT_READ;
	if (access & PTW_ACCESS_WRITE)
		prot |= PTW_PROT_WRITE;
	if (access & PTW_ACCESS_FETCH)
		prot |= PTW_PROT_EXEC;
	return prot;
}

#endif /* PTW_ARCH_BUILD_H */
