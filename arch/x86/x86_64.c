/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * x86-64 paging and AMD nested paging: configuring, making, decoding and repairing entries (Intel
 * SDM vol. 3A, section "4-Level Paging and 5-Level Paging"; AMD APM vol. 2, "Nested Paging").
 *
 * Table entries allow everything that the leaf below may allow: P, W and U set, NX clear.
 */
#include "arch/x86/x86_64.h"

#include "arch/build.h"
#include "arch/x86/geometry.h"

#define CR4_LA57 PTW_BIT(12)
#define EFER_NXE PTW_BIT(11)

/*
 * Memory types, for the PAT as processors come up (SDM vol. 3A, "Programming the PAT"): entry 0 is
 * WB, 2 is UC-, which an MTRR may turn into WC, 3 is UC; 4 to 7 repeat them, so PAT says nothing.
 * Systems that program the PAT for WC (Linux) keep these three entries as they are.
 */
static const uint8_t x86_64_memtypes[] = {
	[PTW_MEM_NORMAL] = 0,
	[PTW_MEM_UNCACHED] = X86_PCD,
	[PTW_MEM_DEVICE] = X86_PCD | X86_PWT,
};

static int x86_64_configure(const struct ptw_config *config, struct ptw_geometry *g)
{
	const uint32_t ad = config->features & PTW_FEATURES_HW_AD;
	int error;

	error = ptw_build_features(config->features,
				   PTW_FEATURES_HW_AD | PTW_FEATURE_1G | PTW_FEATURE_NX);
	if (error != PTW_OK)
		return error;
	if (ad && ad != PTW_FEATURES_HW_AD)
		return PTW_ERR_CONFIG_FEATURE;
	error = ptw_x86_geometry(config, 13, X86_PS, g);
	if (error != PTW_OK)
		return error;
	/* These processors always set both flags ("Accessed and Dirty Flags"). */
	g->features |= PTW_FEATURES_HW_AD;
	for (unsigned int level = 0; level < PTW_MAX_LEVELS; level++) {
		g->table_reserved[level] |= X86_PS;
		if (!(g->features & PTW_FEATURE_NX)) {
			g->table_reserved[level] |= X86_NX;
			g->leaf_reserved[level] |= X86_NX;
		}
	}
	return PTW_OK;
}

static void x86_64_registers(const struct ptw_geometry *g, uint64_t root_pa, struct ptw_regs *regs)
{
	*regs = (struct ptw_regs){
		.regime = PTW_REGIME_X86_64,
		.pa_bits = g->oa_bits,
		.root = root_pa,
		.control = g->root_level == 4 ? CR4_LA57 : 0,
		.control2 = g->features & PTW_FEATURE_NX ? EFER_NXE : 0,
	};
}

static int x86_64_make_leaf(const struct ptw_geometry *g, const struct ptw_layout *l,
			    const struct ptw_leaf *leaf, unsigned int level, uint64_t *e)
{
	uint64_t v;
	int error;

	error = ptw_build_check_leaf(g, l, leaf, level, PTW_PROT_RWX | PTW_PROT_USER);
	if (error != PTW_OK)
		return error;
	if (leaf->flags & PTW_LEAF_GROUP)
		return PTW_ERR_UNSUPPORTED;
	/* Whatever is present can be read, and without NX fetched. */
	if (!(leaf->prot & PTW_PROT_READ))
		return PTW_ERR_PERM;
	if (!(leaf->prot & PTW_PROT_EXEC) && !(g->features & PTW_FEATURE_NX))
		return PTW_ERR_PERM;

	v = leaf->oa | X86_P | x86_64_memtypes[leaf->memtype] | l->present | l->kind[0].value |
	    ptw_build_software_bits(l, leaf);
	if (level)
		v |= X86_PS;
	if (leaf->prot & PTW_PROT_WRITE)
		v |= X86_W;
	if (leaf->prot & PTW_PROT_USER)
		v |= X86_U;
	if (!(leaf->prot & PTW_PROT_EXEC))
		v |= X86_NX;
	if (leaf->flags & PTW_LEAF_YOUNG)
		v |= X86_A;
	if (leaf->flags & PTW_LEAF_DIRTY)
		v |= X86_D;
	*e = v;
	return PTW_OK;
}

static uint64_t x86_64_make_table(const struct ptw_geometry *g, const struct ptw_layout *l,
				  uint64_t table_pa, unsigned int level)
{
	(void)g;
	(void)level;
	return table_pa | l->present | X86_P | X86_W | X86_U;
}

/* What the leaf allows once faults are fixed. */
static uint32_t x86_64_prot(const struct ptw_layout *l, uint64_t e)
{
	uint32_t prot = 0;

	if (e & X86_P)
		prot |= PTW_PROT_READ;
	if (e & X86_W || ptw_build_may_write(l, e))
		prot |= PTW_PROT_WRITE;
	if (!(e & X86_NX))
		prot |= PTW_PROT_EXEC;
	if (e & X86_U)
		prot |= PTW_PROT_USER;
	return prot;
}

static void x86_64_decode(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
			  unsigned int level, struct ptw_leaf *leaf)
{
	*leaf = (struct ptw_leaf){
		.oa = x86_64_address(g, e, level),
		.prot = x86_64_prot(l, e),
		.memtype = !(e & X86_PCD) ? PTW_MEM_NORMAL :
			   e & X86_PWT	  ? PTW_MEM_DEVICE :
					    PTW_MEM_UNCACHED,
		.flags = ptw_build_software_flags(l, e),
	};
	if (x86_64_young(l, e, level))
		leaf->flags |= PTW_LEAF_YOUNG;
	if (x86_64_dirty(l, e, level))
		leaf->flags |= PTW_LEAF_DIRTY;
}

static bool x86_64_fix(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
		       unsigned int level, uint32_t access, uint64_t *fixed)
{
	uint32_t needs = ptw_build_needs(access);

	(void)g;
	(void)level;
	if (access & PTW_ACCESS_USER)
		needs |= PTW_PROT_USER;
	/* APM vol. 2, "Nested Paging": the guest's page walk is a user write to the nested tables. */
	if (access & PTW_ACCESS_GUEST_PT)
		needs |= PTW_PROT_USER | PTW_PROT_WRITE;
	if (needs & ~x86_64_prot(l, e))
		return false;
	e |= X86_A;
	if (needs & PTW_PROT_WRITE)
		e |= X86_W | X86_D;
	*fixed = e;
	return true;
}

static uint64_t x86_64_write_protect(const struct ptw_layout *l, uint64_t e, unsigned int level,
				     bool forever)
{
	(void)level;
	e &= ~X86_W;
	return forever ? ptw_build_no_may_write(l, e) : e;
}

static uint64_t x86_64_set_user(const struct ptw_layout *l, uint64_t e, unsigned int level, bool on)
{
	(void)level;
	return ptw_build_set_user(l, e, on);
}

static uint64_t x86_64_held(const struct ptw_layout *l, unsigned int level)
{
	(void)level;
	return l->held;
}

/* PAT gives way to the address in a page, and to the mark of a leaf in a block. */
static uint64_t x86_64_relevel(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
			       unsigned int from, unsigned int to, uint64_t oa, bool group)
{
	const bool pat = e & (from ? X86_PAT_BLOCK : X86_PAT_PAGE);

	(void)g;
	(void)group;
	/* PAT_BLOCK is one of the address bits, PAT_PAGE is PS. */
	e &= ~(X86_ADDRESS | X86_PS | l->held);
	e |= oa;
	if (to)
		e |= X86_PS;
	if (pat)
		e |= to ? X86_PAT_BLOCK : X86_PAT_PAGE;
	return e;
}

static bool x86_64_must_break(const struct ptw_geometry *g, const struct ptw_layout *l,
			      uint64_t from, uint64_t to, unsigned int level)
{
	(void)g;
	(void)l;
	(void)from;
	(void)to;
	(void)level;
	return false;
}

static uint64_t x86_64_table_accessed(const struct ptw_geometry *g, unsigned int level)
{
	(void)g;
	(void)level;
	return X86_A;
}

static bool x86_64_malformed(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
			     unsigned int level)
{
	(void)l;
	/* Marked present by software, yet hardware would never look at it. */
	if (!(e & X86_P))
		return true;
	return x86_64_leaf(e, level) && !(g->leaf_levels >> level & 1);
}

const struct ptw_build ptw_x86_64_build = {
	.id = PTW_FORMAT_X86_64,
	.configure = x86_64_configure,
	.registers = x86_64_registers,
	.make_leaf = x86_64_make_leaf,
	.make_table = x86_64_make_table,
	.decode = x86_64_decode,
	.fix = x86_64_fix,
	.write_protect = x86_64_write_protect,
	.set_user = x86_64_set_user,
	.held = x86_64_held,
	.relevel = x86_64_relevel,
	.must_break = x86_64_must_break,
	.table_accessed = x86_64_table_accessed,
	.malformed = x86_64_malformed,
};
