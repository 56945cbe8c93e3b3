/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * S3: what other consumers cost one that asks, in questions of 64 pages at 1 % young: none, one, 4 and
 * 16 that read what was found after every pass, and one and 16 that do so after every thousandth.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "space.h"
#include "speed.h"
#include "thread.h"

#define PERCENT	   1.0
#define WAYS	   5
#define OTHERS_MAX 16
/* For one that reads seldom. The others have none: they are there to be compared. */
#define GOAL_SELDOM 1.1
#define SELDOM	    1000
/* So few pages that thousands of passes do not take long. */
#define SELDOM_PAGES ((uint64_t)1 << 16)

/* A space of which `others` are told what its only asker finds. */
struct company {
	struct ptw_space *space;
	struct ptw_consumer *asker;
	struct ptw_consumer *other[OTHERS_MAX];
	unsigned int others;
	uint64_t *since; /* what was found since they last read */
};

struct consumer_run {
	struct tables tables;
	uint64_t every; /* passes between two reads */
	struct company company[WAYS];
	unsigned int companies;
	uint64_t *read;
	uint64_t read_ns;
	uint64_t read_pages;
};

static void plant(void *context, uint64_t *planted)
{
	struct consumer_run *c = context;

	tables_plant(&c->tables, PERCENT, planted);
}

static void read_all(struct consumer_run *c, struct company *company)
{
	const uint64_t pages = c->tables.entries;

	for (unsigned int i = 0; i < company->others; i++) {
		uint64_t start;

		memset(c->read, 0, pages / 8);
		start = now_ns();
		space_done(ptw_consumer_read(company->other[i], 0, pages, PTW_HARVEST_ACCESSED,
					     c->read, NULL, NULL),
			   "reading a consumer");
		c->read_ns += now_ns() - start;
		c->read_pages += pages;
		if (memcmp(c->read, company->since, pages / 8) != 0)
			bench_die(EXIT_WRONG, "wrong answer: a consumer was told other pages than "
					      "those that were found");
	}
	memset(company->since, 0, pages / 8);
}

static void check(void *context, const struct space_run *run)
{
	struct consumer_run *c = context;

	for (unsigned int k = 0; k < c->companies; k++) {
		struct company *company = &c->company[k];

		for (uint64_t w = 0; w < run->pages / 64; w++)
			if (space_run_is(run, k, w))
				company->since[w] |= run->planted[w];
		if (run->passes % c->every == 0)
			read_all(c, company);
	}
}

static struct ptw_consumer *join(struct ptw_space *space, uint64_t pages)
{
	const struct ptw_consumer_config config = {
		.size = sizeof(config),
		.pages = pages,
		.flags = PTW_HARVEST_ACCESSED,
	};
	struct ptw_consumer *consumer;

	space_done(ptw_consumer_join(space, &config, &consumer), "joining a space");
	return consumer;
}

static void company_make(struct company *company, const struct ptw_mmu *mmu, unsigned int others,
			 bool nobody, uint64_t pages)
{
	company->space = space_with(mmu, false, pages);
	company->asker = nobody ? NULL : join(company->space, pages);
	company->others = others;
	for (unsigned int i = 0; i < others; i++)
		company->other[i] = join(company->space, pages);
	company->since = bench_new(pages / 64, sizeof(uint64_t), "bitmaps");
}

static void run_all(struct sink *sink, struct consumer_run *c, uint64_t block,
		    const unsigned int *others, struct measured *m)
{
	struct space_way way[WAYS] = {0};
	struct space_run run = {
		.pgtable = c->tables.pgtable,
		.pages = c->tables.entries,
		.block = block,
		.way = way,
		.ways = c->companies,
		.plant = plant,
		.check = check,
		.context = c,
	};
	struct ptw_mmu mmu;

	/* Twice the time of those that read seldom. */
	run.want = c->every > 1 ? 2 * c->every * (run.pages / block / run.ways) : 1000;
	if (sink->quick)
		run.want = KEPT_MIN;
	space_mmu(c->tables.pgtable, &mmu);
	c->read = bench_new(run.pages / 64, sizeof(uint64_t), "bitmaps");
	for (unsigned int k = 0; k < c->companies; k++) {
		/* The first asks for nobody. */
		company_make(&c->company[k], &mmu, others[k], !k, run.pages);
		way[k] = (struct space_way){
			.space = c->company[k].space,
			.consumer = c->company[k].asker,
			.effort = PTW_EFFORT_FAST,
		};
	}
	space_run(&run, m);
	for (unsigned int k = 0; k < c->companies; k++) {
		space_done(ptw_space_destroy(c->company[k].space), "ending a space");
		free(c->company[k].since);
	}
	ptw_mmu_destroy(&mmu);
	free(c->read);
}

static void figure_send(struct sink *sink, const struct consumer_run *c, unsigned int k,
			unsigned int others, double goal, const struct measured *m)
{
	struct figure figure;

	speed_figure(&figure, m, m->ns[k], m->ns[1], goal);
	snprintf(figure.id, sizeof(figure.id), "S3-consumers-%s%u", c->every > 1 ? "seldom-" : "",
		 others);
	snprintf(
		figure.detail, sizeof(figure.detail),
		"64 pages a question, %g %% young, others that read after every %s: %u: %.3f ns, no "
		"other %.3f ns, no consumer at all %.3f ns a page; a read %.3f ns a page",
		PERCENT, c->every > 1 ? "1000th pass" : "pass", others, m->ns[k], m->ns[1],
		m->ns[0], c->read_pages ? (double)c->read_ns / (double)c->read_pages : 0);
	sink_figure(sink, &figure);
}

void space_consumers(struct sink *sink)
{
	static const unsigned int equal[] = {0, 0, 1, 4, 16};
	static const unsigned int seldom[] = {0, 0, 1, 16};
	struct consumer_run *c = bench_new(1, sizeof(*c), "consumers");
	struct measured m;

	*c = (struct consumer_run){.every = 1, .companies = 5};
	tables_build(&c->tables, SPACE_PAGES);
	run_all(sink, c, (uint64_t)1 << 14, equal, &m);
	for (unsigned int k = 2; k < c->companies; k++)
		figure_send(sink, c, k, equal[k], 0, &m);
	tables_free(&c->tables);
	*c = (struct consumer_run){.every = SELDOM, .companies = 4};
	tables_build(&c->tables, SELDOM_PAGES);
	run_all(sink, c, (uint64_t)1 << 12, seldom, &m);
	for (unsigned int k = 2; k < c->companies; k++)
		figure_send(sink, c, k, seldom[k], seldom[k] == 1 ? GOAL_SELDOM : 0, &m);
	tables_free(&c->tables);
	free(c);
	sink_step(sink);
}
