/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What ports may lend to the harvest that let it use vector registers: they define PTW_PORT_VECTOR and link
 * the files of this folder. The core calls these functions only where ptw_port_cpu_features() names
 * what they need. Nothing here decides: a scan finds candidates, an atomic update says what was young.
 */
#ifndef PTW_PORTS_VECTOR_H
#define PTW_PORTS_VECTOR_H

#include <ptw/types.h>

/* Words of 64 entries that one call handles at most. */
#define PTW_SCAN_WORDS 8u

/*
 * A scan: of `words` times 64 entries from `slot` on (1 to PTW_SCAN_WORDS; aligned to 64 bytes), which have
 * all bits of `bit` (one bit) set? young[i] bit k says it of entry 64 * i + k. Returns the OR of all
 * entries. Meanwhile it prefetches as many bytes from `ahead` on, a line for each line read; callers who
 * have nothing to prefetch give `slot` itself.
 *
 * Entries change while they are read; each is read once or more, and an entry that changes may be found
 * either way. Not seen by ThreadSanitizer.
 */
#define PTW_SCAN(name)                                                                         \
	uint64_t name(const uint64_t *slot, unsigned int words, uint64_t bit, uint64_t *young, \
		      const uint64_t *ahead)

#if defined(__x86_64__)
PTW_SCAN(ptw_scan_sse2);
PTW_SCAN(ptw_scan_avx2);
PTW_SCAN(ptw_scan_avx512);

/*
 * Clear `bit` in those of the 64 entries from `slot` on that `young` marks, two at a time where both of a
 * pair are marked. Any entry may be the first; pairs begin at multiples of 16 bytes, whatever `slot` is.
 * Entries that are not marked are not touched. Returns those in which this call cleared it.
 */
uint64_t ptw_clear_pairs(uint64_t *slot, uint64_t young, uint64_t bit);

/* What one page table's transactions have come to; all relaxed, shared by its harvests. */
struct ptw_transactions {
	uint32_t rest;	   /* tables to clear without one before the next try */
	uint32_t patience; /* how long the next rest is */
	uint32_t committed;
	uint32_t aborted;
};

/*
 * Clear `bit` in `words` times 64 entries in one hardware transaction: those that have it then, whatever a scan
 * said before. True: committed, and young[] says which. False: nothing was changed, young[] neither.
 */
bool ptw_clear_transaction(struct ptw_transactions *state, uint64_t *slot, unsigned int words,
			   uint64_t bit, uint64_t *young);

/*
 * For ages (lib/age/), where PTW_CPU_VBMI2 is there. Each is about 64 words of 64 pages; nobody else may change what
 * they are given.
 */
/* Which of 64 words from `young` on are not zero. */
uint64_t ptw_used_avx512(const uint64_t *young);
/* Of 64 words' bytes in an index of ages: which are due in this epoch, or have been since up to 127. */
uint64_t ptw_due_avx512(const uint8_t *due, uint8_t epoch);
/*
 * Of the 64 bytes of a word: those of the epochs that lie `behind` or less behind `now`, in the order of epochs,
 * become 0. Returns how far behind the oldest of the others is, 0 if there is none.
 */
unsigned int ptw_retire_avx512(uint8_t *last, uint8_t now, unsigned int behind);
/*
 * Mark the pages of those words that `which` names: byte k of 64 bytes from last + 64 * i becomes `now` where
 * young[i] bit k is set, and the count of what it was is lowered. Returns how many; count[now] is left alone,
 * unless some were that.
 */
uint64_t ptw_mark_avx512(uint8_t *last, const uint64_t *young, uint64_t which, uint8_t now,
			 uint64_t *count);
/* The same for `n` words, each a number of a page and the pages from there on that are young. */
uint64_t ptw_mark_list_avx512(uint8_t *last, const uint64_t *words, unsigned int n, uint8_t now,
			      uint64_t *count);
#elif defined(__aarch64__)
PTW_SCAN(ptw_scan_neon);
#endif

#endif /* PTW_PORTS_VECTOR_H */
