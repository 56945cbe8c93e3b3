/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Which kernel marks bitmaps: 64 words at a time, where the port lends vector registers. */
#ifndef PTW_LIB_AGE_KERNEL_H
#define PTW_LIB_AGE_KERNEL_H

#include <ptw/age.h>
#include <ptw/kernel.h>
/* Who compiles this room alone needs no port, and gets the portable kernel. */
#ifndef PTW_AGE_ALONE
#include <ptw/port.h>
#endif

#include "lib/age/stale.h"

#if defined(PTW_PORT_VECTOR) && defined(__x86_64__)
#include "ports/vector/vector.h"
#define PTW_AGE_VECTOR 1
#endif

/* The one that PTW_KERNEL_BEST stands for. */
uint32_t ptw_age_best_kernel(void);

/* Which of the `n` words (64 at most) are not zero. */
static inline uint64_t ptw_age_used_words(uint32_t kernel, const uint64_t *young, unsigned int n)
{
	uint64_t used = 0;

#ifdef PTW_AGE_VECTOR
	if (kernel == PTW_KERNEL_AVX512 && n == 64)
		return ptw_used_avx512(young);
#endif
	(void)kernel;
	for (unsigned int i = 0; i < n; i++)
		used |= (uint64_t)(young[i] != 0) << i;
	return used;
}

#ifdef PTW_AGE_VECTOR
/* ptw_age_in_order() of a word of 64 pages that is due. */
static inline void ptw_age_in_order_vector(const struct ptw_age *age, uint64_t word)
{
	ptw_age_write_due(age, word,
			  ptw_retire_avx512(age->last + word * PTW_AGE_WORD, (uint8_t)age->now,
					    (unsigned int)ptw_age_overdue(age, word)));
}
#endif

/*
 * Mark those of 64 words, which begin at `page`, that `which` names. False, and nothing done: this
 * kernel takes no groups, or not all of the 64 words have pages.
 */
static inline bool ptw_age_mark_group(struct ptw_age *age, uint64_t page, const uint64_t *young,
				      uint64_t which)
{
#ifdef PTW_AGE_VECTOR
	const uint64_t word = page / PTW_AGE_WORD;
	uint64_t n;

	if (age->kernel != PTW_KERNEL_AVX512 || age->pages - page < 64 * PTW_AGE_WORD)
		return false;
	if (age->due)
		for (uint64_t due = ptw_due_avx512(age->due + word, (uint8_t)age->epoch) & which;
		     due; due &= due - 1)
			ptw_age_in_order_vector(age, word + (unsigned int)__builtin_ctzll(due));
	n = ptw_mark_avx512(age->last + page, young, which, (uint8_t)age->now, age->count);
	age->count[age->now] += n;
	age->marked += n;
	return true;
#else
	(void)age;
	(void)page;
	(void)young;
	(void)which;
	return false;
#endif
}

/* Mark `n` words, all of whose pages exist. False, and nothing done: this kernel takes no lists. */
static inline bool ptw_age_mark_list(struct ptw_age *age, const struct ptw_age_word *word,
				     unsigned int n)
{
#ifdef PTW_AGE_VECTOR
	uint64_t marked;

	if (age->kernel != PTW_KERNEL_AVX512)
		return false;
	for (unsigned int i = 0; age->due && i < n; i++)
		if (ptw_age_overdue(age, word[i].page / PTW_AGE_WORD) >= 0)
			ptw_age_in_order_vector(age, word[i].page / PTW_AGE_WORD);
	marked = ptw_mark_list_avx512(age->last, &word->page, n, (uint8_t)age->now, age->count);
	age->count[age->now] += marked;
	age->marked += marked;
	return true;
#else
	(void)age;
	(void)word;
	(void)n;
	return false;
#endif
}

#endif /* PTW_LIB_AGE_KERNEL_H */
