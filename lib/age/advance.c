/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Epochs pass: pages of age 254 become PTW_AGE_MAX. The counts follow at once. The bytes must follow
 * before the new epoch, whose byte they have, is written to a page of the same word.
 *
 * Without an index all of them do, right here. With one each 64-page word has a time when it is due (see
 * stale.h), and is put in order when it is marked, its line being at hand, or else in its turn: each
 * epoch comes to one word in PTW_AGE_TURNS.
 */
#include <ptw/age.h>
#include <ptw/error.h>

#include "lib/age/stale.h"

/* Twice as many must not pass before a word that is due is put in order (ptw_age_overdue()). */
#define PTW_AGE_TURNS 64u

/* How many words ahead their bytes are asked for. */
#define PTW_AGE_LINES 16u

/* Does the byte occur among 64? */
static inline bool ptw_age_has(const uint8_t *bytes, uint8_t byte)
{
	const uint64_t wanted = byte * PTW_AGE_ONES;
	uint64_t found = 0;

	/* A borrow may mark the byte above one that is found, so this does not say which they are. */
	for (unsigned int i = 0; i < PTW_AGE_WORD; i += 8) {
		uint64_t v = ptw_age_load8(bytes + i) ^ wanted;

		found |= (v - PTW_AGE_ONES) & ~v;
	}
	return found & PTW_AGE_HIGHS;
}

/* All pages that have the byte of the new epoch. */
static void ptw_age_sweep(const struct ptw_age *age)
{
	const uint64_t whole = age->pages / PTW_AGE_WORD;

	for (uint64_t w = 0; w < whole; w++)
		if (ptw_age_has(age->last + w * PTW_AGE_WORD, (uint8_t)age->now))
			ptw_age_retire(age, w, 0);
	if (age->pages % PTW_AGE_WORD)
		ptw_age_retire(age, whole, 0);
}

/* Words whose turn it is. */
static void ptw_age_turn(const struct ptw_age *age)
{
	const uint64_t words = ptw_age_index_bytes(age->pages);
	const uint64_t turn = age->epoch % PTW_AGE_TURNS;
	const uint64_t end = words * (turn + 1) / PTW_AGE_TURNS;

	for (uint64_t w = words * turn / PTW_AGE_TURNS; w < end; w++) {
		if (w + PTW_AGE_LINES < end && ptw_age_overdue(age, w + PTW_AGE_LINES) >= 0)
			ptw_age_prefetch(age->last + (w + PTW_AGE_LINES) * PTW_AGE_WORD);
		ptw_age_in_order(age, w);
	}
}

void ptw_age_advance(struct ptw_age *age)
{
	uint64_t stale;

	age->epoch++;
	age->now = age->now == PTW_AGE_MAX ? 1 : age->now + 1;
	stale = age->count[age->now];
	age->count[age->now] = 0;
	age->count[0] += stale;
	if (age->due)
		ptw_age_turn(age);
	else if (stale)
		ptw_age_sweep(age);
}

int ptw_age_index(struct ptw_age *age, uint8_t *due)
{
	uint64_t words;

	if (!age)
		return PTW_ERR_ARG;
	words = ptw_age_index_bytes(age->pages);
	for (uint64_t w = 0; age->due && w < words; w++)
		ptw_age_in_order(age, w);
	age->due = due;
	for (uint64_t w = 0; due && w < words; w++)
		ptw_age_make_due(age, w);
	return PTW_OK;
}
