/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The scan with the registers that every x86-64 has: two entries a load. */
#if defined(__x86_64__)

#include "ports/vector/vector.h"

#include <emmintrin.h>

#define PTW_SSE2 target("sse2"), no_sanitize("thread")
#define PTW_SSE2_INLINE static inline __attribute__((always_inline, PTW_SSE2))

struct ptw_sse2 {
	__m128i wanted; /* the bit, in its half of each entry */
	__m128i seen[2];
};

/* The low or high halves of four entries of which only the bit is left. Entries change at any time: the
 * compiler must not read one again. */
PTW_SSE2_INLINE __m128i ptw_sse2_four(struct ptw_sse2 *s, const uint64_t *slot, const bool high)
{
	const __m128i a = *(const volatile __m128i *)(const void *)slot;
	const __m128i b = *(const volatile __m128i *)(const void *)(slot + 2);
	const __m128 x = _mm_castsi128_ps(a), y = _mm_castsi128_ps(b);

	s->seen[0] = _mm_or_si128(s->seen[0], a);
	s->seen[1] = _mm_or_si128(s->seen[1], b);
	/* Or the compiler loads 64 entries before it ORs any, and has no registers for so many. */
	__asm__("" : "+x"(s->seen[0]), "+x"(s->seen[1]));
	return _mm_and_si128(_mm_castps_si128(high ? _mm_shuffle_ps(x, y, 0xdd) :
						     _mm_shuffle_ps(x, y, 0x88)),
			     s->wanted);
}

/* Which of 16 entries do not have the bit? Packing saturates: nothing but 0 becomes 0. */
PTW_SSE2_INLINE uint64_t ptw_sse2_lines(struct ptw_sse2 *s, const uint64_t *slot,
					const uint64_t *ahead, const bool high)
{
	__m128i a, b;

	__builtin_prefetch(ahead);
	a = _mm_packs_epi32(ptw_sse2_four(s, slot, high), ptw_sse2_four(s, slot + 4, high));
	__builtin_prefetch(ahead + 8);
	b = _mm_packs_epi32(ptw_sse2_four(s, slot + 8, high), ptw_sse2_four(s, slot + 12, high));
	a = _mm_cmpeq_epi8(_mm_packs_epi16(a, b), _mm_setzero_si128());
	return (uint32_t)_mm_movemask_epi8(a);
}

PTW_SSE2_INLINE uint64_t ptw_sse2(const uint64_t *slot, unsigned int words, uint64_t bit,
				  uint64_t *young, const uint64_t *ahead, const bool high)
{
	struct ptw_sse2 s = {
		.wanted = _mm_set1_epi32((int)(uint32_t)(high ? bit >> 32 : bit)),
		.seen = { _mm_setzero_si128(), _mm_setzero_si128() },
	};

	for (unsigned int w = 0; w < words; w++, slot += 64, ahead += 64)
		young[w] = ~(ptw_sse2_lines(&s, slot, ahead, high) |
			     ptw_sse2_lines(&s, slot + 16, ahead + 16, high) << 16 |
			     ptw_sse2_lines(&s, slot + 32, ahead + 32, high) << 32 |
			     ptw_sse2_lines(&s, slot + 48, ahead + 48, high) << 48);
	s.seen[0] = _mm_or_si128(s.seen[0], s.seen[1]);
	s.seen[0] = _mm_or_si128(s.seen[0], _mm_unpackhi_epi64(s.seen[0], s.seen[0]));
	return (uint64_t)_mm_cvtsi128_si64(s.seen[0]);
}

__attribute__((PTW_SSE2)) PTW_SCAN(ptw_scan_sse2)
{
	if (bit >> 32)
		return ptw_sse2(slot, words, bit, young, ahead, true);
	return ptw_sse2(slot, words, bit, young, ahead, false);
}

#endif
