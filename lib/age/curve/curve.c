/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What-if curves: making, giving up, and what threads say while a step lasts. */
#include <ptw/error.h>

#include "lib/age/curve/curve.h"

#define PTW_CURVE_PAGES_MAX ((uint64_t)1 << 40)
/* Sampled pages, at most, where the curve chooses. */
#define PTW_CURVE_SAMPLES_AUTO 16384u
/* Above it, products of two numbers of pages would be too large for a word. */
#define PTW_CURVE_SAMPLES_MAX ((uint64_t)1 << 27)
#define PTW_CURVE_FINER	       2u
#define PTW_CURVE_FINER_MAX    8u
#define PTW_CURVE_WINDOW       1024u

static int ptw_curve_check(const struct ptw_curve_config *config)
{
	if (config->size < sizeof(*config))
		return PTW_ERR_SIZE;
	if (config->flags || config->run > PTW_CURVE_RUN_MAX ||
	    config->finer > PTW_CURVE_FINER_MAX ||
	    (config->rate > PTW_CURVE_RATE_MAX && config->rate != PTW_CURVE_RATE_AUTO))
		return PTW_ERR_ARG;
	if (!config->pages || config->pages > PTW_CURVE_PAGES_MAX ||
	    config->first > PTW_CURVE_PAGES_MAX - config->pages)
		return PTW_ERR_RANGE;
	return config->first % PTW_REGION_PAGES ? PTW_ERR_ALIGN : PTW_OK;
}

static uint64_t ptw_curve_blocks(const struct ptw_curve *curve)
{
	return ((curve->pages - 1) >> (curve->rate + curve->run)) + 1;
}

int ptw_curve_create(const struct ptw_curve_config *config, struct ptw_curve **out)
{
	struct ptw_curve *curve;
	int ret;

	if (!config || !out)
		return PTW_ERR_ARG;
	ret = ptw_curve_check(config);
	if (ret)
		return ret;
	curve = ptw_port_zalloc(sizeof(*curve));
	if (!curve)
		return PTW_ERR_NOMEM;
	curve->first = config->first;
	curve->pages = config->pages;
	curve->least = config->least;
	curve->rate = config->rate;
	curve->run = config->run;
	curve->finer = config->finer ? config->finer : PTW_CURVE_FINER;
	curve->window = config->window ? config->window : PTW_CURVE_WINDOW;
	curve->seed = config->seed;
	if (config->rate == PTW_CURVE_RATE_AUTO)
		for (curve->rate = 0; config->pages >> curve->rate > PTW_CURVE_SAMPLES_AUTO;)
			curve->rate++;
	curve->samples = ptw_curve_blocks(curve) << curve->run;
	if (curve->samples > PTW_CURVE_SAMPLES_MAX) {
		ptw_port_free(curve, sizeof(*curve));
		return PTW_ERR_LIMIT;
	}
	curve->words = (curve->samples + 63) / 64;
	curve->bin = (uint32_t)((curve->samples - 1) / PTW_CURVE_BINS + 1);
	curve->interval = 1;
	curve->target = 1;
	curve->seen = ptw_port_zalloc(curve->words * sizeof(*curve->seen));
	curve->out = ptw_port_zalloc(curve->words * sizeof(*curve->out));
	curve->gone = ptw_port_zalloc(curve->words * sizeof(*curve->gone));
	curve->slot = ptw_port_zalloc(curve->words * 64 * sizeof(*curve->slot));
	if (!curve->seen || !curve->out || !curve->gone || !curve->slot) {
		ptw_curve_destroy(curve);
		return PTW_ERR_NOMEM;
	}
	*out = curve;
	return PTW_OK;
}

void ptw_curve_destroy(struct ptw_curve *curve)
{
	if (!curve)
		return;
	if (curve->seen)
		ptw_port_free(curve->seen, curve->words * sizeof(*curve->seen));
	if (curve->out)
		ptw_port_free(curve->out, curve->words * sizeof(*curve->out));
	if (curve->gone)
		ptw_port_free(curve->gone, curve->words * sizeof(*curve->gone));
	if (curve->slot)
		ptw_port_free(curve->slot, curve->words * 64 * sizeof(*curve->slot));
	ptw_port_free(curve, sizeof(*curve));
}

/* Pages of the block's run, counted from `page` on as bits of a word; those that are young are seen. */
static void ptw_curve_run_young(struct ptw_curve *curve, uint64_t block, uint64_t page,
				uint64_t young)
{
	const uint64_t run = ptw_curve_run(curve, block), index = block << curve->run;
	const uint64_t mask = ~(uint64_t)0 >> (64 - (1u << curve->run));

	if (run < page || run - page >= PTW_REGION_PAGES)
		return;
	young = young >> (run - page) & mask;
	if (young)
		ptw_port_or64(&curve->seen[index / 64], young << index % 64);
}

int ptw_curve_young(void *sink, uint64_t page, uint64_t young, uint64_t dirty)
{
	struct ptw_curve *curve = sink;
	uint64_t block, last;

	(void)dirty;
	page -= curve->first;
	if (page >= curve->pages)
		return 0;
	if (curve->pages - page < PTW_REGION_PAGES)
		young &= ((uint64_t)1 << (curve->pages - page)) - 1;
	last = (page + PTW_REGION_PAGES - 1) >> (curve->rate + curve->run);
	for (block = page >> (curve->rate + curve->run); young && block <= last; block++)
		ptw_curve_run_young(curve, block, page, young);
	return 0;
}

/* The bit of a page in the words by sampled page; false: it is not sampled. */
static bool ptw_curve_find(const struct ptw_curve *curve, uint64_t page, uint64_t *word, uint64_t *bit)
{
	uint64_t block, run, index;

	page -= curve->first;
	if (page >= curve->pages)
		return false;
	block = page >> (curve->rate + curve->run);
	run = ptw_curve_run(curve, block);
	if (page >> curve->run != run >> curve->run)
		return false;
	index = (block << curve->run) + (page - run);
	*word = index / 64;
	*bit = (uint64_t)1 << index % 64;
	return true;
}

void ptw_curve_fault(struct ptw_curve *curve, uint64_t page)
{
	uint64_t word, bit;

	if (page - curve->first >= curve->pages)
		return;
	ptw_port_add64(&curve->faults, 1);
	if (!ptw_curve_find(curve, page, &word, &bit))
		return;
	ptw_port_and_clear(&curve->out[word], bit);
	ptw_port_or64(&curve->seen[word], bit);
}

void ptw_curve_evicted(struct ptw_curve *curve, uint64_t page)
{
	uint64_t word, bit;

	if (ptw_curve_find(curve, page, &word, &bit))
		ptw_port_or64(&curve->out[word], bit);
}

void ptw_curve_remove(struct ptw_curve *curve, uint64_t page)
{
	uint64_t word, bit;

	if (!ptw_curve_find(curve, page, &word, &bit))
		return;
	/* What it was seen for before is over; what comes after this is a first use. */
	ptw_port_and_clear(&curve->seen[word], bit);
	ptw_port_and_clear(&curve->out[word], bit);
	ptw_port_or64(&curve->gone[word], bit);
}
