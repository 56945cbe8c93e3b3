/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Common configurations by name. What a preset leaves at zero is the natural choice of its format.
 */
#include <ptw/config.h>
#include <ptw/error.h>

#define HW_AD (PTW_FEATURE_HW_ACCESSED | PTW_FEATURE_HW_DIRTY)
#define DS (PTW_FEATURE_LPA2 | PTW_FEATURE_DS)

#define PRESET(label, fmt, granule, ...)                                                           \
	{                                                                                          \
		.name = (label), .config = {                                                       \
			.size = sizeof(struct ptw_config),                                         \
			.format = (fmt),                                                           \
			.granule_lg2 = (granule),                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

#define EPT(label, ...) PRESET(label, PTW_FORMAT_EPT, 12, __VA_ARGS__)
#define X86_64(label, ...) PRESET(label, PTW_FORMAT_X86_64, 12, __VA_ARGS__)
#define S2(label, granule, ...) PRESET("arm64-s2-" label, PTW_FORMAT_ARM64_S2, granule, __VA_ARGS__)
#define S1(label, granule, ...) PRESET("arm64-s1-" label, PTW_FORMAT_ARM64_S1, granule, __VA_ARGS__)

static const struct {
	const char *name;
	struct ptw_config config;
} presets[] = {
	EPT("ept4", .levels = 4, .features = HW_AD | PTW_FEATURE_1G),
	EPT("ept5", .levels = 5, .features = HW_AD | PTW_FEATURE_1G),
	EPT("ept4-tracked", .levels = 4, .features = PTW_FEATURE_1G),
	EPT("ept5-tracked", .levels = 5, .features = PTW_FEATURE_1G),

	X86_64("x86-64", .levels = 4, .features = HW_AD | PTW_FEATURE_1G | PTW_FEATURE_NX),
	X86_64("x86-64-la57", .levels = 5, .features = HW_AD | PTW_FEATURE_1G | PTW_FEATURE_NX),

	/* 48 bits: 4 levels, 3 with two concatenated roots, 3. */
	S2("4k", 12, .features = HW_AD),
	S2("16k", 14, .features = HW_AD),
	S2("64k", 16, .features = HW_AD),
	S2("4k-swaf", 12, .features = 0),
	S2("16k-swaf", 14, .features = 0),
	S2("64k-swaf", 16, .features = 0),
	S2("4k-contig", 12, .features = HW_AD | PTW_FEATURE_CONTIG),
	S2("16k-contig", 14, .features = HW_AD | PTW_FEATURE_CONTIG),
	S2("64k-contig", 16, .features = HW_AD | PTW_FEATURE_CONTIG),
	/* 52 bits: 5 levels (the fewest would be 4 with sixteen roots), 4, 3. */
	S2("4k-lpa2", 12, .levels = 5, .ia_bits = 52, .features = HW_AD | DS),
	S2("16k-lpa2", 14, .ia_bits = 52, .features = HW_AD | DS),
	S2("64k-lpa", 16, .ia_bits = 52, .features = HW_AD | PTW_FEATURE_LPA),

	/* 48 bits: 4, 4 and 3 levels. */
	S1("4k", 12, .features = HW_AD),
	S1("16k", 14, .features = HW_AD),
	S1("64k", 16, .features = HW_AD),
	S1("4k-swaf", 12, .features = 0),
	S1("16k-swaf", 14, .features = 0),
	S1("64k-swaf", 16, .features = 0),
	/* 52 bits: 5, 4 and 3 levels. */
	S1("4k-lpa2", 12, .ia_bits = 52, .features = HW_AD | DS),
	S1("16k-lpa2", 14, .ia_bits = 52, .features = HW_AD | DS),
	S1("64k-lpa", 16, .ia_bits = 52,
	   .features = HW_AD | PTW_FEATURE_LPA | PTW_FEATURE_LVA),

	PRESET("perverse", PTW_FORMAT_PERVERSE, 12, .levels = 5, .features = HW_AD),

	/* Behind the others, whose numbers stay what they were. */
	S2("4k-haft", 12, .features = HW_AD | PTW_FEATURE_HAFT),
	S1("4k-haft", 12, .features = HW_AD | PTW_FEATURE_HAFT),
};

#define PRESETS (sizeof(presets) / sizeof(presets[0]))

static bool same_name(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

int ptw_preset(const char *name, struct ptw_config *config)
{
	if (!name || !config)
		return PTW_ERR_ARG;
	for (size_t i = 0; i < PRESETS; i++) {
		if (same_name(name, presets[i].name)) {
			*config = presets[i].config;
			return PTW_OK;
		}
	}
	return PTW_ERR_ARG;
}

const char *ptw_preset_name(unsigned int n)
{
	return n < PRESETS ? presets[n].name : NULL;
}
