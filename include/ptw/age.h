/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file age.h
 * Ages of pages: one byte of epoch per page, fed by 64-page words of young bits, and a histogram that
 * is kept up to date.
 *
 * An epoch passes at every ptw_age_advance(), usually once per scan. The age of a page is how many
 * epochs ago it was last seen young, exactly, up to 254; PTW_AGE_MAX means "255 or more". These are 256
 * answers, and a byte has no value to spare: 0 says "255 or more", anything else names one of the last
 * 255 epochs. So what has been idle for long is left alone, and an epoch costs work only for pages that
 * become 255 epochs old in it.
 *
 * There are two ways from a harvest to ages. Fed with the words while it runs (ptw_age_feed_word()), they
 * hide some of their work behind the memory and the locked operations that harvests wait for. Fed with a
 * bitmap afterwards (ptw_age_drain_bitmap()) they wait for the memory of their own bytes, but with AVX-512
 * VBMI2 take several words at a time, and then that is the faster way. Advance first, then
 * harvest: what a scan finds then has age 0. Threads that harvest parts of a range need a struct ptw_age each.
 */
#ifndef PTW_AGE_H
#define PTW_AGE_H

#include <ptw/types.h>

PTW_BEGIN_DECLS

/** Oldest age told apart. */
#define PTW_AGE_MAX 255u

/** Ages of a run of pages. The memory is the caller's; fields are private but for `epoch`. */
struct ptw_age {
	uint8_t *last;	 /**< per page: 0, or 1 + the epoch it was last seen young, modulo 255 */
	uint64_t pages;	 /**< how many */
	uint64_t epoch;	 /**< epochs passed since ptw_age_init() */
	uint8_t *due;	 /**< of ptw_age_index(), or null */
	uint32_t now;	 /**< the byte of `epoch`, 1 to 255 */
	uint32_t kernel; /**< enum ptw_kernel: how words are marked */
	uint64_t marked; /**< pages marked since the beginning, each time they were */
	uint64_t count[PTW_AGE_MAX + 1]; /**< pages by their byte */
};

/** How many words are on their way to the ages. */
#define PTW_AGE_FEED_WORDS 64u

/** A word of pages, as a harvest delivers it. */
struct ptw_age_word {
	uint64_t page;	/**< number of the page of bit 0 */
	uint64_t young; /**< bit i: page + i */
};

/** Words on their way to `age`, between ptw_age_feed_begin() and ptw_age_feed_end(); a KiB. Private. */
struct ptw_age_feed {
	struct ptw_age *age; /**< where they go */
	uint64_t first_page; /**< the page number of page 0 of `age` */
	uint64_t marked;     /**< that of `age` at the beginning */
	uint64_t next;	     /**< words taken so far */
	struct ptw_age_word
		word[PTW_AGE_FEED_WORDS]; /**< those that have come and may not be marked yet */
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
 * Lend memory that makes ptw_age_advance() cheap where a few pages become PTW_AGE_MAX in every epoch,
 * as random accesses make them: instead of reading all bytes to find them, it reads the bytes of one word
 * in 64 at most, and marks do the rest where they come by. May come and go at any time, and changes no age.
 * @param age the ages
 * @param due one byte for each 64 pages, ptw_age_index_bytes(), the caller's until he lends other
 *            memory or forgets `age`; null takes it back
 * @return PTW_OK or PTW_ERR_ARG
 *
 * Context: one thread at a time. Ordering: none. Progress: linear in pages. Errors: as returned.
 */
PTW_API int ptw_age_index(struct ptw_age *age, uint8_t *due);

/**
 * Choose how words are marked, from bitmaps and from feeds. ptw_age_init() has chosen the best.
 * @param age the ages
 * @param kernel enum ptw_kernel: PTW_KERNEL_BEST, PTW_KERNEL_PORTABLE, or PTW_KERNEL_AVX512, which wants
 *               AVX-512 VBMI2 here
 * @return PTW_OK, PTW_ERR_ARG for no such kernel, PTW_ERR_UNSUPPORTED for one that cannot do it here
 *
 * Every kernel gives the same ages. Under ThreadSanitizer the best is the portable one.
 *
 * Context: one thread at a time. Ordering: none. Progress: wait-free. Errors: as returned, nothing changed.
 */
PTW_API int ptw_age_kernel(struct ptw_age *age, uint32_t kernel);

/**
 * Bytes that ptw_age_index() needs.
 * @param pages how many pages
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: none.
 */
static inline uint64_t ptw_age_index_bytes(uint64_t pages)
{
	return pages / 64 + (pages % 64 != 0);
}

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
 * The same, and leave the bitmap zero for the next harvest, so that nobody need clear it.
 * @param age the ages
 * @param first_page page of the bitmap's bit 0, a multiple of 64
 * @param young bitmap words, of no other thread at the moment
 * @param words how many
 * @param summary null, or which of the words are to be looked at (bit i: word i), all others being zero:
 *                64 to a word, as a harvest fills it; left zero, too
 * @return pages marked
 *
 * Context: one thread at a time. Ordering: none. Progress: linear in words, with a summary in the words
 * it names and its own. Errors: none.
 */
PTW_API uint64_t ptw_age_drain_bitmap(struct ptw_age *age, uint64_t first_page, uint64_t *young,
				      uint64_t words, uint64_t *summary);

/**
 * Begin to feed words to ages. Until ptw_age_feed_end() some of them may wait in `feed`: no other call
 * on `age` until then, ptw_age_of() included.
 * @param feed written
 * @param age the ages
 * @param first_page the number that page 0 of `age` has in the words, a multiple of 64 (not checked): for a
 *        range that begins elsewhere, (start / granule) & ~63, and page 0 of `age` is that page
 *
 * Context: one thread at a time. Ordering: none. Progress: wait-free. Errors: none.
 */
PTW_API void ptw_age_feed_begin(struct ptw_age_feed *feed, struct ptw_age *age,
				uint64_t first_page);

/**
 * Feed one word: the pages become young. It has the type of a harvest's `word` function, with the feed as
 * its context. Words are marked together, when some more have come, and their bytes from memory.
 * @param feed a struct ptw_age_feed
 * @param page number of the page of bit 0, a multiple of 64
 * @param young bit i: page + i; pages that `age` does not have are ignored
 * @param dirty ignored
 * @return 0, so that the harvest goes on
 *
 * Context: as ptw_age_mark(). Ordering: none. Progress: bounded. Errors: none.
 */
PTW_API int ptw_age_feed_word(void *feed, uint64_t page, uint64_t young, uint64_t dirty);

/**
 * Mark what still waits in the feed.
 * @param feed the feed, which may go on being fed
 * @return pages marked since the beginning
 *
 * Context: as ptw_age_mark(). Ordering: none. Progress: bounded. Errors: none.
 */
PTW_API uint64_t ptw_age_feed_end(struct ptw_age_feed *feed);

/**
 * An epoch passes: every page is one older, PTW_AGE_MAX at most.
 * @param age the ages
 *
 * Context: one thread at a time. Ordering: none. Progress: linear in pages, with an index in a 64th of
 * them; constant without one when no page becomes PTW_AGE_MAX. Errors: none.
 */
PTW_API void ptw_age_advance(struct ptw_age *age);

/**
 * With an index: how many epochs ago the index says that pages of a word became PTW_AGE_MAX old, whose
 * bytes may still tell otherwise; negative: none did. Private.
 * @param age the ages, with an index
 * @param word number of a page / 64
 *
 * Context: one thread at a time. Ordering: none. Progress: wait-free. Errors: none.
 */
static inline int ptw_age_overdue(const struct ptw_age *age, uint64_t word)
{
	return (int8_t)(uint8_t)(age->epoch - age->due[word]);
}

/**
 * Age of a page in epochs, 0 to PTW_AGE_MAX.
 * @param age the ages
 * @param page its number, below `pages`
 *
 * Context: one thread at a time. Ordering: none. Progress: wait-free. Errors: none.
 */
static inline unsigned int ptw_age_of(const struct ptw_age *age, uint64_t page)
{
	const unsigned int byte = age->last[page];
	unsigned int old = age->now - byte;

	if (!byte)
		return PTW_AGE_MAX;
	if (byte > age->now)
		old += PTW_AGE_MAX;
	if (age->due && (int)old <= ptw_age_overdue(age, page / 64))
		return PTW_AGE_MAX;
	return old;
}

/**
 * Count pages by age.
 * @param age the ages
 * @param member bitmap of the pages to count (bit = page), or null for all
 * @param histogram PTW_AGE_MAX + 1 counters, written whole: pages of each age
 *
 * Context: one thread at a time. Ordering: none. Progress: constant for all pages, else linear in them.
 * Errors: none.
 */
PTW_API void ptw_age_histogram(const struct ptw_age *age, const uint64_t *member,
			       uint64_t histogram[PTW_AGE_MAX + 1]);

PTW_END_DECLS

#endif /* PTW_AGE_H */
