/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Stale bytes: those of an epoch that is 255 or more epochs past, so that they read as a younger one.
 *
 * The index has a byte for each 64-page word: the epoch, modulo 256, in which the first page of the
 * word becomes stale, or an earlier one. It is at most 127 epochs ahead, and the word is put in order before
 * it is 128 behind, so that it is clear which. A word that is due has not been marked since, so what is
 * stale in it are just the bytes of the epochs from then on. Marks write what becomes stale last of all, so
 * they leave the index true.
 */
#ifndef PTW_LIB_AGE_STALE_H
#define PTW_LIB_AGE_STALE_H

#include "lib/age/bytes.h"

#define PTW_AGE_AHEAD 127u

/*
 * Bytes that stand `behind` epochs or less behind the present one, in the order of epochs, become 0. Modulo
 * 256 the differences have that order, only they count 0 as one of the epochs.
 */
static inline void ptw_age_retire_bytes(uint8_t *last, unsigned int n, uint8_t now,
					unsigned int behind)
{
	const uint8_t limit = (uint8_t)(behind + (behind >= now));

	for (unsigned int i = 0; i < n; i++) {
		uint8_t away = (uint8_t)(now - last[i]);

		last[i] = away > limit ? last[i] : 0;
	}
}

/* The age of the oldest page that has one, 0 if none has. */
static inline unsigned int ptw_age_oldest(const uint8_t *last, unsigned int n, uint8_t now)
{
	uint8_t oldest = 0;

	for (unsigned int i = 0; i < n; i++) {
		/* As a mask: of a choice gcc makes no vector code here. */
		uint8_t ages = last[i] ? 255 : 0;
		uint8_t away = (uint8_t)(now - last[i]);

		away &= ages;
		oldest = away > oldest ? away : oldest;
	}
	return oldest - (unsigned int)(oldest > now);
}

/* Pages of a word; for 64 of them compilers make vector code, where they may. */
static inline void ptw_age_retire(const struct ptw_age *age, uint64_t word, unsigned int behind)
{
	uint8_t *last = age->last + word * PTW_AGE_WORD;
	const uint64_t left = age->pages - word * PTW_AGE_WORD;

	if (left >= PTW_AGE_WORD)
		ptw_age_retire_bytes(last, PTW_AGE_WORD, (uint8_t)age->now, behind);
	else
		ptw_age_retire_bytes(last, (unsigned int)left, (uint8_t)age->now, behind);
}

/* The oldest page of a word has been unseen for so many epochs: write when it becomes stale, or look again. */
static inline void ptw_age_write_due(const struct ptw_age *age, uint64_t word, unsigned int oldest)
{
	const unsigned int ahead = PTW_AGE_MAX - oldest;

	age->due[word] = (uint8_t)(age->epoch + (ahead < PTW_AGE_AHEAD ? ahead : PTW_AGE_AHEAD));
}

/* Write the index of a word in which nothing is stale. */
static inline void ptw_age_make_due(const struct ptw_age *age, uint64_t word)
{
	const uint8_t *last = age->last + word * PTW_AGE_WORD;
	const uint64_t left = age->pages - word * PTW_AGE_WORD;
	unsigned int oldest;

	if (left >= PTW_AGE_WORD)
		oldest = ptw_age_oldest(last, PTW_AGE_WORD, (uint8_t)age->now);
	else
		oldest = ptw_age_oldest(last, (unsigned int)left, (uint8_t)age->now);
	ptw_age_write_due(age, word, oldest);
}

/* A word is put in order: afterwards nothing in it is stale. */
static inline void ptw_age_in_order(const struct ptw_age *age, uint64_t word)
{
	const int overdue = ptw_age_overdue(age, word);

	if (overdue >= 0) {
		ptw_age_retire(age, word, (unsigned int)overdue);
		ptw_age_make_due(age, word);
	}
}

#endif /* PTW_LIB_AGE_STALE_H */
