/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Two entries by one locked instruction: cmpxchg16b (SDM vol. 2A, CMPXCHG8B/CMPXCHG16B). A locked
 * instruction costs about the same for 16 bytes as for 8, so where both neighbours are young this is
 * the cheaper way. Entries 2k and 2k + 1 of a table are aligned to 16 bytes, which it asks for.
 *
 * It is exact as one compare-exchange on a snapshot is: it fails unless both entries still hold what was
 * found, so nothing that hardware or a writer put there meanwhile is overwritten, and what it cleared
 * was set when it did. That the two halves of the first snapshot are read one after the other does not
 * matter: together they may never have stood there, and then the exchange fails and finds what does.
 */
#if defined(__x86_64__)

#include <ptw/port.h>
#include <ptw/port/tsan.h>

#include "ports/vector/vector.h"

/*
 * Exchanges that may fail before each entry is cleared by its own. One that fails found both
 * entries as they are, so the second fails only if somebody changed one in between; the way out never
 * fails, which keeps this bounded however busy the entries are.
 */
#define PTW_PAIR_TRIES 2

/* Entries that may be the first of a pair, if the first is one. ThreadSanitizer sees no assembly: it is
 * shown every entry. */
#if defined(PTW_TSAN) && !defined(PTW_PAIR_CAS)
#define PTW_PAIRS 0u
#else
#define PTW_PAIRS 0x5555555555555555u
#endif

/* Exchange pair[0] and pair[1], if they still hold old[0] and old[1]; else `old` is what they hold. Only
 * the values count, as for ptw_port_and_clear(): the compiler may move other accesses around it. */
static inline __attribute__((__always_inline__)) bool ptw_pair_cas(uint64_t *pair, uint64_t *old,
								    uint64_t desired0,
								    uint64_t desired1)
{
	bool done;

	__asm__ volatile("lock cmpxchg16b %0"
			 : "+m"(*(uint64_t(*)[2])pair), "+a"(old[0]), "+d"(old[1]), "=@ccz"(done)
			 : "b"(desired0), "c"(desired1));
	return done;
}

/* Tests bring one that lets things happen at the worst moment. */
#ifndef PTW_PAIR_CAS
#define PTW_PAIR_CAS ptw_pair_cas
#endif

/* Bit 0 and bit 1: this call cleared `bit` in pair[0], in pair[1]. */
static inline __attribute__((__always_inline__)) uint64_t ptw_clear_pair(uint64_t *pair,
									 const uint64_t bit)
{
	/* Relaxed: a guess that the exchange checks. */
	uint64_t old[2] = { ptw_port_load(&pair[0]), ptw_port_load(&pair[1]) };
	uint64_t found = 0;

	for (unsigned int tries = 0; tries < PTW_PAIR_TRIES && (old[0] & old[1] & bit); tries++)
		if (PTW_PAIR_CAS(pair, old, old[0] & ~bit, old[1] & ~bit))
			return 3;
	/* One is old by now, or both are too busy. */
	if ((old[0] & bit) && ptw_port_and_clear(&pair[0], bit))
		found |= 1;
	if ((old[1] & bit) && ptw_port_and_clear(&pair[1], bit))
		found |= 2;
	return found;
}

static inline __attribute__((__always_inline__)) uint64_t ptw_clear_word(uint64_t *slot,
									 uint64_t young,
									 const uint64_t bit)
{
	/* The odd end of a range may begin with the second of a pair. */
	const unsigned int odd = (uintptr_t)slot / sizeof(*slot) % 2;
	uint64_t pairs = young & young >> 1 & PTW_PAIRS << odd, found = 0;

	young &= ~(pairs | pairs << 1);
	for (; pairs; pairs &= pairs - 1) {
		unsigned int k = (unsigned int)__builtin_ctzll(pairs);

		found |= ptw_clear_pair(slot + k, bit) << k;
	}
	for (; young; young &= young - 1) {
		unsigned int k = (unsigned int)__builtin_ctzll(young);

		if (ptw_port_and_clear(slot + k, bit))
			found |= (uint64_t)1 << k;
	}
	return found;
}

uint64_t ptw_clear_pairs(uint64_t *slot, uint64_t young, uint64_t bit)
{
	/* The and-clear of a constant bit is one instruction, of any other a loop: these are the
	 * accessed bits of x86-64, EPT and arm64. */
	switch (bit) {
	case 1 << 5:
		return ptw_clear_word(slot, young, 1 << 5);
	case 1 << 8:
		return ptw_clear_word(slot, young, 1 << 8);
	case 1 << 10:
		return ptw_clear_word(slot, young, 1 << 10);
	default:
		return ptw_clear_word(slot, young, bit);
	}
}

#endif
