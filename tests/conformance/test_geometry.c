/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Which configurations exist: the whole cross product against the manuals' tables.
 *
 * A configuration may break several rules at once; then any of their error codes is right. One that
 * breaks none must be accepted, with the shape the tables say, and its registers must be ones that
 * the software MMU, which has its own reading of the same manuals, accepts.
 */
#include "conformance.h"

static uint64_t legal, refused;

static const struct ptw_build *build_of(uint32_t format, uint32_t granule)
{
	const struct ptw_config config = {
		.format = format,
		.granule_lg2 = granule,
		.features = HW_AD,
	};
	struct ptw_pgtable p = {0};

	cr_assert_eq(ptw_instance_choose(&config, false, &p), PTW_OK);
	return p.build;
}

/* What an accepted configuration must look like. */
struct shape {
	unsigned int granule, levels, ia_bits, oa_bits, root_lg2, leaf_levels;
	uint32_t features;
};

static void check_config(const struct ptw_build *build, const struct ptw_config *config,
			 uint64_t errors, const struct shape *shape)
{
	struct ptw_geometry g;
	int error;

	memset(&g, 0x5a, sizeof(g));
	error = build->configure(config, &g);
	if (error == PTW_OK ? errors != 0 : !(errors & ERROR(error)))
		cr_assert_fail(
			"format %u, granule %u, levels %u, ia %u, oa %u, features %#x: error %d, "
			"expected one of %#" PRIx64,
			config->format, config->granule_lg2, config->levels, config->ia_bits,
			config->oa_bits, config->features, error, errors);
	if (errors) {
		refused++;
		return;
	}
	legal++;
	if (g.granule_lg2 != shape->granule || g.root_level + 1u != shape->levels ||
	    g.ia_bits != shape->ia_bits || g.oa_bits != shape->oa_bits ||
	    g.root_lg2 != shape->root_lg2 || g.leaf_levels != shape->leaf_levels ||
	    g.features != shape->features)
		cr_assert_fail(
			"format %u, granule %u, levels %u, ia %u, oa %u, features %#x: got granule "
			"%u, levels %u, ia %u, oa %u, root %u, leaves %#x, features %#x; expected "
			"%u, %u, %u, %u, %u, %#x, %#x",
			config->format, config->granule_lg2, config->levels, config->ia_bits,
			config->oa_bits, config->features, g.granule_lg2, g.root_level + 1u,
			g.ia_bits, g.oa_bits, g.root_lg2, g.leaf_levels, g.features, shape->granule,
			shape->levels, shape->ia_bits, shape->oa_bits, shape->root_lg2,
			shape->leaf_levels, shape->features);

	/* A root at 1 GiB is aligned enough for every size and fits every width but the test
	 * format's smallest. */
	if (g.oa_bits > 30) {
		struct ptw_softmmu_config cpu = {
			.size = sizeof(cpu),
			.flags = (g.features & PTW_FEATURE_DS ? PTW_SOFTMMU_LPA2 : 0) |
				 (g.features & PTW_FEATURE_XNX ? PTW_SOFTMMU_XNX : 0),
		};

		build->registers(&g, BIT(30), &cpu.regs);
		if (ptw_softmmu_size(&cpu) == 0)
			cr_assert_fail(
				"format %u, granule %u, levels %u, ia %u, oa %u, features %#x: "
				"root %#" PRIx64 ", control %#" PRIx64 " is refused",
				config->format, g.granule_lg2, g.root_level + 1u, g.ia_bits,
				g.oa_bits, g.features, cpu.regs.root, cpu.regs.control);
	}
}

/* --- arm64 */

/*
 * Input sizes by granule and number of levels (start level -1 is five, start level 3 is one).
 * Stage 2: D8.2 "Stage 2 translation", concatenated tables included; stage 1: one root table.
 */
struct sizes {
	uint8_t first, last_s1, last_s2;
};

static const struct sizes sizes_4k[5] = {
	{13, 21, 25}, {22, 30, 34}, {31, 39, 43}, {40, 48, 52}, {49, 52, 52}};
static const struct sizes sizes_16k[5] = {
	{15, 25, 29}, {26, 36, 40}, {37, 47, 51}, {48, 52, 52}, {0, 0, 0}};
static const struct sizes sizes_64k[5] = {
	{17, 29, 33}, {30, 42, 46}, {43, 52, 52}, {0, 0, 0}, {0, 0, 0}};

static const struct sizes *arm64_sizes(unsigned int granule)
{
	return granule == 12 ? sizes_4k : granule == 14 ? sizes_16k : sizes_64k;
}

/* Rules about the number of levels, for an input and an output size. */
static uint64_t arm64_levels_errors(unsigned int granule, bool stage2, unsigned int levels,
				    unsigned int ia, unsigned int oa, uint32_t features)
{
	const struct sizes *sizes = &arm64_sizes(granule)[levels - 1];
	uint64_t errors = 0;

	if (ia < sizes->first || ia > (stage2 ? sizes->last_s2 : sizes->last_s1))
		errors |= ERROR(PTW_ERR_CONFIG_LEVELS);
	/* Start level 3 needs FEAT_TTST, start level -1 and 0 of 16K (stage 2) need LPA2. */
	if (levels == 1 && !(features & PTW_FEATURE_TTST))
		errors |= ERROR(PTW_ERR_CONFIG_FEATURE);
	if (levels == 5 && granule == 12 && !(features & PTW_FEATURE_DS))
		errors |= ERROR(PTW_ERR_CONFIG_FEATURE);
	if (stage2 && levels == 4 && granule == 14 && !(features & PTW_FEATURE_DS))
		errors |= ERROR(PTW_ERR_CONFIG_FEATURE);
	/* VTCR_EL2.SL0 = 2 depends on PAmax. */
	if (stage2 && ((granule == 12 && levels == 4 && oa < 44) ||
		       (granule == 14 && levels == 3 && oa < 42) ||
		       (granule == 16 && levels == 3 && oa < 44)))
		errors |= ERROR(PTW_ERR_CONFIG_LEVELS);
	return errors;
}

static uint64_t arm64_errors(const struct ptw_config *c, bool stage2, struct shape *shape)
{
	const unsigned int granule = c->granule_lg2 ? c->granule_lg2 : 12;
	const uint32_t f = c->features;
	uint32_t known = HW_AD | PTW_FEATURE_HAFT | PTW_FEATURE_CONTIG | PTW_FEATURE_TTST;
	unsigned int max_ia, max_oa, ia, oa, levels;
	uint64_t errors = 0;

	if (granule != 12 && granule != 14 && granule != 16)
		return ERROR(PTW_ERR_CONFIG) | ERROR(PTW_ERR_CONFIG_FEATURE) |
		       ERROR(PTW_ERR_CONFIG_LEVELS);
	known |= granule == 16 ? PTW_FEATURE_LPA : DS;
	if (stage2)
		known |= PTW_FEATURE_XNX;
	else if (granule == 16)
		known |= PTW_FEATURE_LVA;
	if (f & ~known)
		errors |= ERROR(PTW_ERR_CONFIG_FEATURE);
	/* HD and HAFT are inert without HA. */
	if (f & (PTW_FEATURE_HW_DIRTY | PTW_FEATURE_HAFT) && !(f & PTW_FEATURE_HW_ACCESSED))
		errors |= ERROR(PTW_ERR_CONFIG_FEATURE);
	if (f & PTW_FEATURE_DS && !(f & PTW_FEATURE_LPA2))
		errors |= ERROR(PTW_ERR_CONFIG_FEATURE);

	max_oa = f & (PTW_FEATURE_DS | PTW_FEATURE_LPA) ? 52 : 48;
	max_ia = f & (PTW_FEATURE_DS | (stage2 ? PTW_FEATURE_LPA : PTW_FEATURE_LVA)) ? 52 : 48;

	oa = c->oa_bits ? c->oa_bits : max_oa;
	switch (oa) {
	case 32:
	case 36:
	case 40:
	case 42:
	case 44:
	case 48:
		break;
	case 52:
		if (max_oa < 52)
			errors |= ERROR(PTW_ERR_CONFIG_FEATURE);
		break;
	default:
		errors |= ERROR(PTW_ERR_CONFIG);
		if (oa > 48)
			errors |= ERROR(PTW_ERR_CONFIG_FEATURE);
	}

	levels = c->levels;
	if (levels > 5)
		return errors | ERROR(PTW_ERR_CONFIG_LEVELS);
	if (levels == 5 && granule != 12)
		errors |= ERROR(PTW_ERR_CONFIG_LEVELS);

	/* Left open, the input size is 48 bits, or what one root table resolves if that is less, or
	 * 52 where levels cannot resolve fewer than 49; at stage 2 no wider than the output. */
	ia = c->ia_bits;
	if (!ia) {
		ia = 48;
		if (levels && arm64_sizes(granule)[levels - 1].first) {
			const struct sizes *sizes = &arm64_sizes(granule)[levels - 1];

			if (sizes->last_s1 < 48)
				ia = sizes->last_s1;
			if (sizes->first > 48)
				ia = max_ia;
		}
		if (stage2 && ia > oa)
			ia = oa;
	}
	if (ia > 52 || ia < (granule == 16 ? 17 : 16))
		errors |= ERROR(PTW_ERR_CONFIG_LEVELS);
	if (ia > max_ia)
		errors |= ERROR(PTW_ERR_CONFIG_FEATURE);
	if (ia < 25 && !(f & PTW_FEATURE_TTST))
		errors |= ERROR(PTW_ERR_CONFIG_FEATURE);
	if (stage2 && ia > oa)
		errors |= ERROR(PTW_ERR_CONFIG);

	if (levels) {
		errors |= arm64_levels_errors(granule, stage2, levels, ia, oa, f);
	} else {
		/* The fewest from two on; one level if nothing else is legal. */
		static const uint8_t order[] = {2, 3, 4, 5, 1};
		uint64_t all = 0;

		for (unsigned int i = 0; i < COUNT(order); i++) {
			uint64_t one = arm64_levels_errors(granule, stage2, order[i], ia, oa, f);

			all |= one;
			if (!one) {
				levels = order[i];
				break;
			}
		}
		if (!levels)
			errors |= all;
	}
	if (errors)
		return errors;

	*shape = (struct shape){
		.granule = granule,
		.levels = levels,
		.ia_bits = ia,
		.oa_bits = oa,
		.root_lg2 = ia - arm64_sizes(granule)[levels - 1].first + 1,
		.leaf_levels = granule == 12 ? 7 : 3,
		.features = f,
	};
	/* The largest block came with 52-bit addresses. */
	if (f & PTW_FEATURE_DS)
		shape->leaf_levels |= granule == 12 ? 8 : 4;
	if (f & PTW_FEATURE_LPA && oa == 52)
		shape->leaf_levels |= 4;
	shape->leaf_levels &= (1u << levels) - 1;
	return 0;
}

static const uint32_t arm64_features[] = {
	PTW_FEATURE_LPA,      PTW_FEATURE_LPA2,	  PTW_FEATURE_DS,
	PTW_FEATURE_TTST,     PTW_FEATURE_LVA,	  PTW_FEATURE_HW_ACCESSED,
	PTW_FEATURE_HW_DIRTY, PTW_FEATURE_CONTIG, PTW_FEATURE_XNX, PTW_FEATURE_HAFT};

/* Those features that the bits of `choice` name. */
static uint32_t features_of(uint32_t choice)
{
	uint32_t features = 0;

	for (unsigned int i = 0; i < COUNT(arm64_features); i++)
		if (choice >> i & 1)
			features |= arm64_features[i];
	return features;
}

static void check_arm64(uint32_t format, uint32_t choices, unsigned int ia_step)
{
	static const uint8_t granules[] = {0, 12, 13, 14, 16};
	static const uint8_t oas[] = {0, 32, 36, 40, 42, 44, 48, 52, 33, 47, 49, 53};
	const struct ptw_build *build = build_of(format, 12);

	for (unsigned int g = 0; g < COUNT(granules); g++)
		for (uint32_t levels = 0; levels <= 6; levels++)
			for (unsigned int o = 0; o < COUNT(oas); o++)
				for (uint32_t choice = 0; choice < choices; choice++)
					for (uint32_t ia = 11; ia <= 54; ia += ia_step) {
						struct ptw_config config = {
							.size = sizeof(config),
							.format = format,
							.granule_lg2 = granules[g],
							.levels = levels,
							.ia_bits = ia == 11 ? 0 : ia,
							.oa_bits = oas[o],
							.features = features_of(choice),
						};
						struct shape shape = {0};
						uint64_t errors = arm64_errors(
							&config, format == PTW_FORMAT_ARM64_S2,
							&shape);

						check_config(build, &config, errors, &shape);
					}
}

Test(geometry, arm64_stage2, .timeout = 600)
{
	/* All sizes with the features that decide about them, and fewer sizes with all features. */
	check_arm64(PTW_FORMAT_ARM64_S2, 32, 1);
	check_arm64(PTW_FORMAT_ARM64_S2, 1024, 37);
	cr_log_info("%" PRIu64 " legal, %" PRIu64 " refused", legal, refused);
	cr_assert_gt(legal, 8000u);
	cr_assert_gt(refused, 500000u);
}

Test(geometry, arm64_stage1, .timeout = 600)
{
	check_arm64(PTW_FORMAT_ARM64_S1, 32, 1);
	check_arm64(PTW_FORMAT_ARM64_S1, 1024, 37);
	cr_log_info("%" PRIu64 " legal, %" PRIu64 " refused", legal, refused);
	cr_assert_gt(legal, 8000u);
	cr_assert_gt(refused, 500000u);
}

/* The rows of the manual's table by hand: stage 2, the ends of every range, one inside and one
 * outside. */
Test(geometry, arm64_stage2_limits)
{
	static const struct {
		uint8_t granule, levels, ia, root_lg2; /* root_lg2 0: refused */
		uint32_t features;
	} rows[] = {
		{12, 5, 49, 1, DS},
		{12, 5, 52, 4, DS},
		{12, 5, 48, 0, DS},
		{12, 5, 49, 0, 0},
		{12, 4, 40, 1, 0},
		{12, 4, 48, 9, 0},
		{12, 4, 52, 13, DS},
		{12, 4, 39, 0, 0},
		{12, 3, 31, 1, 0},
		{12, 3, 39, 9, 0},
		{12, 3, 40, 10, 0},
		{12, 3, 43, 13, 0},
		{12, 3, 44, 0, 0},
		{12, 3, 30, 0, 0},
		{12, 2, 34, 13, 0},
		{12, 2, 25, 4, 0},
		{12, 2, 35, 0, 0},
		{12, 2, 24, 0, 0},
		{12, 2, 22, 1, PTW_FEATURE_TTST},
		{12, 1, 25, 13, PTW_FEATURE_TTST},
		{12, 1, 16, 4, PTW_FEATURE_TTST},
		{12, 1, 26, 0, PTW_FEATURE_TTST},
		{12, 1, 25, 0, 0},
		{14, 4, 48, 1, DS},
		{14, 4, 52, 5, DS},
		{14, 4, 48, 0, 0},
		{14, 3, 37, 1, 0},
		{14, 3, 48, 12, 0},
		{14, 3, 51, 15, DS},
		{14, 3, 52, 0, DS},
		{14, 2, 26, 1, 0},
		{14, 2, 40, 15, 0},
		{14, 2, 41, 0, 0},
		{14, 1, 29, 15, PTW_FEATURE_TTST},
		{16, 3, 43, 1, 0},
		{16, 3, 48, 6, 0},
		{16, 3, 52, 10, PTW_FEATURE_LPA},
		{16, 3, 52, 0, 0},
		{16, 2, 30, 1, 0},
		{16, 2, 46, 17, 0},
		{16, 2, 47, 0, 0},
		{16, 1, 33, 17, PTW_FEATURE_TTST},
		{16, 4, 48, 0, 0},
	};

	for (unsigned int i = 0; i < COUNT(rows); i++) {
		const struct ptw_config config = {
			.size = sizeof(config),
			.format = PTW_FORMAT_ARM64_S2,
			.granule_lg2 = rows[i].granule,
			.levels = rows[i].levels,
			.ia_bits = rows[i].ia,
			.features = rows[i].features,
		};
		struct ptw_geometry g = {0};
		int error = build_of(PTW_FORMAT_ARM64_S2, 12)->configure(&config, &g);

		cr_assert_eq(error == PTW_OK, rows[i].root_lg2 != 0, "row %u: error %d", i, error);
		cr_assert_eq(g.root_lg2, rows[i].root_lg2, "row %u: root %u", i, g.root_lg2);
	}
}

/* --- x86 */

static uint64_t x86_errors(const struct ptw_config *c, struct shape *shape)
{
	const bool ept = c->format == PTW_FORMAT_EPT;
	const uint32_t known =
		HW_AD | PTW_FEATURE_1G | (ept ? PTW_FEATURE_EXEC_ONLY : PTW_FEATURE_NX);
	const uint32_t ad = c->features & HW_AD;
	unsigned int levels = c->levels ? c->levels : c->ia_bits > 48 ? 5 : 4;
	unsigned int ia = c->ia_bits ? c->ia_bits : levels == 5 ? 57 : 48;
	uint64_t errors = 0;

	if (c->features & ~known || (ad && ad != HW_AD))
		errors |= ERROR(PTW_ERR_CONFIG_FEATURE);
	if (c->granule_lg2 && c->granule_lg2 != 12)
		errors |= ERROR(PTW_ERR_CONFIG);
	if (c->oa_bits && (c->oa_bits < 32 || c->oa_bits > 52))
		errors |= ERROR(PTW_ERR_CONFIG);
	if (levels < 4 || levels > 5 || ia < 13 || ia > (levels == 5 ? 57 : 48))
		errors |= ERROR(PTW_ERR_CONFIG_LEVELS);
	*shape = (struct shape){
		.granule = 12,
		.levels = levels,
		.ia_bits = ia,
		.oa_bits = c->oa_bits ? c->oa_bits : 52,
		.root_lg2 = 9,
		.leaf_levels = c->features & PTW_FEATURE_1G ? 7 : 3,
		.features = c->features | (ept ? 0 : HW_AD),
	};
	return errors;
}

static uint64_t perverse_errors(const struct ptw_config *c, struct shape *shape)
{
	const uint32_t ad = c->features & HW_AD;
	unsigned int levels = c->levels, ia = c->ia_bits;
	uint64_t errors = 0;

	if (!levels)
		levels = !ia || ia > 24 ? 5 : ia < 16 ? 1 : (ia - 10) / 3;
	if (!ia)
		ia = 12 + 3 * levels;
	if (c->features & ~(uint32_t)HW_AD || (ad && ad != HW_AD))
		errors |= ERROR(PTW_ERR_CONFIG_FEATURE);
	if (c->granule_lg2 && c->granule_lg2 != 12)
		errors |= ERROR(PTW_ERR_CONFIG);
	if (c->oa_bits && (c->oa_bits < 13 || c->oa_bits > 52))
		errors |= ERROR(PTW_ERR_CONFIG);
	if (levels > 5 || ia < 13 || ia > 12 + 3 * levels)
		errors |= ERROR(PTW_ERR_CONFIG_LEVELS);
	*shape = (struct shape){
		.granule = 12,
		.levels = levels,
		.ia_bits = ia,
		.oa_bits = c->oa_bits ? c->oa_bits : 52,
		.root_lg2 = 3,
		.leaf_levels = 7 & ((1u << levels) - 1),
		.features = HW_AD,
	};
	return errors;
}

static void check_others(uint32_t format)
{
	static const uint32_t features[] = {PTW_FEATURE_HW_ACCESSED, PTW_FEATURE_HW_DIRTY,
					    PTW_FEATURE_1G,	     PTW_FEATURE_EXEC_ONLY,
					    PTW_FEATURE_NX,	     PTW_FEATURE_CONTIG,
					    PTW_FEATURE_HAFT};
	static const uint8_t granules[] = {0, 11, 12, 14};
	static const uint8_t oas[] = {0, 12, 13, 31, 32, 39, 46, 52, 53};
	const struct ptw_build *build = build_of(format, 12);

	for (unsigned int g = 0; g < COUNT(granules); g++)
		for (uint32_t levels = 0; levels <= 6; levels++)
			for (unsigned int o = 0; o < COUNT(oas); o++)
				for (uint32_t choice = 0; choice < 1u << COUNT(features); choice++)
					for (uint32_t ia = 10; ia <= 59; ia++) {
						struct ptw_config config = {
							.size = sizeof(config),
							.format = format,
							.granule_lg2 = granules[g],
							.levels = levels,
							.ia_bits = ia == 10 ? 0 : ia,
							.oa_bits = oas[o],
						};
						struct shape shape = {0};
						uint64_t errors;

						for (unsigned int i = 0; i < COUNT(features); i++)
							if (choice >> i & 1)
								config.features |= features[i];
						errors = format == PTW_FORMAT_PERVERSE ?
								 perverse_errors(&config, &shape) :
								 x86_errors(&config, &shape);
						check_config(build, &config, errors, &shape);
					}
	cr_log_info("%" PRIu64 " legal, %" PRIu64 " refused", legal, refused);
	cr_assert_gt(legal, 500u);
}

Test(geometry, ept, .timeout = 300)
{
	check_others(PTW_FORMAT_EPT);
}

Test(geometry, x86_64, .timeout = 300)
{
	check_others(PTW_FORMAT_X86_64);
}

Test(geometry, perverse, .timeout = 300)
{
	check_others(PTW_FORMAT_PERVERSE);
}

/* --- All formats */

/* Modes that move entry bits are refused as such by every format, whatever else is wrong. */
Test(geometry, modes_and_unknown_features)
{
	static const uint32_t modes[] = {PTW_FEATURE_S2PIE, PTW_FEATURE_S2POE, PTW_FEATURE_D128,
					 PTW_FEATURE_MBEC};

	for (uint32_t format = PTW_FORMAT_EPT; format <= PTW_FORMAT_PERVERSE; format++) {
		struct ptw_config config = {.size = sizeof(config), .format = format};
		struct ptw_pgtable *p = NULL;

		for (unsigned int i = 0; i < COUNT(modes); i++) {
			config.features = HW_AD | modes[i];
			cr_assert_eq(ptw_pgtable_create(&config, &p), PTW_ERR_CONFIG_MODE,
				     "format %u, mode %#x", format, modes[i]);
		}
		for (unsigned int bit = 0; bit < 32; bit++) {
			if (bit <= 12 || (bit >= 16 && bit <= 19))
				continue;
			config.features = HW_AD | (uint32_t)BIT(bit);
			cr_assert_eq(ptw_pgtable_create(&config, &p), PTW_ERR_ARG,
				     "format %u, feature bit %u", format, bit);
		}
		cr_assert_null(p);
	}
}

/* Every preset is a configuration that exists. */
Test(geometry, presets)
{
	unsigned int n;

	for (n = 0; ptw_preset_name(n); n++) {
		struct ptw_config config;
		struct shape shape = {0};
		uint64_t errors;

		cr_assert_eq(ptw_preset(ptw_preset_name(n), &config), PTW_OK);
		switch (config.format) {
		case PTW_FORMAT_ARM64_S2:
		case PTW_FORMAT_ARM64_S1:
			errors =
				arm64_errors(&config, config.format == PTW_FORMAT_ARM64_S2, &shape);
			break;
		case PTW_FORMAT_PERVERSE:
			errors = perverse_errors(&config, &shape);
			break;
		default:
			errors = x86_errors(&config, &shape);
		}
		check_config(build_of(config.format, config.granule_lg2), &config, errors, &shape);
	}
	cr_assert_eq(legal, n);
	cr_assert_gt(n, 20u);
}
