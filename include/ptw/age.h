/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file age.h
 * Ages of pages: one byte of epoch per page, fed by 64-page words of young bits, and a histogram.
 *
 * An epoch passes at every ptw_age_advance(), usually once per scan. A page's byte is the epoch, modulo
 * 256, in which it was last seen young; its age is how many epochs ago that was, 255 meaning "255 or
 * more": the pass saturates ages before the byte would wrap.
 */
#ifndef PTW_AGE_H
#define PTW_AGE_H

#include <ptw/types.h>

PTW_BEGIN_DECLS

/** Oldest age told apart. */
#define PTW_AGE_MAX 255u

/** Ages of a run of pages. The memory is the caller's; fields are private but for `epoch`. */
struct ptw_age {
	uint8_t *last;   /**< per page: low byte of the epoch it was last seen young */
	uint64_t pages;  /**< how many */
	uint64_t epoch;  /**< epochs passed since the beginning */
};

/**
 * Begin: every page has age PTW_AGE_MAX.
 * @param age the object to set up
 * @param bytes one byte per page, owned by the caller until he forgets `age`
 * @param pages how many, at least 1
 * @return PTW_OK or PTW_ERR_ARG
 *
 * Context: no other call on `age` at the same time. Ordering: none. Progress: linear in pages.
 * Errors: as returned.
 */
PTW_API int ptw_age_init(struct ptw_age *age, uint8_t *bytes, uint64_t pages);

/**
 * Pages of one 64-page word were seen young: their age becomes 0.
 * @param age the ages
 * @param page number of the page of bit 0, a multiple of 64
 * @param young bit i: page + i; bits at or beyond the last page are ignored
 *
 * Context: one thread at a time. Ordering: none. Progress: bounded. Errors: none.
 */
PTW_API void ptw_age_mark(struct ptw_age *age, uint64_t page, uint64_t young);

/**
 * The same for a dense bitmap, as a harvest fills it.
 * @param age the ages
 * @param first_page page of the bitmap's bit 0, a multiple of 64
 * @param young bitmap words
 * @param words how many
 * @return pages marked
 *
 * Context: one thread at a time. Ordering: none. Progress: linear in words. Errors: none.
 */
PTW_API uint64_t ptw_age_mark_bitmap(struct ptw_age *age, uint64_t first_page,
				     const uint64_t *young, uint64_t words);

/**
 * An epoch passes: every page is one older, PTW_AGE_MAX at most.
 * @param age the ages
 *
 * Context: one thread at a time. Ordering: none. Progress: linear in pages. Errors: none.
 */
PTW_API void ptw_age_advance(struct ptw_age *age);

/**
 * Age of a page in epochs, 0 to PTW_AGE_MAX.
 * @param age the ages
 * @param page its number, below `pages`
 *
 * Context: one thread at a time. Ordering: none. Progress: wait-free. Errors: none.
 */
static inline unsigned int ptw_age_of(const struct ptw_age *age, uint64_t page)
{
	return (uint8_t)((uint8_t)age->epoch - age->last[page]);
}

/**
 * Count pages by age.
 * @param age the ages
 * @param member bitmap of the pages to count (bit = page), or null for all
 * @param histogram PTW_AGE_MAX + 1 counters, written whole: pages of each age
 *
 * Context: one thread at a time. Ordering: none. Progress: linear in pages. Errors: none.
 */
PTW_API void ptw_age_histogram(const struct ptw_age *age, const uint64_t *member,
			       uint64_t histogram[PTW_AGE_MAX + 1]);

PTW_END_DECLS

#endif /* PTW_AGE_H */
