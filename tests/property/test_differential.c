/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Random operations on a page table of every preset, and on a model that is a flat array of pages.
 * After each operation both must have said the same.
 */
#include "tests/property/changes.h"

#define STEPS 3000

/* The lowest addresses, some around the middle of the root, and the highest. */
static void make_areas(struct run *r)
{
	struct machine *m = &r->m;
	const uint64_t block = entry_size(m, 1);
	uint64_t bytes = 3 * block;

	/* All there is, where that is little. */
	if (m->ia_end / m->granule <= 40000) {
		model_area(&r->model, 0, (uint32_t)(m->ia_end / m->granule));
		return;
	}
	if (r->model.group_lg2[1] && m->granule == 4096)
		bytes = 3 * block << r->model.group_lg2[1];
	model_area(&r->model, 0, (uint32_t)(bytes / m->granule));
	model_area(&r->model, m->ia_end / 2 - bytes / block / 2 * block,
		   (uint32_t)(bytes / m->granule));
	model_area(&r->model, m->ia_end - bytes, (uint32_t)(bytes / m->granule));
}

/* A preset, in a geometry of its own where numbers are not 0. */
struct shape {
	const char *preset;
	uint32_t levels, ia_bits, features;
};

static void run_shape(const struct shape *shape, unsigned int steps)
{
	const char *preset = shape->preset;
	struct run *r = calloc(1, sizeof(*r));

	cr_assert_not_null(r);
	r->preset = preset;
	r->random = test_seed();
	for (const char *c = preset; *c; c++)
		r->random = r->random * 31 + (unsigned char)*c;
	machine_preset(&r->m, preset);
	if (shape->levels)
		r->m.config.levels = shape->levels;
	if (shape->ia_bits)
		r->m.config.ia_bits = shape->ia_bits;
	r->m.config.features |= shape->features;
	machine_start(&r->m, PTW_SOFTMMU_CONTIG_FREEDOM);
	r->oa_bits = r->m.info.oa_bits;
	r->model.m = &r->m;
	r->model.stride = r->m.info.index_lg2;
	model_groups(&r->model);
	make_areas(r);
	run_open_space(r);
	for (r->step = 0; r->step < steps; r->step++)
		one_step(r);
	do_check(r);
	machine_close(&r->m);
	model_close(&r->model);
	run_close_space(r);
	free(r);
}

/* Every preset whose name begins so. */
static void run_family(const char *prefix)
{
	const char *preset;
	unsigned int found = 0;

	for_each_preset(preset) {
		if (strncmp(preset, prefix, strlen(prefix)))
			continue;
		cr_log_info("%s, seed %#" PRIx64, preset, test_seed());
		run_shape(&(struct shape){ .preset = preset }, STEPS / test_slowness());
		found++;
	}
	cr_assert_neq(found, 0u);
}

Test(differential, ept, .timeout = 600)
{
	run_family("ept");
}

Test(differential, x86_64, .timeout = 600)
{
	run_family("x86-64");
}

Test(differential, arm64_s2_4k, .timeout = 600)
{
	run_family("arm64-s2-4k");
}

Test(differential, arm64_s2_16k, .timeout = 600)
{
	run_family("arm64-s2-16k");
}

Test(differential, arm64_s2_64k, .timeout = 600)
{
	run_family("arm64-s2-64k");
}

Test(differential, arm64_s1, .timeout = 600)
{
	run_family("arm64-s1");
}

Test(differential, perverse, .timeout = 600)
{
	run_family("perverse");
}

/* Roots wider or shorter than a table, few levels, groups that are the whole root or wider. */
Test(differential, odd_shapes, .timeout = 600)
{
	static const struct shape shapes[] = {
		{ "arm64-s2-4k", 3, 40, 0 },
		{ "arm64-s2-4k", 3, 43, PTW_FEATURE_XNX },
		{ "arm64-s2-4k", 3, 31, 0 },
		{ "arm64-s2-4k-contig", 2, 25, 0 },
		{ "arm64-s2-4k-contig", 2, 23, PTW_FEATURE_TTST },
		{ "arm64-s2-4k-contig", 1, 18, PTW_FEATURE_TTST },
		{ "arm64-s2-16k-contig", 2, 28, 0 },
		{ "arm64-s2-64k-contig", 2, 33, 0 },
		{ "arm64-s1-16k", 2, 36, 0 },
		{ "arm64-s1-4k", 4, 40, PTW_FEATURE_CONTIG },
		{ "x86-64", 4, 40, 0 },
		{ "ept4", 4, 40, 0 },
		{ "ept5", 5, 49, 0 },
		{ "perverse", 1, 0, 0 },
		{ "perverse", 2, 0, 0 },
		{ "perverse", 3, 20, 0 },
	};

	for (unsigned int i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		cr_log_info("%s, %u levels, %u bits, seed %#" PRIx64, shapes[i].preset,
			    shapes[i].levels, shapes[i].ia_bits, test_seed());
		run_shape(&shapes[i], STEPS / test_slowness());
	}
}
