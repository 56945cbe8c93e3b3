/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file consumer.h
 * Many consumers, one harvest. Hardware keeps one accessed and one dirty bit, but ageing, migration, a
 * working-set report and a debugger all want to know "since I last looked". Each joins the space as a
 * consumer: whoever asks, clears the bits, and what he found goes to all consumers; each has a bitmap
 * of what was found since its own last question.
 *
 * The price: a consumer costs 1 bit a page for accessed and 1 for dirty, and each question loads one
 * word of every other consumer for each 64 pages in which it found something; it writes it only if that
 * is news, so consumers that ask seldom cost one load.
 */
#ifndef PTW_CONSUMER_H
#define PTW_CONSUMER_H

#include <ptw/ask.h>
#include <ptw/space.h>

PTW_BEGIN_DECLS

/** A consumer; opaque. */
struct ptw_consumer;

/** What a consumer wants to know. */
struct ptw_consumer_config {
	size_t size;      /**< sizeof(struct ptw_consumer_config), so that it can grow */
	uint64_t first;   /**< first page */
	uint64_t pages;   /**< how many, at least 1 */
	uint32_t flags;   /**< PTW_HARVEST_ACCESSED, PTW_HARVEST_DIRTY or both */
	uint32_t reserved; /**< 0 */
	const char *name; /**< for people; copied up to 31 bytes; may be null */
};

/** Most consumers of a space. */
#define PTW_CONSUMERS_MAX 64u

/**
 * Join a space. What is accessed after the return is in the consumer's next answer, whoever takes it.
 * @param space the space
 * @param config what it wants
 * @param out set on success
 * @return PTW_OK, PTW_ERR_NOMEM, PTW_ERR_LIMIT, or an argument error
 *
 * Context: any registered thread. Not in a read-side section, an RCU callback, or an operation of an MMU.
 * May block. Ordering: questions that began before have published or see the consumer. Progress: blocks
 * for a grace period. Errors: as returned, PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_RANGE, PTW_ERR_CONTEXT.
 */
PTW_API int ptw_consumer_join(struct ptw_space *space, const struct ptw_consumer_config *config,
			      struct ptw_consumer **out);

/**
 * Leave. The consumer is freed after a grace period.
 * @param consumer it, or null; no question of its own runs
 * @return PTW_OK, PTW_ERR_NOMEM (it is still there), PTW_ERR_CONTEXT
 *
 * Context: any registered thread, next to questions of others. Not in a read-side section or RCU callback.
 * Ordering: release. Progress: lock-free but for memory. Errors: as returned.
 */
PTW_API int ptw_consumer_leave(struct ptw_consumer *consumer);

/**
 * What others found since this consumer last looked; asks no MMU.
 * @param consumer it
 * @param start, end pages, half-open, inside what it joined for
 * @param flags PTW_HARVEST_ACCESSED, PTW_HARVEST_DIRTY, or both, and PTW_HARVEST_PEEK to leave it there
 * @param young, dirty bitmaps as in ptw_ask, ORed into; null where not wanted
 * @param pages set to how many bits were found; may be null
 * @return PTW_OK or an argument error
 *
 * Context: any registered thread; two readers of one consumer share what there is. Ordering: relaxed
 * exchanges; a page in transit (taken by a question that has not published yet) comes next time.
 * Progress: wait-free, linear in words. Errors: PTW_ERR_ARG, PTW_ERR_RANGE.
 */
PTW_API int ptw_consumer_read(struct ptw_consumer *consumer, uint64_t start, uint64_t end,
			      uint32_t flags, uint64_t *young, uint64_t *dirty, uint64_t *pages);

/** What became of a consumer. */
struct ptw_consumer_info {
	size_t size;       /**< sizeof(struct ptw_consumer_info), so that it can grow */
	char name[32];     /**< as joined */
	uint64_t epoch;    /**< questions and reads of its own that reached the end of their range */
	uint64_t received; /**< bits others found and it did not have yet */
	uint64_t taken;    /**< of these, given to it in answers */
};

/**
 * Numbers of a consumer.
 * @param consumer it
 * @param info its `size` must be set; the rest is written
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE
 *
 * Context: any. Ordering: relaxed counters. Progress: wait-free. Errors: as returned.
 */
PTW_API int ptw_consumer_info(struct ptw_consumer *consumer, struct ptw_consumer_info *info);

PTW_END_DECLS

#endif /* PTW_CONSUMER_H */
