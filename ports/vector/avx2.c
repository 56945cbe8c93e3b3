/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The scan with AVX2: four entries a load. */
#if defined(__x86_64__)

#include "ports/vector/vector.h"

#include <immintrin.h>

#define PTW_AVX2 target("avx2"), no_sanitize("thread")
#define PTW_AVX2_INLINE static inline __attribute__((always_inline, PTW_AVX2))

struct ptw_avx2 {
	__m256i wanted;	       /* the bit, in its half of each entry */
	__m256i dwords, bytes; /* the order that packing loses */
	__m256i seen[2];
};

/*
 * The low or high halves of eight entries of which only the bit is left. Each 128 bits keep to themselves:
 * they get entries 0 1 4 5 and 2 3 6 7. Entries change at any time: the compiler must not read one again.
 */
PTW_AVX2_INLINE __m256i ptw_avx2_line(struct ptw_avx2 *s, const uint64_t *slot,
				      const uint64_t *ahead, const bool high)
{
	const __m256i a = *(const volatile __m256i *)(const void *)slot;
	const __m256i b = *(const volatile __m256i *)(const void *)(slot + 4);
	const __m256 x = _mm256_castsi256_ps(a), y = _mm256_castsi256_ps(b);

	__builtin_prefetch(ahead);
	s->seen[0] = _mm256_or_si256(s->seen[0], a);
	s->seen[1] = _mm256_or_si256(s->seen[1], b);
	/* Or the compiler loads 64 entries before it ORs any, and has no registers for so many. */
	__asm__("" : "+x"(s->seen[0]), "+x"(s->seen[1]));
	return _mm256_and_si256(_mm256_castps_si256(high ? _mm256_shuffle_ps(x, y, 0xdd) :
							   _mm256_shuffle_ps(x, y, 0x88)),
				s->wanted);
}

/* Which of 32 entries do not have the bit? Packing saturates: nothing but 0 becomes 0. */
PTW_AVX2_INLINE uint64_t ptw_avx2_lines(struct ptw_avx2 *s, const uint64_t *slot,
					const uint64_t *ahead, const bool high)
{
	const __m256i a = ptw_avx2_line(s, slot, ahead, high);
	const __m256i b = ptw_avx2_line(s, slot + 8, ahead + 8, high);
	const __m256i c = ptw_avx2_line(s, slot + 16, ahead + 16, high);
	const __m256i d = ptw_avx2_line(s, slot + 24, ahead + 24, high);
	__m256i all = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));

	all = _mm256_cmpeq_epi8(all, _mm256_setzero_si256());
	all = _mm256_permutevar8x32_epi32(all, s->dwords);
	all = _mm256_shuffle_epi8(all, s->bytes);
	return (uint32_t)_mm256_movemask_epi8(all);
}

PTW_AVX2_INLINE uint64_t ptw_avx2(const uint64_t *slot, unsigned int words, uint64_t bit,
				  uint64_t *young, const uint64_t *ahead, const bool high)
{
	struct ptw_avx2 s = {
		.wanted = _mm256_set1_epi32((int)(uint32_t)(high ? bit >> 32 : bit)),
		.dwords = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7),
		.bytes = _mm256_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15, 0,
					  1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15),
		.seen = { _mm256_setzero_si256(), _mm256_setzero_si256() },
	};
	__m128i half;

	for (unsigned int w = 0; w < words; w++, slot += 64, ahead += 64)
		young[w] = ~(ptw_avx2_lines(&s, slot, ahead, high) |
			     ptw_avx2_lines(&s, slot + 32, ahead + 32, high) << 32);
	s.seen[0] = _mm256_or_si256(s.seen[0], s.seen[1]);
	half = _mm_or_si128(_mm256_castsi256_si128(s.seen[0]),
			    _mm256_extracti128_si256(s.seen[0], 1));
	half = _mm_or_si128(half, _mm_unpackhi_epi64(half, half));
	return (uint64_t)_mm_cvtsi128_si64(half);
}

__attribute__((PTW_AVX2)) PTW_SCAN(ptw_scan_avx2)
{
	if (bit >> 32)
		return ptw_avx2(slot, words, bit, young, ahead, true);
	return ptw_avx2(slot, words, bit, young, ahead, false);
}

#endif
