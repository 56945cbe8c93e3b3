/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Where the time of a harvest goes. Hardware counters are often not to be had in virtual machines,
 * and the library has no clock in its loops, so phases are differences between things that can be
 * timed whole, on the same tables and alternating:
 *
 *   scan    = the library's own scan of table after table, with the next one as what to prefetch
 *   atomics = that scan with an atomic AND for each young entry it finds, less the scan
 *   walk    = a harvest that finds nothing young, less such a scan, less zeroing the bitmap
 *   output  = zeroing the bitmap, and what is left of the harvest
 *
 * So the phases add up to the harvest, and all errors gather in `output`: what the processor does
 * at the same time (a clear and the reads of the next table) is counted where it was seen last.
 * Where they add up to more than the harvest, that is the error and is told; where output beyond
 * zeroing is more than a bitmap costs, it is an error, too, but looks like output.
 *
 * Lock wait and flush are timed where they happen, around the lock and in the hook, less what
 * reading the clock costs. Of what is left, the phases take what they take in a harvest that waits
 * for nobody; the rest is `other`: shorter calls, and whatever makes waiting harvests slower.
 */
#include "phases.h"

#include <stdlib.h>
#include <string.h>

#include <ptw/port.h>
#include <ptw/ptw.h>

#include "experiment.h"
#include "figure.h"
#include "lib/walk/scan.h"
#include "progress.h"
#include "thread.h"
#include "turns.h"

#define BLOCK	     ((uint64_t)1 << 15)
#define BLOCK_TABLES (BLOCK / TABLE_ENTRIES)
#define SMALL	     ((uint64_t)1 << 20)
#define LARGE	     ((uint64_t)16 << 20)
#define LARGE_QUICK  ((uint64_t)2 << 20)
#define KEPT_QUICK   20

static const double percents[] = {0, 1, 10, 100};

#define PERCENTS (sizeof(percents) / sizeof(percents[0]))

const char *const phase_names[PHASES] = {
	[PHASE_WALK] = "walk",	   [PHASE_SCAN] = "scan",      [PHASE_ATOMICS] = "atomics",
	[PHASE_OUTPUT] = "output", [PHASE_LOCK] = "lock wait", [PHASE_FLUSH] = "flush",
	[PHASE_OTHER] = "other",
};

const char *const phase_timed_names[TIMEDS] = {
	[TIMED_HARVEST] = "harvest",	       [TIMED_SCAN] = "scan",
	[TIMED_CLEAR] = "scan_and_clear",      [TIMED_ZERO] = "zero_bitmap",
	[TIMED_HARVEST_NONE] = "harvest_none", [TIMED_SCAN_NONE] = "scan_none",
};

struct alone {
	struct regions *regions;
	uint32_t kernel;
	double percent;
	uint64_t *found;
	uint64_t cleared; /* by TIMED_CLEAR */
	volatile uint64_t seen;
	int error;
};

static void prepare(void *context, unsigned int side)
{
	struct alone *a = context;
	struct regions *r = a->regions;
	const bool none = side >= TIMED_ZERO;

	/* As full as the pass before has left it, or the check after the pass would see nothing. */
	memcpy(a->found, r->planted, r->tables.entries / 8);
	tables_plant(&r->tables, none ? 0 : a->percent, r->planted);
	a->cleared = 0;
}

static void block_harvest(struct alone *a, uint64_t number)
{
	const uint64_t start = number * BLOCK << PAGE_LG2;
	const struct ptw_harvest request = {
		.size = sizeof(request),
		.flags = PTW_HARVEST_ACCESSED,
		.young = a->found + number * (BLOCK / 64),
	};
	int error;

	memset(request.young, 0, BLOCK / 8);
	error = ptw_harvest(a->regions->tables.pgtable, start, start + (BLOCK << PAGE_LG2),
			    &request, NULL);
	if (error)
		a->error = error;
}

/*
 * A table, and what to prefetch meanwhile: as the harvest's walk does it, which ends with the
 * block.
 */
static const uint64_t *ahead(const struct alone *a, uint64_t t)
{
	uint64_t *const *table = a->regions->tables.table;

	return (t + 1) % BLOCK_TABLES ? table[t + 1] : table[t];
}

static void block_scan(struct alone *a, uint64_t number)
{
	uint64_t young[PTW_SCAN_WORDS];
	uint64_t seen = 0;

	for (uint64_t t = number * BLOCK_TABLES; t < (number + 1) * BLOCK_TABLES; t++) {
		seen |= ptw_scan(a->kernel, a->regions->tables.table[t], PTW_SCAN_WORDS,
				 EPT_ACCESSED, young, ahead(a, t));
		seen |= young[0];
	}
	a->seen = seen;
}

static void block_clear(struct alone *a, uint64_t number)
{
	uint64_t young[PTW_SCAN_WORDS];
	uint64_t cleared = 0;

	for (uint64_t t = number * BLOCK_TABLES; t < (number + 1) * BLOCK_TABLES; t++) {
		uint64_t *slot = a->regions->tables.table[t];

		ptw_scan(a->kernel, slot, PTW_SCAN_WORDS, EPT_ACCESSED, young, ahead(a, t));
		for (unsigned int w = 0; w < PTW_SCAN_WORDS; w++)
			for (uint64_t left = young[w]; left; left &= left - 1)
				cleared += !!ptw_port_and_clear(
					slot + w * 64 + (unsigned int)__builtin_ctzll(left),
					EPT_ACCESSED);
	}
	a->cleared += cleared;
}

static void block(void *context, unsigned int side, uint64_t number)
{
	struct alone *a = context;

	switch (side) {
	case TIMED_HARVEST:
	case TIMED_HARVEST_NONE:
		block_harvest(a, number);
		break;
	case TIMED_SCAN:
	case TIMED_SCAN_NONE:
		block_scan(a, number);
		break;
	case TIMED_CLEAR:
		block_clear(a, number);
		break;
	default:
		memset(a->found + number * (BLOCK / 64), 0, BLOCK / 8);
		break;
	}
}

static uint64_t planted_pages(const struct alone *a)
{
	uint64_t pages = 0;

	for (uint64_t w = 0; w < a->regions->tables.entries / 64; w++)
		pages += (uint64_t)__builtin_popcountll(a->regions->planted[w]);
	return pages;
}

static void verify(void *context, unsigned int side)
{
	struct alone *a = context;
	const uint64_t entries = a->regions->tables.entries;

	if (a->error)
		bench_die(EXIT_WRONG, "harvest failed: %s", ptw_strerror(a->error));
	if (side == TIMED_HARVEST || side == TIMED_HARVEST_NONE)
		regions_check(a->regions, a->found, entries, "phases");
	/* A scan leaves them young. */
	for (uint64_t b = 0; b < entries / BLOCK && side == TIMED_SCAN; b++)
		block_clear(a, b);
	if ((side == TIMED_SCAN || side == TIMED_CLEAR) && a->cleared != planted_pages(a))
		bench_die(EXIT_WRONG, "%llu pages were young, and %llu cleared",
			  (unsigned long long)planted_pages(a), (unsigned long long)a->cleared);
}

static double positive(double ns)
{
	return ns > 0 ? ns : 0;
}

static void stack_make(struct phases_stack *stack)
{
	const double *t = stack->timed;
	double *phase = stack->phase;
	double rest;

	stack->total = t[TIMED_HARVEST];
	phase[PHASE_WALK] = positive(t[TIMED_HARVEST_NONE] - t[TIMED_SCAN_NONE] - t[TIMED_ZERO]);
	phase[PHASE_SCAN] = t[TIMED_SCAN];
	phase[PHASE_ATOMICS] = positive(t[TIMED_CLEAR] - t[TIMED_SCAN]);
	rest = stack->total - phase[PHASE_WALK] - phase[PHASE_SCAN] - phase[PHASE_ATOMICS];
	phase[PHASE_OUTPUT] = rest > t[TIMED_ZERO] ? rest : t[TIMED_ZERO];
	stack->error = phase[PHASE_OUTPUT] - rest;
}

void phases_alone(struct phases_stack *stack, struct regions *regions, uint32_t kernel, bool quick)
{
	const uint64_t blocks = regions->tables.entries / BLOCK;
	struct alone a = {.regions = regions, .kernel = kernel, .percent = stack->young};
	struct turns turns = {
		.context = &a,
		.sides = TIMEDS,
		.want = quick ? KEPT_QUICK : 10 * KEPT_MIN,
		.prepare = prepare,
		.block = block,
		.verify = verify,
	};
	struct turned turned;

	a.found = bench_new(regions->tables.entries / 64, sizeof(*a.found), "bitmaps");
	for (unsigned int s = 0; s < TIMEDS; s++)
		turns.blocks[s] = blocks;
	turns_run(&turns, &turned);
	for (unsigned int s = 0; s < TIMEDS; s++)
		stack->timed[s] = turned.side[s].ns * (double)blocks;
	stack->kept = turned.kept;
	stack->blocks = turned.total;
	stack->few = turned.kept < KEPT_MIN;
	stack_make(stack);
	free(a.found);
}

static struct phases_stack *add(struct phases_results *r, const char *kind, const char *kernel,
				uint64_t entries, double young)
{
	struct phases_stack *stack = &r->stack[r->stacks++];

	if (r->stacks > PHASES_STACKS_MAX)
		bench_die(EXIT_WRONG, "too many stacks");
	*stack = (struct phases_stack){
		.kind = kind, .kernel = kernel, .entries = entries, .young = young};
	return stack;
}

/* All shares of young pages with one kernel, and at one of them also what waits. */
static void run_size(struct phases_results *r, uint64_t entries, uint32_t kernel, bool waits)
{
	struct regions regions;
	struct ptw_info info = {.size = sizeof(info)};
	const char *name;

	regions_build(&regions, entries, &(const struct regions_how){.kernel = kernel});
	ptw_pgtable_info(regions.tables.pgtable, &info);
	name = ptw_kernel_name(info.kernel);
	for (unsigned int p = 0; p < PERCENTS; p++) {
		struct phases_stack *alone = add(r, "alone", name, entries, percents[p]);

		phases_alone(alone, &regions, info.kernel, r->run.quick);
		progress_show((double)r->stacks / PHASES_STACKS_MAX);
		if (!waits || p != 1)
			continue;
		if (!phases_lock(add(r, "mutex", name, entries, percents[p]), &regions, alone,
				 r->run.quick))
			r->stacks--;
		phases_flush(add(r, "flush", name, entries, percents[p]), alone, r->run.quick);
	}
	regions_free(&regions);
}

json_t *phases_experiment(const struct experiment_options *options)
{
	struct phases_results *results = bench_new(1, sizeof(*results), "results");
	json_t *json;

	experiment_begin(&results->run, options);
	run_size(results, SMALL, tables_kernel, true);
	run_size(results, options->quick ? LARGE_QUICK : LARGE, tables_kernel, false);
	/* Where that is the best one, it has been. */
	if (strcmp(results->stack[0].kernel, ptw_kernel_name(PTW_KERNEL_PORTABLE)) != 0) {
		run_size(results, SMALL, PTW_KERNEL_PORTABLE, false);
		run_size(results, options->quick ? LARGE_QUICK : LARGE, PTW_KERNEL_PORTABLE, false);
	}
	experiment_end(&results->run);
	if (options->table)
		phases_print(results);
	if (options->plots)
		phases_plot(results, options->plots);
	if (options->folded)
		phases_folded(results, options->folded);
	json = phases_json(results);
	free(results);
	return json;
}
