/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Steps: when they end, and the look at the sampled pages by which they do. */
#include <ptw/error.h>

#include "lib/age/curve/curve.h"

/* No memory smaller than this is thought of, where the caller named none. */
#define PTW_CURVE_LEAST 64u

struct ptw_curve_sink {
	struct ptw_curve *curve;
	const struct ptw_curve_ask *ask;
};

static int ptw_curve_word(void *context, uint64_t page, uint64_t young, uint64_t dirty)
{
	const struct ptw_curve_sink *sink = context;

	ptw_curve_young(sink->curve, page, young, dirty);
	return sink->ask->also ? sink->ask->also(sink->ask->sink, page, young, dirty) : 0;
}

/*
 * Is there a page in this run that has been used, and can be? If it was seen in this step already,
 * its bit must be cleared all the same: what set it may be the fault's own use, and would be one of the next step.
 */
static bool ptw_curve_due(const struct ptw_curve *curve, uint64_t block)
{
	const uint64_t index = block << curve->run;
	const uint64_t in = ~ptw_port_load(&curve->out[index / 64]) >> index % 64;
	const uint64_t seen = ptw_port_load(&curve->seen[index / 64]) >> index % 64;

	for (unsigned int i = 0; i < 1u << curve->run; i++)
		if ((in >> i & 1) && (curve->slot[index + i] || (seen >> i & 1)))
			return true;
	return false;
}

/* Harvest the runs that are due; neighbours in one call. */
static int ptw_curve_look(struct ptw_curve *curve, const struct ptw_curve_ask *ask)
{
	const uint64_t blocks = curve->samples >> curve->run, length = (uint64_t)1 << curve->run;
	struct ptw_curve_sink sink = {curve, ask};
	uint64_t start = 0, end = 0;
	int ret = PTW_OK;

	for (uint64_t block = 0; block <= blocks && !ret; block++) {
		uint64_t run = 0;

		if (block < blocks) {
			run = ptw_curve_run(curve, block);
			if (run >= curve->pages || !ptw_curve_due(curve, block))
				continue;
		}
		if (start < end && (block == blocks || run != end))
			ret = ask->harvest(ask->context, curve->first + start, end - start,
					   ptw_curve_word, &sink);
		if (start == end || run != end)
			start = run;
		end = run + length < curve->pages ? run + length : curve->pages;
	}
	return ret;
}

int ptw_curve_wants_step(const struct ptw_curve *curve, uint64_t now)
{
	uint64_t last;

	if (!curve)
		return 0;
	last = ptw_port_load(&curve->last);
	return ptw_port_load(&curve->faults) - ptw_port_load(&curve->faults_step) >=
		       ptw_port_load(&curve->target) ||
	       /* Another thread's step may be younger than `now`. */
	       (now >= last && now - last >= ptw_port_load(&curve->interval));
}

/* The next step is to last as long as it takes for so many pages to become new as the target says. */
static void ptw_curve_pace(struct ptw_curve *curve, uint64_t fresh, uint64_t least, uint64_t now)
{
	const uint64_t target = (least >> curve->finer) + 1;
	const uint64_t lasted = now - curve->last ? now - curve->last : 1;
	uint64_t interval = curve->interval;

	if (fresh > target && lasted <= interval)
		interval = lasted / fresh * target + lasted % fresh * target / fresh;
	else if (fresh < target / 4 && lasted >= interval)
		interval += (interval + 7) / 8;
	ptw_port_publish(&curve->interval, interval ? interval : 1);
	ptw_port_publish(&curve->target, target);
	ptw_port_publish(&curve->last, now);
	ptw_port_publish(&curve->faults_step, ptw_port_load(&curve->faults));
}

int ptw_curve_step(struct ptw_curve *curve, const struct ptw_curve_ask *ask, uint64_t now)
{
	uint64_t least, fresh;
	int ret = PTW_OK;

	if (!curve || (ask && !ask->harvest))
		return PTW_ERR_ARG;
	if (ask && ask->size < sizeof(*ask))
		return PTW_ERR_SIZE;
	if (!ptw_curve_enter(curve))
		return PTW_ERR_AGAIN;
	if (ask)
		ret = ptw_curve_look(curve, ask);
	if (!ret) {
		least = curve->least ? curve->least : (curve->known << curve->rate) / 10;
		least = least > PTW_CURVE_LEAST || curve->least ? least : PTW_CURVE_LEAST;
		fresh = ptw_curve_learn(curve, (least >> curve->rate) / 2) << curve->rate;
		ptw_curve_pace(curve, fresh, least, now);
		curve->steps++;
		if (curve->steps % curve->window == 0) {
			for (unsigned int i = 0; i < PTW_CURVE_BINS; i++)
				curve->recent[i] /= 2;
			curve->recent_firsts /= 2;
		}
	}
	ptw_curve_leave(curve);
	return ret;
}
