/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Pruned harvests against unpruned ones (G8): some regions of 2 MiB were touched, with a tenth of
 * their pages young, the others not.
 *
 * The unpruned harvest is cut into calls of BLOCK_ENTRIES, of which each is a timed block; its pass
 * costs as many median blocks as there are. Where few regions were touched, the pruned harvest is
 * one call for the whole range, as its users make it: such a pass is shorter than a block of the
 * other one. It is not cut into blocks, since most of them would hold no touched region at all, and
 * their median would be the cost of finding nothing. Where all were touched, both are cut alike,
 * and each block is a range with a struct ptw_prune of its own.
 *
 * Dense output is paid for whole: both sides zero their bitmap in the timed part. Who takes the
 * words by callback has no bitmap to zero (here they go to a list, one after the other, and from
 * there into the check's bitmap, outside), and who asks for a summary zeroes the words that the summary of the pass
 * before names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "aging.h"
#include "figure.h"
#include "regions.h"
#include "turns.h"

#define ENTRIES	      ((uint64_t)16 << 20)
#define BLOCK_ENTRIES ((uint64_t)1 << 16)
#define BLOCKS	      (ENTRIES / BLOCK_ENTRIES)
#define YOUNG_PERCENT 10.0
#define WORDS	      (ENTRIES / 64)
#define REGIONS	      (ENTRIES / TABLE_ENTRIES)

/* Passes in which an adaptive one has backed off as far as it does, and then one round of that. */
#define PASSES_SETTLE	70
#define PASSES		34
#define SECONDS		40
#define SECONDS_QUICK	3

#define GOAL_DENSE	20
#define GOAL_SPARSE	30
#define GOAL_SPARSE_FEW 150
#define GOAL_COST	1.03

enum output {
	DENSE,
	WORD,
	SUMMARY
};

/* A way to harvest; the first of a list is the unpruned one. */
struct way {
	const char *name;
	bool prune;
	uint32_t flags; /* enum ptw_prune_flag */
	enum output output;
	double goal; /* 0: none */
};

/* A word of sparse output. */
struct listed {
	uint64_t page;
	uint64_t young;
};

struct prune {
	struct regions regions;
	const struct way *way;
	unsigned int ways;
	double percent; /* of the regions */
	uint64_t flushes;
	uint64_t *found;
	struct listed *list; /* words, as sparse output delivers them */
	uint64_t listed;
	uint64_t *summary;
	uint64_t *reached;	  /* ptw_prune.touched, for all blocks one after the other */
	struct ptw_prune *memory; /* one for each block of each way */
	int error;
};

/* The hook of a machine on which nothing caches translations. */
static void flush(void *context, const struct ptw_range *ranges, unsigned int count,
		  enum ptw_flush_kind kind, unsigned int level)
{
	struct prune *p = context;

	(void)ranges;
	(void)count;
	(void)level;
	p->flushes += kind == PTW_FLUSH_TABLE;
}

static bool is_whole(const struct prune *p, unsigned int side)
{
	return p->way[side].prune && p->percent < 100;
}

static struct ptw_prune *memory_of(const struct prune *p, unsigned int side, uint64_t block)
{
	return &p->memory[side * BLOCKS + block];
}

static void prepare(void *context, unsigned int side)
{
	struct prune *p = context;

	/* What is zeroed in time is full of what the side before has found. */
	if (p->way[side].output == WORD)
		memset(p->found, 0, WORDS * sizeof(*p->found));
	else
		memcpy(p->found, p->regions.planted, WORDS * sizeof(*p->found));
	memset(p->summary, 0, WORDS / 8);
	for (uint64_t w = 0; w < WORDS && p->way[side].output == SUMMARY; w++)
		p->summary[w / 64] |= (uint64_t) !!p->found[w] << w % 64;
	regions_plant(&p->regions, (uint64_t)(REGIONS * p->percent / 100 + 0.5), REGIONS,
		      YOUNG_PERCENT);
	p->listed = 0;
	p->flushes = 0;
}

static int take_word(void *context, uint64_t page, uint64_t young, uint64_t dirty)
{
	struct prune *p = context;

	(void)dirty;
	p->list[p->listed++ % WORDS] = (struct listed){page, young};
	return 0;
}

static void zero_named(uint64_t *found, uint64_t *summary, uint64_t words)
{
	for (uint64_t w = 0; w < words / 64; w++) {
		for (uint64_t left = summary[w]; left; left &= left - 1)
			found[w * 64 + (unsigned int)__builtin_ctzll(left)] = 0;
		summary[w] = 0;
	}
}

static void block(void *context, unsigned int side, uint64_t number)
{
	struct prune *p = context;
	const struct way *way = &p->way[side];
	const uint64_t pages = is_whole(p, side) ? ENTRIES : ENTRIES / BLOCKS;
	const uint64_t start = number * pages;
	uint64_t *found = p->found + start / 64;
	struct ptw_harvest request = {
		.size = sizeof(request),
		.flags = PTW_HARVEST_ACCESSED,
		.prune = way->prune ? memory_of(p, side, number) : NULL,
	};
	int error;

	switch (way->output) {
	case DENSE:
		memset(found, 0, pages / 8);
		request.young = found;
		break;
	case WORD:
		request.word = take_word;
		request.context = p;
		break;
	case SUMMARY:
		request.young = found;
		request.summary = p->summary + start / 4096;
		zero_named(found, request.summary, pages / 64);
		break;
	}
	error = ptw_harvest(p->regions.tables.pgtable, start << PAGE_LG2,
			    (start + pages) << PAGE_LG2, &request, NULL);
	if (error)
		p->error = error;
}

/* The leaf tables that a call had to read, as far as it counts them. */
static uint64_t expect_read(const struct prune *p, const struct ptw_prune *memory, uint64_t touched)
{
	/* Left out for a while: it counts what it went through, upper tables, too. */
	if (memory->full > 1)
		return memory->read;
	return memory->full ? REGIONS / (p->percent < 100 ? 1 : BLOCKS) : touched;
}

static void verify_pruned(const struct prune *p, unsigned int side)
{
	const char *name = p->way[side].name;
	const uint64_t blocks = is_whole(p, side) ? 1 : BLOCKS;
	uint64_t flushes = 0;

	for (uint64_t b = 0; b < blocks; b++) {
		const struct ptw_prune *memory = memory_of(p, side, b);
		uint64_t expected = expect_read(p, memory, p->regions.touched / blocks);

		flushes += (p->way[side].flags & PTW_PRUNE_FLUSH) && memory->full < 2;
		if (memory->read != expected)
			bench_die(EXIT_WRONG,
				  "pruned harvest (%s) read %llu leaf tables instead of %llu", name,
				  (unsigned long long)memory->read, (unsigned long long)expected);
	}
	if (p->flushes != flushes)
		bench_die(EXIT_WRONG, "pruned harvest (%s) flushed %llu times instead of %llu",
			  name, (unsigned long long)p->flushes, (unsigned long long)flushes);
}

/* It found everything, and read nothing else. */
static void verify(void *context, unsigned int side)
{
	struct prune *p = context;
	const struct way *way = &p->way[side];

	if (p->error)
		bench_die(EXIT_WRONG, "harvest (%s) failed: %s", way->name, ptw_strerror(p->error));
	/* Should the list have run over, words are missing here. */
	for (uint64_t i = 0; i < p->listed && i < WORDS; i++)
		p->found[p->list[i].page / 64] |= p->list[i].young;
	regions_check(&p->regions, p->found, ENTRIES, way->name);
	for (uint64_t w = 0; w < WORDS && way->output == SUMMARY; w++)
		if ((p->summary[w / 64] >> w % 64 & 1) != !!p->found[w])
			bench_die(EXIT_WRONG, "wrong summary of word %llu (%s)",
				  (unsigned long long)w, way->name);
	if (way->prune)
		verify_pruned(p, side);
}

static void memory_make(struct prune *p)
{
	const uint64_t words = REGIONS / 64;

	free(p->memory);
	p->memory = bench_new(p->ways * BLOCKS, sizeof(*p->memory), "bitmaps");
	for (unsigned int s = 0; s < p->ways; s++)
		for (uint64_t b = 0; b < BLOCKS; b++) {
			/*
			 * A block that is alone has the range; they share what all of them together
			 * need.
			 */
			uint64_t room = is_whole(p, s) ? words : words / BLOCKS;

			*memory_of(p, s, b) = (struct ptw_prune){
				.size = sizeof(struct ptw_prune),
				.flags = p->way[s].flags,
				.touched = p->reached + (is_whole(p, s) ? 0 : b * room),
				.touched_words = room,
			};
		}
}

/* The figure of a way: how much faster, or by what factor dearer, it is than the first one. */
static void report(struct sink *sink, const struct prune *p, unsigned int side,
		   const struct turned *turned)
{
	const struct way *way = &p->way[side];
	const bool whole = is_whole(p, side);
	const bool faster = p->percent < 100;
	/* Some passes of an adaptive one try pruning, and cost more than the others: all count. */
	double full = faster ? turned->side[0].ns : turned->side[0].mean;
	double ours = faster ? turned->side[side].ns : turned->side[side].mean;
	struct figure figure = {
		.goal = way->goal,
		.at_least = faster,
		.kept = turned->side[side].kept,
		.total = turned->side[side].total,
	};

	full *= (double)BLOCKS;
	ours *= whole ? 1 : (double)BLOCKS;
	if (turned->side[0].kept < figure.kept)
		figure.kept = turned->side[0].kept;
	if (ours > 0 && full > 0)
		figure.value = faster ? full / ours : ours / full;
	snprintf(figure.id, sizeof(figure.id), "G8-%s-%g", way->name, p->percent);
	snprintf(figure.detail, sizeof(figure.detail),
		 "%g %% of 32768 regions touched, 10 %% young there: a pass %.1f us, unpruned with "
		 "dense output %.1f us; %s of %.0f us against blocks of %.0f us",
		 p->percent, ours / 1e3, full / 1e3, whole ? "one call" : "blocks",
		 turned->side[side].ns / 1e3, turned->side[0].ns / 1e3);
	sink_figure(sink, &figure);
}

/* Adaptive ones find out how long they may leave pruning out. */
static void settle(struct prune *p)
{
	for (unsigned int s = 0; s < p->ways; s++)
		for (unsigned int i = 0; i < PASSES_SETTLE && (p->way[s].flags & PTW_PRUNE_ADAPT);
		     i++) {
			regions_touch_tables(&p->regions);
			for (uint64_t b = 0; b < BLOCKS; b++)
				block(p, s, b);
		}
}

static void run(struct sink *sink, struct prune *p)
{
	const bool few = p->percent < 100;
	struct turns turns = {
		.context = p,
		.sides = p->ways,
		.want = KEPT_MIN + KEPT_MIN / 10,
		.passes = few || sink->quick ? 1 : PASSES,
		.seconds = sink->quick ? SECONDS_QUICK : SECONDS,
		.prepare = prepare,
		.block = block,
		.verify = verify,
	};
	struct turned turned;

	memory_make(p);
	for (unsigned int s = 0; s < p->ways; s++)
		turns.blocks[s] = is_whole(p, s) ? 1 : BLOCKS;
	if (!few && !sink->quick)
		settle(p);
	turns_run(&turns, &turned);
	for (unsigned int s = 1; s < p->ways; s++)
		report(sink, p, s, &turned);
	sink_step(sink);
}

#define HINT(goal_dense, goal_sparse)                                            \
	{"unpruned", false, 0, DENSE, 0}, {"dense", true, 0, DENSE, goal_dense}, \
		{"words", true, 0, WORD, goal_sparse},                           \
	{                                                                        \
		"summary", true, 0, SUMMARY, goal_sparse                         \
	}

static const struct way ways_one[] = {
	HINT(GOAL_DENSE, GOAL_SPARSE),
	{"flush-dense", true, PTW_PRUNE_FLUSH, DENSE, GOAL_DENSE},
	{"flush-words", true, PTW_PRUNE_FLUSH, WORD, GOAL_SPARSE},
	{"flush-summary", true, PTW_PRUNE_FLUSH, SUMMARY, GOAL_SPARSE},
};

static const struct way ways_few[] = {
	HINT(0, GOAL_SPARSE_FEW),
	{"flush-dense", true, PTW_PRUNE_FLUSH, DENSE, 0},
	{"flush-words", true, PTW_PRUNE_FLUSH, WORD, GOAL_SPARSE_FEW},
	{"flush-summary", true, PTW_PRUNE_FLUSH, SUMMARY, GOAL_SPARSE_FEW},
};

static const struct way ways_all[] = {
	{"unpruned", false, 0, DENSE, 0},
	{"adapt", true, PTW_PRUNE_ADAPT, DENSE, GOAL_COST},
	{"flush-adapt", true, PTW_PRUNE_FLUSH | PTW_PRUNE_ADAPT, DENSE, GOAL_COST},
	{"always", true, 0, DENSE, 0},
	{"flush-always", true, PTW_PRUNE_FLUSH, DENSE, 0},
};

#define COUNT(array) (unsigned int)(sizeof(array) / sizeof((array)[0]))

static void run_ways(struct sink *sink, struct prune *p, const struct way *way, unsigned int ways,
		     double percent)
{
	p->way = way;
	p->ways = ways;
	p->percent = percent;
	run(sink, p);
}

void prune_measure(struct sink *sink)
{
	struct prune p = {0};

	_Static_assert(REGIONS / 64 % BLOCKS == 0,
		       "a block has words of its own of what it reached");
	p.found = bench_new(WORDS, sizeof(*p.found), "bitmaps");
	p.list = bench_new(WORDS, sizeof(*p.list), "words");
	p.summary = bench_new(WORDS / 64, sizeof(*p.summary), "bitmaps");
	p.reached = bench_new(REGIONS / 64, sizeof(*p.reached), "bitmaps");
	regions_build(&p.regions, ENTRIES,
		      &(const struct regions_how){.flush = flush, .flush_context = &p});
	run_ways(sink, &p, ways_one, COUNT(ways_one), 1);
	run_ways(sink, &p, ways_few, COUNT(ways_few), 0.1);
	run_ways(sink, &p, ways_all, COUNT(ways_all), 100);
	regions_free(&p.regions);
	free(p.found);
	free(p.list);
	free(p.summary);
	free(p.reached);
	free(p.memory);
}
