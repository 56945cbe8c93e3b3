/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Geometry of both stages of VMSAv8-64 (Arm ARM DDI 0487, D8.2 "Translation process", D8.3
 * "Translation table descriptor formats"). The parts of descriptors that both share are in
 * vmsa_leaf.c.
 *
 * Names: n levels resolve between b + 1 and b + s bits of input address, where s = granule - 3 is
 * what one table resolves and b = granule + s * (n - 1) what all levels below the root and the page
 * do. Stage 2 may concatenate up to 16 tables at the root, which makes it b + s + 4.
 */
#include "arch/arm64/vmsa_build.h"

#define ARM_MAX_BITS	   48u
#define ARM_MAX_BITS_LARGE 52u

/* TnSZ is at most 39; with FEAT_TTST it is 48, and 47 for the 64K granule. */
#define ARM_MIN_IA_BITS		 25u
#define ARM_MIN_IA_BITS_TTST	 16u
#define ARM_MIN_IA_BITS_TTST_64K 17u

/* What nobody asked for explicitly has at least a root and tables below it. */
#define MIN_CHOSEN_LEVELS 2u

/* What the choice of the number of levels depends on. */
struct request {
	unsigned int granule;
	unsigned int stride; /* s */
	unsigned int extra;
	unsigned int max_ia;
	unsigned int oa_bits;
	uint32_t features;
};

static bool stage2(const struct request *r)
{
	return r->extra != 0;
}

static unsigned int resolved_below_root(const struct request *r, unsigned int levels)
{
	return r->granule + r->stride * (levels - 1);
}

static unsigned int min_of(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

uint64_t ptw_arm_ps(unsigned int oa_bits)
{
	static const uint8_t widths[] = {32, 36, 40, 42, 44, 48, 52};
	uint64_t ps = 0;

	while (ps < sizeof(widths) && widths[ps] != oa_bits)
		ps++;
	return ps;
}

static int check_features(const struct ptw_config *config, unsigned int granule, bool stage2)
{
	const uint32_t large = granule == 16 ? PTW_FEATURE_LPA | (stage2 ? 0 : PTW_FEATURE_LVA) :
					       PTW_FEATURE_LPA2 | PTW_FEATURE_DS;
	const uint32_t meaningful = PTW_FEATURES_HW_AD | PTW_FEATURE_HAFT | PTW_FEATURE_CONTIG |
				    PTW_FEATURE_TTST | large | (stage2 ? PTW_FEATURE_XNX : 0);
	int error;

	error = ptw_build_features(config->features, meaningful);
	if (error != PTW_OK)
		return error;
	/* Neither HD nor HAFT does anything without HA (D8.5, "Hardware management of dirty state",
	 * "... of the Table descriptor Access flag"). */
	if (config->features & (PTW_FEATURE_HW_DIRTY | PTW_FEATURE_HAFT) &&
	    !(config->features & PTW_FEATURE_HW_ACCESSED))
		return PTW_ERR_CONFIG_FEATURE;
	if (config->features & PTW_FEATURE_DS && !(config->features & PTW_FEATURE_LPA2))
		return PTW_ERR_CONFIG_FEATURE;
	return PTW_OK;
}

/* D8.2, "Output address size configuration". */
static int choose_oa_bits(const struct ptw_config *config, struct request *r)
{
	const bool large = r->features & (PTW_FEATURE_DS | PTW_FEATURE_LPA);
	const unsigned int max = large ? ARM_MAX_BITS_LARGE : ARM_MAX_BITS;

	r->oa_bits = config->oa_bits ? config->oa_bits : max;
	if (r->oa_bits > max)
		return PTW_ERR_CONFIG_FEATURE;
	if (ptw_arm_ps(r->oa_bits) > ptw_arm_ps(max))
		return PTW_ERR_CONFIG;
	return PTW_OK;
}

/* Start level -1. */
static int check_five_levels(const struct request *r)
{
	if (r->granule != 12)
		return PTW_ERR_CONFIG_LEVELS;
	return r->features & PTW_FEATURE_DS ? PTW_OK : PTW_ERR_CONFIG_FEATURE;
}

/* May a walk with this many levels resolve ia_bits? */
static int check_levels(const struct request *r, unsigned int levels, unsigned int ia_bits)
{
	const unsigned int below = resolved_below_root(r, levels);

	if (ia_bits <= below || ia_bits > below + r->stride + r->extra)
		return PTW_ERR_CONFIG_LEVELS;
	/* Start level 3: stage 2 of 4K has no other way to say so, and TTST is asked of all. */
	if (levels == 1 && !(r->features & PTW_FEATURE_TTST))
		return PTW_ERR_CONFIG_FEATURE;
	if (levels == 5)
		return check_five_levels(r);
	if (!stage2(r))
		return PTW_OK;
	/* Table of VTCR_EL2.SL0 values: start level 0 of 16K came with LPA2. */
	if (r->granule == 14 && levels == 4 && !(r->features & PTW_FEATURE_DS))
		return PTW_ERR_CONFIG_FEATURE;
	/* High start levels exist only in processors with addresses that need them. */
	if (r->granule == 12 && levels == 4 && r->oa_bits < 44)
		return PTW_ERR_CONFIG_LEVELS;
	if (r->granule == 14 && levels == 3 && r->oa_bits < 42)
		return PTW_ERR_CONFIG_LEVELS;
	if (r->granule == 16 && levels == 3 && r->oa_bits < 44)
		return PTW_ERR_CONFIG_LEVELS;
	return PTW_OK;
}

/*
 * Input address size where the configuration leaves it open: 48 bits, or what full tables of the
 * levels asked for give if that is less, or more than 48 if they cannot resolve fewer (start level
 * -1). Stage 2 input addresses are never wider than output addresses.
 */
static unsigned int default_ia_bits(const struct request *r, unsigned int levels)
{
	unsigned int ia_bits = ARM_MAX_BITS;

	if (levels) {
		const unsigned int below = resolved_below_root(r, levels);

		ia_bits =
			min_of(below + r->stride, below < ARM_MAX_BITS ? ARM_MAX_BITS : r->max_ia);
	}
	return stage2(r) ? min_of(ia_bits, r->oa_bits) : ia_bits;
}

static int check_ia_bits(const struct request *r, unsigned int ia_bits)
{
	unsigned int min = ARM_MIN_IA_BITS_TTST;

	if (r->granule == 16)
		min = ARM_MIN_IA_BITS_TTST_64K;
	if (ia_bits > ARM_MAX_BITS_LARGE || ia_bits < min)
		return PTW_ERR_CONFIG_LEVELS;
	if (ia_bits > r->max_ia)
		return PTW_ERR_CONFIG_FEATURE;
	if (ia_bits < ARM_MIN_IA_BITS && !(r->features & PTW_FEATURE_TTST))
		return PTW_ERR_CONFIG_FEATURE;
	/* "CONSTRAINED UNPREDICTABLE if the input address size is larger than PS". */
	if (stage2(r) && ia_bits > r->oa_bits)
		return PTW_ERR_CONFIG;
	return PTW_OK;
}

/*
 * Levels where the configuration leaves them open: the fewest that are legal, so in stage 2 rather
 * concatenated tables than another level; but one level only if no other number is legal.
 */
static int choose_levels(const struct request *r, unsigned int ia_bits, unsigned int *levels)
{
	int error;
	int single;

	if (*levels)
		return check_levels(r, *levels, ia_bits);
	error = PTW_ERR_CONFIG_LEVELS;
	for (unsigned int n = MIN_CHOSEN_LEVELS; n <= PTW_MAX_LEVELS; n++) {
		int verdict = check_levels(r, n, ia_bits);

		if (verdict == PTW_OK) {
			*levels = n;
			return PTW_OK;
		}
		if (verdict == PTW_ERR_CONFIG_FEATURE)
			error = verdict;
	}
	single = check_levels(r, 1, ia_bits);
	if (single == PTW_OK)
		*levels = 1;
	return single == PTW_ERR_CONFIG_LEVELS ? error : single;
}

/* D8.3, "Block descriptor and Page descriptor formats": where addresses and blocks stand. */
static void set_formats(struct ptw_geometry *g)
{
	const unsigned int granule = g->granule_lg2;
	const bool ds = g->features & PTW_FEATURE_DS;
	/* With a smaller PS the address fields are those of a processor without LPA. */
	const bool lpa = g->features & PTW_FEATURE_LPA && g->oa_bits == ARM_MAX_BITS_LARGE;
	/* Levels at which the contiguous bit means something; in the largest blocks it is RES0. */
	const unsigned int grouped = granule == 12 ? 3 : 2;
	uint64_t address;

	g->leaf_levels = granule == 12 ? 7 : 3;
	if (ds || lpa)
		g->leaf_levels |= 1 << grouped;
	g->leaf_levels &= (uint16_t)((1u << (g->root_level + 1)) - 1);

	g->oa_mask = PTW_BITS(ds ? 49 : 47, granule);
	if (ds) {
		g->oa_high = ARM_SH;
		g->oa_high_shift = 42;
	} else if (lpa) {
		g->oa_high = PTW_BITS(15, 12);
		g->oa_high_shift = 36;
	}

	/* Address fields that no output address uses: bits below the granule and above 47, and the
	 * addresses the processor does not have. */
	address = PTW_BITS(49, 12) & ~(g->oa_mask | g->oa_high);
	address |= arm_address_bits(g, PTW_BITS(51, g->oa_bits));
	for (unsigned int level = 0; level < PTW_MAX_LEVELS; level++) {
		const unsigned int span = granule + level * g->index_lg2;

		g->table_reserved[level] = address;
		g->leaf_reserved[level] = address;
		/* A valid bit no leaf can do without: none may stand here. */
		if (!(g->leaf_levels >> level & 1)) {
			g->leaf_reserved[level] |= ARM_VALID;
			continue;
		}
		if (level)
			g->leaf_reserved[level] |= PTW_BITS(span - 1, 12) & ~(g->oa_high | ARM_NT);
		if (level >= grouped)
			g->leaf_reserved[level] |= ARM_CONTIG;
	}
}

int ptw_arm_configure(const struct ptw_config *config, struct ptw_geometry *g,
		      unsigned int max_root_lg2_extra)
{
	const unsigned int granule = config->granule_lg2 ? config->granule_lg2 : 12;
	struct request r = {
		.granule = granule,
		.stride = granule - 3,
		.extra = max_root_lg2_extra,
		.max_ia = ARM_MAX_BITS,
		.features = config->features,
	};
	unsigned int levels = config->levels;
	unsigned int ia_bits;
	uint32_t large;
	int error;

	if (granule != 12 && granule != 14 && granule != 16)
		return PTW_ERR_CONFIG;
	if (levels > PTW_MAX_LEVELS)
		return PTW_ERR_CONFIG_LEVELS;
	error = check_features(config, granule, stage2(&r));
	if (error != PTW_OK)
		return error;
	error = choose_oa_bits(config, &r);
	if (error != PTW_OK)
		return error;

	/* Told apart here, since no input size goes with five levels where they do not exist. */
	if (levels == 5) {
		error = check_five_levels(&r);
		if (error != PTW_OK)
			return error;
	}

	/* With 64K, the stages have features of their own for input addresses of 52 bits. */
	large = PTW_FEATURE_DS | (stage2(&r) ? PTW_FEATURE_LPA : PTW_FEATURE_LVA);
	if (config->features & large)
		r.max_ia = ARM_MAX_BITS_LARGE;
	ia_bits = config->ia_bits ? config->ia_bits : default_ia_bits(&r, levels);
	error = check_ia_bits(&r, ia_bits);
	if (error != PTW_OK)
		return error;
	error = choose_levels(&r, ia_bits, &levels);
	if (error != PTW_OK)
		return error;

	*g = (struct ptw_geometry){
		.granule_lg2 = (uint8_t)granule,
		.index_lg2 = (uint8_t)r.stride,
		.root_level = (uint8_t)(levels - 1),
		.root_lg2 = (uint8_t)(ia_bits - resolved_below_root(&r, levels)),
		.ia_bits = (uint8_t)ia_bits,
		.oa_bits = (uint8_t)r.oa_bits,
		.features = config->features,
	};
	set_formats(g);
	g->break_before_make = true;
	return ptw_build_bbm_level(config, ARM_BBM_MAX, g);
}
