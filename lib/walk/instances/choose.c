/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Which instance serves a configuration. */
#include "arch/arm64/stage1.h"
#include "arch/arm64/stage2.h"
#include "arch/perverse/perverse.h"
#include "arch/x86/ept.h"
#include "arch/x86/x86_64.h"
#include "lib/walk/instances.h"

struct ptw_choice {
	uint32_t format;
	uint32_t granule_lg2;
	bool tracked; /* EPT without hardware accessed bits */
	const struct ptw_build *build;
	const struct ptw_layout *layout;
	const struct ptw_instance *own;
	const struct ptw_instance *attached;
};

static const struct ptw_choice ptw_choices[] = {
	{ PTW_FORMAT_EPT, 12, false, &ptw_ept_build, &ept_layout, &ptw_ept, &ptw_ept_attached },
	{ PTW_FORMAT_EPT, 12, true, &ptw_ept_build, &ept_tracked_layout, &ptw_ept_tracked,
	  &ptw_ept_attached },
	{ PTW_FORMAT_X86_64, 12, false, &ptw_x86_64_build, &x86_64_layout, &ptw_x86_64,
	  &ptw_x86_64_attached },
	{ PTW_FORMAT_ARM64_S2, 12, false, &ptw_s2_build, &s2_layout, &ptw_s2_4k,
	  &ptw_s2_4k_attached },
	{ PTW_FORMAT_ARM64_S2, 14, false, &ptw_s2_build, &s2_layout, &ptw_s2_16k,
	  &ptw_s2_16k_attached },
	{ PTW_FORMAT_ARM64_S2, 16, false, &ptw_s2_build, &s2_layout, &ptw_s2_64k,
	  &ptw_s2_64k_attached },
	{ PTW_FORMAT_ARM64_S1, 12, false, &ptw_s1_build, &s1_layout, &ptw_s1_4k,
	  &ptw_s1_4k_attached },
	{ PTW_FORMAT_ARM64_S1, 14, false, &ptw_s1_build, &s1_layout, &ptw_s1_16k,
	  &ptw_s1_16k_attached },
	{ PTW_FORMAT_ARM64_S1, 16, false, &ptw_s1_build, &s1_layout, &ptw_s1_64k,
	  &ptw_s1_64k_attached },
	{ PTW_FORMAT_PERVERSE, 12, false, &ptw_perverse_build, &perverse_layout, &ptw_perverse,
	  &ptw_perverse_attached },
};

/* The caller names a layout: one of our own, or, for attached page tables only, any. */
static int ptw_layout_choose(const struct ptw_layout *layout, const struct ptw_choice *c, bool attached,
			     struct ptw_pgtable *p)
{
	bool own = layout == c->layout;

	/* Another format's, or the other kind of EPT's. */
	for (unsigned int i = 0; !own && i < sizeof(ptw_choices) / sizeof(ptw_choices[0]); i++)
		if (layout == ptw_choices[i].layout)
			return PTW_ERR_UNSUPPORTED;

	if (!attached && !own)
		return PTW_ERR_UNSUPPORTED;
	if (attached)
		p->layout = layout;
	p->exact = own;
	return PTW_OK;
}

/*
 * Hardware's rules alone: no bit is ours. arm64 keeps DBM, which is hardware's way to say that a leaf
 * may be written.
 */
static void ptw_layout_strip(struct ptw_pgtable *p, const struct ptw_choice *c)
{
	p->stripped = *c->layout;
	p->stripped.name = "hardware";
	p->stripped.exact = false;
	p->stripped.held = 0;
	p->stripped.user = 0;
	if (c->format == PTW_FORMAT_EPT || c->format == PTW_FORMAT_X86_64) {
		p->stripped.present = 0;
		p->stripped.may_write = 0;
	}
	p->layout = &p->stripped;
}

const struct ptw_layout *ptw_layout_own(const struct ptw_config *config)
{
	struct ptw_config plain;
	struct ptw_pgtable p;

	if (!config || config->size < sizeof(*config))
		return NULL;
	plain = *config;
	plain.layout = NULL;
	return ptw_instance_choose(&plain, false, &p) ? NULL : p.layout;
}

int ptw_instance_choose(const struct ptw_config *config, bool attached, struct ptw_pgtable *p)
{
	uint32_t granule_lg2 = config->granule_lg2 ? config->granule_lg2 : 12;
	bool tracked = config->format == PTW_FORMAT_EPT &&
		       !(config->features & PTW_FEATURE_HW_ACCESSED);
	bool known = false;

	for (unsigned int i = 0; i < sizeof(ptw_choices) / sizeof(ptw_choices[0]); i++) {
		const struct ptw_choice *c = &ptw_choices[i];

		if (c->format != config->format)
			continue;
		known = true;
		if (c->granule_lg2 != granule_lg2 || c->tracked != tracked)
			continue;
		p->build = c->build;
		p->instance = attached ? c->attached : c->own;
		p->layout = c->layout;
		p->exact = !attached;
		if (config->layout)
			return ptw_layout_choose(config->layout, c, attached, p);
		/* Somebody else's tables: hardware's rules are what is certain. Access tracking is
		 * software's alone. */
		if (attached && c->tracked)
			return PTW_ERR_UNSUPPORTED;
		if (attached && c->format != PTW_FORMAT_PERVERSE)
			ptw_layout_strip(p, c);
		return PTW_OK;
	}
	return known ? PTW_ERR_CONFIG : PTW_ERR_ARG;
}
