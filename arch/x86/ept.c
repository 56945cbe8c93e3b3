/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * EPT: configuring, making, decoding and repairing entries (Intel SDM vol. 3C, chapter "VMX Support
 * for Address Translation", section "The Extended Page Table Mechanism (EPT)").
 *
 * Every function takes the layout's word for where software's bits are, so that they serve KVM's
 * entries too: kinds, saved permissions, the promise of write permission, the present marker.
 */
#include "arch/x86/ept.h"

#include "arch/build.h"
#include "arch/x86/geometry.h"

/* "Extended-Page-Table Pointer (EPTP)": memory type 2:0, page-walk length - 1 in 5:3, A/D flags. */
#define EPTP_WB		  6u
#define EPTP_LENGTH_SHIFT 3
#define EPTP_AD		  PTW_BIT(6)

/* Memory types, as in "EPT Memory Type"; 2, 3 and 7 do not exist ("EPT Misconfigurations"). */
#define EPT_UC		 0u
#define EPT_WC		 1u
#define EPT_WB		 6u
#define EPT_BAD_MEMTYPES (1u << 2 | 1u << 3 | 1u << 7)

/* Bits 6:3 of an entry that points to a table are reserved. */
#define EPT_TABLE_RESERVED PTW_BITS(6, 3)

_Static_assert(EPT_R == PTW_PROT_READ && EPT_W == PTW_PROT_WRITE && EPT_X == PTW_PROT_EXEC,
	       "EPT permissions are the library's");

static const uint8_t ept_memtypes[] = {
	[PTW_MEM_NORMAL] = EPT_WB,
	[PTW_MEM_UNCACHED] = EPT_WC,
	[PTW_MEM_DEVICE] = EPT_UC,
};

static int ept_configure(const struct ptw_config *config, struct ptw_geometry *g)
{
	const uint32_t ad = config->features & PTW_FEATURES_HW_AD;
	int error;

	error = ptw_build_features(config->features,
				   PTW_FEATURES_HW_AD | PTW_FEATURE_1G | PTW_FEATURE_EXEC_ONLY);
	if (error != PTW_OK)
		return error;
	/* One bit of the EPTP switches both flags on. */
	if (ad && ad != PTW_FEATURES_HW_AD)
		return PTW_ERR_CONFIG_FEATURE;
	error = ptw_x86_geometry(config, 12, EPT_LEAF, g);
	if (error != PTW_OK)
		return error;
	for (unsigned int level = 0; level < PTW_MAX_LEVELS; level++)
		g->table_reserved[level] |= EPT_TABLE_RESERVED | EPT_LEAF;
	return PTW_OK;
}

static void ept_registers(const struct ptw_geometry *g, uint64_t root_pa, struct ptw_regs *regs)
{
	*regs = (struct ptw_regs){
		.regime = PTW_REGIME_EPT,
		.pa_bits = g->oa_bits,
		.root = root_pa | EPTP_WB | (uint64_t)g->root_level << EPTP_LENGTH_SHIFT |
			(g->features & PTW_FEATURE_HW_ACCESSED ? EPTP_AD : 0),
	};
}

/* Could hardware use an entry with these permissions? "EPT Misconfigurations". */
static bool ept_usable(const struct ptw_geometry *g, uint64_t rwx)
{
	rwx &= EPT_RWX;
	if (rwx == EPT_X)
		return g->features & PTW_FEATURE_EXEC_ONLY;
	return rwx & EPT_R;
}

static int ept_make_leaf(const struct ptw_geometry *g, const struct ptw_layout *l,
			 const struct ptw_leaf *leaf, unsigned int level, uint64_t *e)
{
	const struct ptw_layout_kind *k = &l->kind[0];
	uint64_t v;
	int error;

	error = ptw_build_check_leaf(g, l, leaf, level, PTW_PROT_RWX);
	if (error != PTW_OK)
		return error;
	if (leaf->flags & PTW_LEAF_GROUP)
		return PTW_ERR_UNSUPPORTED;
	if (!ept_usable(g, leaf->prot | (ptw_build_wants_write(leaf) ? EPT_W : 0)))
		return PTW_ERR_PERM;

	v = leaf->oa | leaf->prot | (uint64_t)ept_memtypes[leaf->memtype] << EPT_MEMTYPE_SHIFT;
	v |= l->present | k->value | k->accessed | k->dirty | ptw_build_software_bits(l, leaf);
	if (level)
		v |= EPT_LEAF;
	if (!(leaf->flags & PTW_LEAF_DIRTY))
		v = ept_make_clean(l, v, level);
	if (!(leaf->flags & PTW_LEAF_YOUNG))
		v = ept_make_old(l, v, level);
	/* A layout may know young or dirty by the permissions alone. */
	if (ept_young(l, v, level) != !!(leaf->flags & PTW_LEAF_YOUNG) ||
	    ept_dirty(l, v, level) != !!(leaf->flags & PTW_LEAF_DIRTY))
		return PTW_ERR_PERM;
	*e = v;
	return PTW_OK;
}

static uint64_t ept_make_table(const struct ptw_geometry *g, const struct ptw_layout *l,
			       uint64_t table_pa, unsigned int level)
{
	(void)g;
	(void)level;
	return table_pa | l->present | EPT_RWX;
}

/* What the leaf allows once faults are fixed. */
static uint32_t ept_prot(const struct ptw_layout *l, uint64_t e)
{
	uint64_t rwx = e;

	if (ptw_layout_kind_of(l, e)->tracked && ept_tracked(l, e))
		rwx |= e >> l->saved_shift & l->saved_mask;
	if (ptw_build_may_write(l, e))
		rwx |= EPT_W;
	return (uint32_t)(rwx & EPT_RWX);
}

static void ept_decode(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
		       unsigned int level, struct ptw_leaf *leaf)
{
	const uint64_t memtype = (e & EPT_MEMTYPE) >> EPT_MEMTYPE_SHIFT;

	*leaf = (struct ptw_leaf){
		.oa = ept_address(g, e, level),
		.prot = ept_prot(l, e),
		.memtype = memtype == EPT_UC ? PTW_MEM_DEVICE :
			   memtype == EPT_WC ? PTW_MEM_UNCACHED :
					       PTW_MEM_NORMAL,
		.flags = ptw_build_software_flags(l, e),
	};
	if (ept_young(l, e, level))
		leaf->flags |= PTW_LEAF_YOUNG;
	if (ept_dirty(l, e, level))
		leaf->flags |= PTW_LEAF_DIRTY;
}

static bool ept_fix(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
		    unsigned int level, uint32_t access, uint64_t *fixed)
{
	const struct ptw_layout_kind *k = ptw_layout_kind_of(l, e);
	uint32_t needs = ptw_build_needs(access);

	(void)level;
	/* "Accessed and Dirty Flags for EPT": with them, the guest's page walk writes. */
	if (access & PTW_ACCESS_GUEST_PT && g->features & PTW_FEATURE_HW_ACCESSED)
		needs |= PTW_PROT_WRITE;
	if (needs & ~ept_prot(l, e))
		return false;
	if (k->tracked && ept_tracked(l, e)) {
		e |= e >> l->saved_shift & l->saved_mask;
		e &= ~(l->saved_mask << l->saved_shift);
	}
	e |= k->accessed;
	/* A read does not give W back: the write that follows must be seen. */
	if (needs & PTW_PROT_WRITE)
		e |= EPT_W | k->dirty;
	/* Foreign entries may promise what hardware would not accept, as W without R. */
	if (!ept_usable(g, e))
		return false;
	*fixed = e;
	return true;
}

static uint64_t ept_write_protect(const struct ptw_layout *l, uint64_t e, unsigned int level,
				  bool forever)
{
	(void)level;
	e &= ~EPT_W;
	return forever ? ptw_build_no_may_write(l, e) : e;
}

static uint64_t ept_set_user(const struct ptw_layout *l, uint64_t e, unsigned int level, bool on)
{
	(void)level;
	return ptw_build_set_user(l, e, on);
}

static uint64_t ept_held(const struct ptw_layout *l, unsigned int level)
{
	(void)level;
	return l->held;
}

/* Permissions, kept ones too, memory type, A, D and software's bits are at the same place at every
 * level ("Format of an EPT ... Entry"); only the address and the bit that marks a block move. */
static uint64_t ept_relevel(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
			    unsigned int from, unsigned int to, uint64_t oa, bool group)
{
	(void)g;
	(void)from;
	(void)group;
	e &= ~(EPT_ADDRESS | EPT_LEAF | l->held);
	return e | oa | (to ? EPT_LEAF : 0);
}

static bool ept_must_break(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t from,
			   uint64_t to, unsigned int level)
{
	(void)g;
	(void)l;
	(void)from;
	(void)to;
	(void)level;
	return false;
}

static uint64_t ept_table_accessed(const struct ptw_geometry *g, unsigned int level)
{
	(void)level;
	return g->features & PTW_FEATURE_HW_ACCESSED ? EPT_A : 0;
}

static bool ept_malformed(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
			  unsigned int level)
{
	if (!ept_leaf(e, level))
		return !ept_usable(g, e);
	if (!(g->leaf_levels >> level & 1))
		return true;
	if (EPT_BAD_MEMTYPES >> ((e & EPT_MEMTYPE) >> EPT_MEMTYPE_SHIFT) & 1)
		return true;
	/* Not present to hardware, and meant to be. */
	if (ptw_layout_kind_of(l, e)->tracked && ept_tracked(l, e))
		return false;
	return !ept_usable(g, e);
}

const struct ptw_build ptw_ept_build = {
	.id = PTW_FORMAT_EPT,
	.configure = ept_configure,
	.registers = ept_registers,
	.make_leaf = ept_make_leaf,
	.make_table = ept_make_table,
	.decode = ept_decode,
	.fix = ept_fix,
	.write_protect = ept_write_protect,
	.set_user = ept_set_user,
	.held = ept_held,
	.relevel = ept_relevel,
	.must_break = ept_must_break,
	.table_accessed = ept_table_accessed,
	.malformed = ept_malformed,
};
