/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * S1: a space with one direct secondary MMU and no primary, in questions of 64 pages, against
 * ptw_harvest() on the page table. S4: the same with the page table as the primary, and nothing else.
 */
#include <stdio.h>

#include <ptw/ptw.h>

#include "space.h"
#include "speed.h"

#define GOAL  1.25
#define BLOCK ((uint64_t)1 << 14)

/* Both without and with a struct for the result. */
enum {
	DIRECT,
	SPACE,
	DIRECT_RESULT,
	SPACE_RESULT,
	WAYS,
};

struct table_run {
	struct tables tables;
	double percent;
};

static void plant(void *context, uint64_t *planted)
{
	struct table_run *t = context;

	tables_plant(&t->tables, t->percent, planted);
}

static void table_measure(struct sink *sink, struct table_run *t, struct ptw_space *space,
			  const char *id)
{
	const struct space_way way[WAYS] = {
		[DIRECT] = {.result = false},
		[SPACE] = {.space = space, .effort = PTW_EFFORT_FAST},
		[DIRECT_RESULT] = {.result = true},
		[SPACE_RESULT] = {.space = space, .effort = PTW_EFFORT_FAST, .result = true},
	};
	struct space_run run = {
		.pgtable = t->tables.pgtable,
		.pages = SPACE_PAGES,
		.block = BLOCK,
		.want = sink->quick ? KEPT_MIN : 1000,
		.way = way,
		.ways = WAYS,
		.plant = plant,
		.context = t,
	};
	struct measured m;
	struct figure figure;

	space_run(&run, &m);
	speed_figure(&figure, &m, m.ns[SPACE], m.ns[DIRECT], GOAL);
	snprintf(figure.id, sizeof(figure.id), "%s-%g", id, t->percent);
	snprintf(figure.detail, sizeof(figure.detail),
		 "64 pages a question, %g %% young: through the space %.3f ns, direct %.3f ns a "
		 "page; with results %.3f and %.3f ns, %.2fx; block %.0f us",
		 t->percent, m.ns[SPACE], m.ns[DIRECT], m.ns[SPACE_RESULT], m.ns[DIRECT_RESULT],
		 m.ns[SPACE_RESULT] / m.ns[DIRECT_RESULT], m.longest_us);
	sink_figure(sink, &figure);
}

void space_tables(struct sink *sink)
{
	static const double percents[] = {0, 1, 10, 100};
	struct table_run t;
	struct ptw_mmu mmu;

	tables_build(&t.tables, SPACE_PAGES);
	space_mmu(t.tables.pgtable, &mmu);
	for (unsigned int primary = 0; primary < 2; primary++) {
		struct ptw_space *space = space_with(&mmu, primary, SPACE_PAGES);

		for (unsigned int i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
			t.percent = percents[i];
			table_measure(sink, &t, space, primary ? "S4-primary" : "S1-table");
		}
		space_done(ptw_space_destroy(space), "ending a space");
		sink_step(sink);
	}
	ptw_mmu_destroy(&mmu);
	tables_free(&t.tables);
}
