/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Reading a what-if curve. */
#include <ptw/error.h>

#include "lib/age/curve/curve.h"

/* Parts that stand for whole sampled pages, as pages. */
static uint64_t ptw_curve_scale(const struct ptw_curve *curve, uint64_t parts)
{
	/* The quotient first: both factors may be large. */
	return (parts / PTW_CURVE_PARTS << curve->rate) +
	       ((parts % PTW_CURVE_PARTS << curve->rate) + PTW_CURVE_PARTS / 2) / PTW_CURVE_PARTS;
}

/* Reuses with distances that do not fit: d other pages in between, and the page itself. */
static uint64_t ptw_curve_tail(const struct ptw_curve *curve, const uint64_t *bins, uint64_t memory)
{
	const uint64_t wide = (uint64_t)curve->bin << curve->rate;
	const uint64_t i = memory / wide;
	uint64_t parts;

	if (i >= PTW_CURVE_BINS)
		return 0;
	/* Below 2^64: parts of a bin over a few thousand pages, or the quotient first. */
	parts = bins[i] / wide * (wide - memory % wide) +
		bins[i] % wide * (wide - memory % wide) / wide;
	for (uint64_t j = i + 1; j < PTW_CURVE_BINS; j++)
		parts += bins[j];
	return parts;
}

int ptw_curve_misses(struct ptw_curve *curve, const uint64_t *memory, unsigned int n, uint64_t *all,
		     uint64_t *recent)
{
	if (!curve || !memory)
		return PTW_ERR_ARG;
	if (!ptw_curve_enter(curve))
		return PTW_ERR_AGAIN;
	for (unsigned int i = 0; i < n; i++) {
		const uint64_t size = memory[i];

		if (all)
			all[i] = ptw_curve_scale(curve, ptw_curve_tail(curve, curve->all, size) +
								curve->firsts * PTW_CURVE_PARTS);
		if (recent)
			recent[i] = ptw_curve_scale(curve,
						    ptw_curve_tail(curve, curve->recent, size) +
							    curve->recent_firsts);
	}
	ptw_curve_leave(curve);
	return PTW_OK;
}

int ptw_curve_state(struct ptw_curve *curve, struct ptw_curve_state *state)
{
	if (!curve || !state)
		return PTW_ERR_ARG;
	if (state->size < sizeof(*state))
		return PTW_ERR_SIZE;
	if (!ptw_curve_enter(curve))
		return PTW_ERR_AGAIN;
	state->bytes = sizeof(*curve) + curve->words * (3 * sizeof(*curve->seen) + 128);
	state->scale = (uint64_t)1 << curve->rate;
	state->sampled = curve->samples;
	state->known = curve->known;
	state->steps = curve->steps;
	state->reuses = curve->reuses;
	state->firsts = curve->firsts;
	state->faults = ptw_port_load(&curve->faults);
	state->interval = ptw_port_load(&curve->interval);
	ptw_curve_leave(curve);
	return PTW_OK;
}
