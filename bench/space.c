/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "space.h"

#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "floor.h"

void space_done(int error, const char *what)
{
	if (error)
		bench_die(EXIT_WRONG, "%s failed: %s", what, ptw_strerror(error));
}

void space_mmu(struct ptw_pgtable *pgtable, struct ptw_mmu *mmu)
{
	const struct ptw_mmu_table config = {
		.size = sizeof(config),
		.pgtables = &pgtable,
		.count = 1,
		.frame_lg2 = PAGE_LG2,
	};

	space_done(ptw_mmu_table_create(&config, mmu), "making an MMU");
}

struct ptw_space *space_with(const struct ptw_mmu *mmu, bool primary, uint64_t pages)
{
	const struct ptw_space_config config = {
		.size = sizeof(config),
		.primary = primary ? mmu : NULL,
	};
	struct ptw_slot slot = {.size = sizeof(slot), .pages = pages};
	struct ptw_space *space;

	space_done(ptw_space_create(&config, &space), "making a space");
	if (!primary) {
		space_done(ptw_space_register(space, mmu, NULL, &slot.mmu), "registering an MMU");
		space_done(ptw_space_add_slot(space, &slot), "adding a slot");
	}
	return space;
}

/* Turn `way` of pass `passes` begins at this block, and goes on `parts` further. */
static uint64_t first_of(const struct space_run *r, unsigned int way)
{
	return (way + r->passes) % r->parts;
}

bool space_run_is(const struct space_run *r, unsigned int way, uint64_t w)
{
	uint64_t block = w * 64 / r->block;

	return block < r->pages / r->block / r->parts * r->parts &&
	       block % r->parts == first_of(r, way);
}

static void ask_direct(struct space_run *r, const struct space_way *way, uint64_t page,
		       uint64_t end)
{
	const uint64_t size = way->pages ? way->pages : SPACE_BATCH;
	struct ptw_harvest_result result = {.size = sizeof(result)};
	struct ptw_harvest request = {
		.size = sizeof(request),
		.flags = PTW_HARVEST_ACCESSED,
	};

	for (; page < end; page += size) {
		int error;

		request.young = r->found + page / 64;
		error = ptw_harvest(r->pgtable, page << PAGE_LG2, (page + size) << PAGE_LG2,
				    &request, way->result ? &result : NULL);
		space_done(error, "a harvest");
	}
}

static void ask_space(struct space_run *r, const struct space_way *way, uint64_t page, uint64_t end)
{
	const uint64_t size = way->pages ? way->pages : SPACE_BATCH;
	struct ptw_ask_result result = {.size = sizeof(result)};
	struct ptw_ask ask = {
		.size = sizeof(ask),
		.flags = PTW_HARVEST_ACCESSED,
		.effort = way->effort,
		.consumer = way->consumer,
	};

	for (; page < end; page += size) {
		int error;

		ask.young = r->found + page / 64;
		error = ptw_space_harvest(way->space, page, page + size, &ask,
					  way->result ? &result : NULL);
		space_done(error, "a question");
	}
}

static void block_run(void *context, unsigned int side, uint64_t block)
{
	struct space_run *r = context;
	const struct space_way *way = &r->way[side];
	uint64_t page = (block * r->parts + first_of(r, side)) * r->block;

	if (way->floor)
		floor_and(r->hot, r->block);
	else if (way->space)
		ask_space(r, way, page, page + r->block);
	else
		ask_direct(r, way, page, page + r->block);
}

static void prepare(void *context)
{
	struct space_run *r = context;

	r->passes++;
	memset(r->found, 0, r->pages / 8);
	r->plant(r->context, r->planted);
}

static void verify(void *context)
{
	struct space_run *r = context;
	const struct space_way *way = &r->way[0];
	uint64_t rest = r->pages / r->block / r->parts * r->parts * r->block;

	/* What is left over by blocks that do not go into the ways; as way 0 asks, but for nobody. */
	if (rest < r->pages) {
		const struct space_way one = {.space = way->space, .effort = way->effort};

		if (one.space)
			ask_space(r, &one, rest, r->pages);
		else
			ask_direct(r, &one, rest, r->pages);
	}
	tables_check(r->planted, r->found, 0, r->pages, "space");
	if (r->check)
		r->check(r->context, r);
}

void space_run(struct space_run *r, struct measured *measured)
{
	struct measure measure = {
		.context = r,
		.work = r->block,
		.want = r->want,
		.prepare = prepare,
		.verify = verify,
		.sides = r->ways,
		.any = block_run,
	};

	r->parts = 0;
	for (unsigned int w = 0; w < r->ways; w++)
		r->parts += !r->way[w].floor;
	measure.blocks = r->pages / r->block / r->parts;
	r->passes = 0;
	r->planted = bench_new(r->pages / 64, sizeof(uint64_t), "bitmaps");
	r->found = bench_new(r->pages / 64, sizeof(uint64_t), "bitmaps");
	measure_run(&measure, measured);
	free(r->planted);
	free(r->found);
}

void space_measure(struct sink *sink)
{
	ptw_thread_register();
	space_tables(sink);
	space_shadows(sink);
	space_consumers(sink);
}
