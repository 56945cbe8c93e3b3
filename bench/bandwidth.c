/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * G1: whole-range harvest against what memory gives: the same tables read by the widest loads that the
 * processor has, in a loop that does nothing else, with and without prefetches, whichever is faster. By
 * each kernel, since each has a goal.
 */
#include <stdio.h>

#include <ptw/ptw.h>

#include "room.h"
#include "speed.h"
#include "trial.h"

#define SMALL	     ((uint64_t)1 << 20)
#define LARGE	     ((uint64_t)128 << 20) /* 1 GiB of tables */
#define LARGE_QUICK  ((uint64_t)4 << 20)
#define BLOCK_LARGE  ((uint64_t)1 << 17)
#define BLOCK_SMALL  ((uint64_t)1 << 15)

static const uint32_t kernels[] = {
	PTW_KERNEL_BEST,
#if defined(__x86_64__)
	PTW_KERNEL_AVX512,
	PTW_KERNEL_AVX2,
	PTW_KERNEL_SSE2,
#elif defined(__aarch64__)
	PTW_KERNEL_NEON,
#endif
	PTW_KERNEL_PORTABLE,
};

#define KERNELS (sizeof(kernels) / sizeof(kernels[0]))

/* Share of the bandwidth that is wanted; x86-64 only. */
static double goal_of(uint32_t kernel)
{
	switch (kernel) {
	case PTW_KERNEL_AVX512:
		return 0.85;
	case PTW_KERNEL_AVX2:
		return 0.75;
#if defined(__x86_64__)
	case PTW_KERNEL_SSE2:
	case PTW_KERNEL_PORTABLE:
		return 0.5;
#endif
	default:
		return 0;
	}
}

/* The kernel that the page table took. */
static uint32_t kernel_of(const struct tables *tables)
{
	struct ptw_info info = {.size = sizeof(info)};

	ptw_pgtable_info(tables->pgtable, &info);
	return info.kernel;
}

static void name_figure(struct figure *figure, bool large, uint32_t kernel, unsigned int share)
{
	snprintf(figure->id, sizeof(figure->id), "G1-%s%s-%g", large ? "" : "1m-",
		 ptw_kernel_name(kernel), read_shares[share]);
}

static void measure_kernel(struct sink *sink, uint64_t entries, bool large, uint32_t kernel)
{
	struct against_read way;
	struct figure figure;
	struct ground ground;
	struct measured m;
	struct trial trial;
	uint32_t used;

	ground_build(&ground, entries, &(const struct tables_how){.kernel = kernel});
	used = kernel_of(&ground.tables);
	trial_init(&trial, sink, entries, large ? BLOCK_LARGE : BLOCK_SMALL);
	trial_add_read(&trial, &ground, &way);
	trial_run(&trial, &m);
	for (unsigned int i = 0; i < READ_SHARES; i++) {
		double floor = faster_of(&m, way.plain, way.ahead);

		speed_figure(&figure, &m, floor, m.ns[way.harvest[i]], large ? goal_of(used) : 0);
		figure.at_least = true;
		name_figure(&figure, large, kernel, i);
		snprintf(figure.detail, sizeof(figure.detail),
			 "share of the read bandwidth: harvest (%s) at %g %% young %.4f ns, %s read "
			 "%.4f ns, with prefetch %.4f ns per entry; %llu MiB of tables; block %.0f us",
			 ptw_kernel_name(used), read_shares[i], m.ns[way.harvest[i]], trial.reader.name,
			 m.ns[way.plain], m.ns[way.ahead], (unsigned long long)entries >> 17,
			 m.longest_us);
		sink_figure(sink, &figure);
	}
	ground_free(&ground);
}

static void skip_kernel(struct sink *sink, bool large, uint32_t kernel)
{
	for (unsigned int i = 0; i < READ_SHARES; i++) {
		struct figure figure = {.skipped = true};

		name_figure(&figure, large, kernel, i);
		snprintf(figure.detail, sizeof(figure.detail),
			 "skipped: no %s in this processor or build", ptw_kernel_name(kernel));
		sink_figure(sink, &figure);
	}
}

void bandwidth_measure(struct sink *sink)
{
	for (unsigned int large = 0; large < 2; large++) {
		uint64_t entries = !large ? SMALL : room_entries(sink->quick ? LARGE_QUICK : LARGE);

		for (size_t k = 0; k < KERNELS; k++) {
			/* If one is forced, it alone. */
			if (tables_kernel && kernels[k] != tables_kernel)
				continue;
			if (ptw_kernel_available(kernels[k]))
				measure_kernel(sink, entries, large, kernels[k]);
			else
				skip_kernel(sink, large, kernels[k]);
		}
		sink_step(sink);
	}
}
