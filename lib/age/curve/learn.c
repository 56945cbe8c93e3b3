/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a step teaches. A page seen in this step was last seen in slot e. Between these two uses were used: all
 * pages last seen after e; of the others of e those used later in it, on average half; and of those that were older, or
 * new, and are seen in this step, those that were used in it earlier, on average half. That is its reuse
 * distance, and the memory in which exact LRU would have kept it (Mattson et al., Evaluation techniques for storage
 * hierarchies, 1970). A sample of the pages has the same distances on a smaller scale (Waldspurger
 * et al., Efficient MRC construction with SHARDS, 2015).
 */
#include "lib/age/curve/curve.h"

/* `n` reuses with distances anywhere from `low` to `low + wide`. */
static void ptw_curve_spread(struct ptw_curve *curve, uint64_t low, uint64_t wide, uint64_t n)
{
	const uint64_t parts = n * PTW_CURVE_PARTS, end = low + wide + 1;
	uint64_t given = 0;

	for (uint64_t at = low; at < end;) {
		uint64_t i = at / curve->bin, until, share;

		i = i < PTW_CURVE_BINS - 1 ? i : PTW_CURVE_BINS - 1;
		until = i < PTW_CURVE_BINS - 1 ? (i + 1) * curve->bin : end;
		until = until < end ? until : end;
		share = parts * (until - low) / (wide + 1) - given;
		curve->all[i] += share;
		curve->recent[i] += share;
		given += share;
		at = until;
	}
}

/* What was removed is forgotten, what was seen goes to the slot `to`. Returns how many were seen. */
static uint64_t ptw_curve_move(struct ptw_curve *curve, uint16_t to)
{
	uint64_t seen = 0;

	for (uint64_t w = 0; w < curve->words; w++) {
		uint64_t gone = ptw_port_load(&curve->gone[w]) ? ptw_port_xchg(&curve->gone[w], 0) : 0;
		uint64_t bits = ptw_port_load(&curve->seen[w]) ? ptw_port_xchg(&curve->seen[w], 0) : 0;
		uint16_t *slot = curve->slot + w * 64;

		for (; gone; gone &= gone - 1) {
			const unsigned int i = (unsigned int)__builtin_ctzll(gone);

			if (!slot[i])
				continue;
			curve->known--;
			curve->count[slot[i]]--;
			slot[i] = 0;
		}
		for (; bits; bits &= bits - 1) {
			const unsigned int i = (unsigned int)__builtin_ctzll(bits);

			curve->moved[slot[i]]++;
			slot[i] = to;
			seen++;
		}
	}
	return seen;
}

/* Joins slots, so that at least a quarter of them becomes free. */
static void ptw_curve_join(struct ptw_curve *curve, unsigned int parts)
{
	uint64_t *to = curve->moved; /* not in use now; what a slot becomes, counted from the youngest */
	uint64_t since = 0, in = 0;
	uint32_t last = 0;

	for (uint32_t e = curve->now; e; e--) {
		const uint64_t most = since / parts;

		if (in && in + curve->count[e] > most) {
			since += in;
			in = 0;
			last++;
		}
		in += curve->count[e];
		to[e] = last;
	}
	for (uint64_t i = 0; i < curve->samples; i++)
		if (curve->slot[i])
			curve->slot[i] = (uint16_t)(last + 1 - to[curve->slot[i]]);
	/* A slot's number does not grow, so ascending order overwrites nothing that is still read. */
	for (uint32_t e = 1; e <= curve->now; e++) {
		const uint32_t at = last + 1 - (uint32_t)to[e];
		const uint64_t pages = curve->count[e];

		curve->count[e] = 0;
		curve->count[at] += pages;
	}
	curve->now = last + 1;
	for (uint32_t e = 0; e < PTW_CURVE_SLOTS; e++)
		to[e] = 0;
}

uint64_t ptw_curve_learn(struct ptw_curve *curve, uint64_t near)
{
	uint64_t seen, since = 0, older, far = 0, known;

	for (unsigned int parts = 64; curve->now >= PTW_CURVE_SLOTS - 1 && parts; parts /= 2)
		ptw_curve_join(curve, parts);
	seen = ptw_curve_move(curve, (uint16_t)(curve->now + 1));
	known = curve->known + curve->moved[0];
	older = seen;
	for (uint32_t e = curve->now; e; e--) {
		const uint64_t here = curve->count[e], n = curve->moved[e];

		older -= n;
		if (n) {
			uint64_t wide = here - 1 + older;

			/* No more pages than there are lie in between. */
			wide = wide < known - 1 - since ? wide : known - 1 - since;
			ptw_curve_spread(curve, since, wide, n);
			curve->reuses += n;
			if (since + wide / 2 >= near)
				far += n;
			curve->count[e] = here - n;
			curve->moved[e] = 0;
		}
		since += here;
	}
	curve->firsts += older;
	curve->recent_firsts += older * PTW_CURVE_PARTS;
	curve->known += older;
	curve->moved[0] = 0;
	if (seen)
		curve->count[++curve->now] = seen;
	return far + older;
}
