/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The perverse test format: configuring, making, decoding and repairing entries. Software's bits
 * are rotated with the rest, so the layout's masks, which are those of level 0, are not used here.
 */
#include "arch/perverse/perverse.h"

#include "arch/build.h"

#define PV_GRANULE_LG2 12u
#define PV_INDEX_LG2   3u
#define PV_MIN_OA_BITS 13u
#define PV_MAX_OA_BITS 52u
#define PV_LEAF_LEVELS 7u
/* Its FEAT_BBM: below this level it breaks like arm64, at it never. */
#define PV_BBM_NEVER 2u

#define PV_RWX	     (PV_R | PV_W | PV_X)
#define PV_RWX_SHIFT 2
/* Logical bits that are zero in every entry; those that only leaves have. */
#define PV_ZERO	     (PTW_BITS(63, 58) | PTW_BITS(11, 10))
#define PV_LEAF_ONLY (PV_RWX | PV_CLEAN | PV_MAY_WRITE)

_Static_assert(PV_R >> PV_RWX_SHIFT == PTW_PROT_READ && PV_W >> PV_RWX_SHIFT == PTW_PROT_WRITE &&
		       PV_X >> PV_RWX_SHIFT == PTW_PROT_EXEC,
	       "perverse permissions are the library's, shifted");

static unsigned int ia_bits_of(unsigned int levels)
{
	return PV_GRANULE_LG2 + levels * PV_INDEX_LG2;
}

/* Both left open: all levels there are. */
static unsigned int choose_levels(uint32_t ia_bits)
{
	unsigned int levels = 1;

	if (ia_bits == 0)
		return PTW_MAX_LEVELS;
	while (levels < PTW_MAX_LEVELS && ia_bits_of(levels) < ia_bits)
		levels++;
	return levels;
}

static int pv_configure(const struct ptw_config *config, struct ptw_geometry *g)
{
	const uint32_t ad = config->features & PTW_FEATURES_HW_AD;
	const unsigned int levels =
		config->levels ? config->levels : choose_levels(config->ia_bits);
	int error;

	error = ptw_build_features(config->features, PTW_FEATURES_HW_AD);
	if (error != PTW_OK)
		return error;
	if (ad && ad != PTW_FEATURES_HW_AD)
		return PTW_ERR_CONFIG_FEATURE;
	if (config->granule_lg2 != 0 && config->granule_lg2 != PV_GRANULE_LG2)
		return PTW_ERR_CONFIG;
	if (config->oa_bits != 0 &&
	    (config->oa_bits < PV_MIN_OA_BITS || config->oa_bits > PV_MAX_OA_BITS))
		return PTW_ERR_CONFIG;
	if (levels > PTW_MAX_LEVELS)
		return PTW_ERR_CONFIG_LEVELS;
	if (config->ia_bits != 0 &&
	    (config->ia_bits <= PV_GRANULE_LG2 || config->ia_bits > ia_bits_of(levels)))
		return PTW_ERR_CONFIG_LEVELS;

	*g = (struct ptw_geometry){
		.granule_lg2 = PV_GRANULE_LG2,
		.index_lg2 = PV_INDEX_LG2,
		.root_level = (uint8_t)(levels - 1),
		.root_lg2 = PV_INDEX_LG2,
		.ia_bits = (uint8_t)(config->ia_bits ? config->ia_bits : ia_bits_of(levels)),
		.oa_bits = (uint8_t)(config->oa_bits ? config->oa_bits : PV_MAX_OA_BITS),
		.leaf_levels = PV_LEAF_LEVELS & ((1u << levels) - 1),
		/* The hardware that there is, the software MMU, always sets both. */
		.features = config->features | PTW_FEATURES_HW_AD,
	};
	for (unsigned int level = 0; level < PTW_MAX_LEVELS; level++) {
		const uint64_t beyond = PTW_BITS(51, g->oa_bits) << PV_ADDRESS_SHIFT;
		const uint64_t offset = PTW_BITS(ia_bits_of(level) - 1, 6) << PV_ADDRESS_SHIFT;

		g->table_reserved[level] = pv_stored(PV_ZERO | PV_LEAF_ONLY | beyond, level);
		g->leaf_reserved[level] = pv_stored(PV_ZERO | beyond | offset, level);
	}
	g->break_before_make = config->bbm_level != PV_BBM_NEVER;
	return ptw_build_bbm_level(config, PV_BBM_NEVER, g);
}

static void pv_registers(const struct ptw_geometry *g, uint64_t root_pa, struct ptw_regs *regs)
{
	*regs = (struct ptw_regs){
		.regime = PTW_REGIME_PERVERSE,
		.pa_bits = g->oa_bits,
		.root = root_pa,
		.control = g->root_level + 1u,
	};
}

/* Logical word of a present entry: presence and leaf mean the opposite at odd levels. */
static uint64_t pv_word(uint64_t address, unsigned int level, bool leaf)
{
	uint64_t w = address << PV_ADDRESS_SHIFT;

	if (!(level & 1))
		w |= PV_PRESENCE;
	if (level && leaf != (level & 1))
		w |= PV_LEAF;
	return w;
}

static int pv_make_leaf(const struct ptw_geometry *g, const struct ptw_layout *l,
			const struct ptw_leaf *leaf, unsigned int level, uint64_t *e)
{
	uint64_t w;
	int error;

	error = ptw_build_check_leaf(g, l, leaf, level, PTW_PROT_RWX);
	if (error != PTW_OK)
		return error;
	if (leaf->flags & PTW_LEAF_GROUP)
		return PTW_ERR_UNSUPPORTED;
	if (leaf->memtype != PTW_MEM_NORMAL)
		return PTW_ERR_PERM;

	w = pv_word(leaf->oa, level, true) | (uint64_t)leaf->prot << PV_RWX_SHIFT;
	if (ptw_build_wants_write(leaf))
		w |= PV_MAY_WRITE;
	if (leaf->flags & PTW_LEAF_YOUNG)
		w |= PV_A;
	if (!(leaf->flags & PTW_LEAF_DIRTY))
		w |= PV_CLEAN;
	if (leaf->flags & PTW_LEAF_HELD)
		w |= PV_HELD;
	if (leaf->flags & PTW_LEAF_USER_BIT)
		w |= PV_USER;
	*e = pv_stored(w, level);
	return PTW_OK;
}

static uint64_t pv_make_table(const struct ptw_geometry *g, const struct ptw_layout *l,
			      uint64_t table_pa, unsigned int level)
{
	(void)g;
	(void)l;
	return pv_stored(pv_word(table_pa, level, false), level);
}

/* What a leaf, as a logical word, allows once faults are fixed. */
static uint32_t pv_prot(uint64_t w)
{
	if (w & PV_MAY_WRITE)
		w |= PV_W;
	return (uint32_t)((w & PV_RWX) >> PV_RWX_SHIFT);
}

static void pv_decode(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
		      unsigned int level, struct ptw_leaf *leaf)
{
	const uint64_t w = pv_logical(e, level);

	(void)l;
	*leaf = (struct ptw_leaf){
		.oa = pv_address(g, e, level),
		.prot = pv_prot(w),
		.memtype = PTW_MEM_NORMAL,
	};
	if (w & PV_A)
		leaf->flags |= PTW_LEAF_YOUNG;
	if (!(w & PV_CLEAN))
		leaf->flags |= PTW_LEAF_DIRTY;
	if (w & PV_MAY_WRITE)
		leaf->flags |= PTW_LEAF_MAY_WRITE;
	if (w & PV_HELD)
		leaf->flags |= PTW_LEAF_HELD;
	if (w & PV_USER)
		leaf->flags |= PTW_LEAF_USER_BIT;
}

static bool pv_fix(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
		   unsigned int level, uint32_t access, uint64_t *fixed)
{
	const uint32_t needs = ptw_build_needs(access);
	uint64_t w = pv_logical(e, level);

	(void)g;
	(void)l;
	if (needs & ~pv_prot(w))
		return false;
	w |= PV_A;
	if (needs & PTW_PROT_WRITE)
		w = (w | PV_W) & ~PV_CLEAN;
	*fixed = pv_stored(w, level);
	return true;
}

static uint64_t pv_write_protect(const struct ptw_layout *l, uint64_t e, unsigned int level,
				 bool forever)
{
	(void)l;
	return e & ~pv_stored(forever ? PV_W | PV_MAY_WRITE : PV_W, level);
}

static uint64_t pv_set_user(const struct ptw_layout *l, uint64_t e, unsigned int level, bool on)
{
	const uint64_t user = pv_stored(PV_USER, level);

	(void)l;
	return on ? e | user : e & ~user;
}

static uint64_t pv_held(const struct ptw_layout *l, unsigned int level)
{
	(void)l;
	return pv_stored(PV_HELD, level);
}

static uint64_t pv_relevel(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
			   unsigned int from, unsigned int to, uint64_t oa, bool group)
{
	const uint64_t kept = pv_logical(e, from) & ~(PV_PRESENCE | PV_LEAF | PV_ADDRESS | PV_HELD);

	(void)g;
	(void)l;
	(void)group;
	return pv_stored(kept | pv_word(oa, to, true), to);
}

static bool pv_must_break(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t from,
			  uint64_t to, unsigned int level)
{
	if (!g->break_before_make || !pv_present(l, from, level) || !pv_present(l, to, level))
		return false;
	return pv_leaf(from, level) != pv_leaf(to, level) ||
	       pv_address(g, from, level) != pv_address(g, to, level);
}

static uint64_t pv_table_accessed(const struct ptw_geometry *g, unsigned int level)
{
	(void)g;
	return pv_stored(PV_A, level);
}

static bool pv_malformed(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
			 unsigned int level)
{
	(void)l;
	return pv_leaf(e, level) && !(g->leaf_levels >> level & 1);
}

const struct ptw_build ptw_perverse_build = {
	.id = PTW_FORMAT_PERVERSE,
	.configure = pv_configure,
	.registers = pv_registers,
	.make_leaf = pv_make_leaf,
	.make_table = pv_make_table,
	.decode = pv_decode,
	.fix = pv_fix,
	.write_protect = pv_write_protect,
	.set_user = pv_set_user,
	.held = pv_held,
	.relevel = pv_relevel,
	.must_break = pv_must_break,
	.table_accessed = pv_table_accessed,
	.malformed = pv_malformed,
};
