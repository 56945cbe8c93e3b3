/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Whether what the learned policy counts agrees with its pages. */
#include <ptw/error.h>

#include "lib/age/policy/learned.h"

/*
 * Each list ends at its tail, is not below the lowest, and together they have all pages that have a
 * link.
 */
static bool ptw_learned_check_queue(const struct ptw_learned *l)
{
	uint64_t linked = 0, listed = 0;

	for (uint32_t s = 0; s < l->spans; s++)
		for (uint32_t p = l->span[s].first; p < l->span[s].end; p++) {
			linked += l->link[p] != 0;
			if ((l->history[p] & PTW_LEARNED_AGAIN) && !ptw_learned_queued(l, p))
				return false;
		}
	for (uint32_t r = 0; r < PTW_LEARNED_RANKS; r++) {
		uint32_t link = l->head[r], last = 0;

		if (link && r < l->lowest)
			return false;
		/* A list that bites its tail has more pages than there are. */
		while (link >= PTW_LEARNED_LINK && listed <= linked) {
			last = link - PTW_LEARNED_LINK;
			link = l->link[last];
			listed++;
		}
		if (l->head[r] && (link != PTW_LEARNED_LAST || last != l->tail[r]))
			return false;
	}
	return linked == listed;
}

/* Pages of each class by the step they were last seen in, as far as ages are told apart. */
static bool ptw_learned_check_class(const struct ptw_learned *l, unsigned int class)
{
	uint32_t count[PTW_LEARNED_AGES] = {0};

	for (uint32_t s = 0; s < l->spans; s++)
		for (uint32_t p = l->span[s].first; p < l->span[s].end; p++)
			if ((l->history[p] & PTW_LEARNED_KNOWN) &&
			    ptw_learned_class(l, p) == class &&
			    ptw_learned_age(l, p) < PTW_LEARNED_AGES)
				count[ptw_learned_age(l, p)]++;
	for (unsigned int a = 0; a < PTW_LEARNED_AGES; a++)
		if (count[a] != l->population[class][(uint8_t)(l->step - a)])
			return false;
	/*
	 * An event is an exposure. Both are rounded when they decay, by less than a 256th of a page
	 * in a step.
	 */
	for (unsigned int b = 0; b < PTW_LEARNED_BUCKETS; b++)
		if (l->events[class][b] > l->exposures[class][b] + 256)
			return false;
	return true;
}

/* Pages of each miniature: sampled ones only. */
static bool ptw_learned_check_miniatures(const struct ptw_learned *l)
{
	uint32_t held[PTW_LEARNED_RULES] = {0};

	for (uint32_t s = 0; s < l->spans; s++)
		for (uint32_t p = l->span[s].first; p < l->span[s].end; p++)
			for (uint32_t r = 0; r < PTW_LEARNED_RULES; r++) {
				if (!(l->history[p] & PTW_LEARNED_IN << r))
					continue;
				if (!ptw_learned_sampled(l, p) ||
				    !(l->history[p] & PTW_LEARNED_KNOWN))
					return false;
				held[r]++;
			}
	return held[PTW_LEARNED_RECENCY] == l->held[PTW_LEARNED_RECENCY] &&
	       held[PTW_LEARNED_HAZARD] == l->held[PTW_LEARNED_HAZARD];
}

int ptw_learned_check(const struct ptw_learned *l)
{
	bool right = ptw_learned_check_queue(l) && ptw_learned_check_miniatures(l);

	for (unsigned int c = 0; right && c < PTW_LEARNED_CLASSES; c++)
		right = ptw_learned_check_class(l, c);
	return right ? PTW_OK : PTW_ERR_CORRUPT_COUNT;
}
