/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Marks of ages with AVX-512 VBMI2: the old bytes of a word's young pages go to a list by one instruction, the
 * new ones to their places by another, and no branch depends on which pages they are. What is left is one
 * loop that counts the old bytes, for many words at once.
 */
#if defined(__x86_64__)

#include "ports/vector/vector.h"

#include <immintrin.h>

#define PTW_VBMI2 target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,popcnt,bmi")

/* Bytes the list holds before it is counted: a mispredicted end of the loop for so many, not for each word. */
#define PTW_LIST_FULL 448u
/* So many young pages of a word are looked at for being alike. */
#define PTW_LIST_ALIKE 32u

__attribute__((PTW_VBMI2)) uint64_t ptw_used_avx512(const uint64_t *young)
{
	uint64_t used = 0;

	for (unsigned int i = 0; i < 64; i += 8) {
		const __m512i words = _mm512_loadu_si512(young + i);

		used |= (uint64_t)_mm512_test_epi64_mask(words, words) << i;
	}
	return used;
}

__attribute__((PTW_VBMI2)) uint64_t ptw_due_avx512(const uint8_t *due, uint8_t epoch)
{
	const __m512i behind =
		_mm512_sub_epi8(_mm512_set1_epi8((char)epoch), _mm512_loadu_si512(due));

	return ~_mm512_movepi8_mask(behind);
}

/* Modulo 256 the differences from `now` have the order of epochs, only they count 0 as one of these. */
__attribute__((PTW_VBMI2)) unsigned int ptw_retire_avx512(uint8_t *last, uint8_t now,
							  unsigned int behind)
{
	const __m512i limit = _mm512_set1_epi8((char)(behind + (behind >= now)));
	const __m512i bytes = _mm512_loadu_si512(last);
	const __m512i away = _mm512_sub_epi8(_mm512_set1_epi8((char)now), bytes);
	const __mmask64 stale = _mm512_cmple_epu8_mask(away, limit);
	const __mmask64 live = _mm512_test_epi8_mask(bytes, bytes) & ~stale;
	const __m512i ages = _mm512_maskz_mov_epi8(live, away);
	__m128i oldest;
	unsigned int age;

	_mm512_mask_storeu_epi8(last, stale, _mm512_setzero_si512());
	oldest = _mm_max_epu8(
		_mm_max_epu8(_mm512_castsi512_si128(ages), _mm512_extracti64x2_epi64(ages, 1)),
		_mm_max_epu8(_mm512_extracti64x2_epi64(ages, 2),
			     _mm512_extracti64x2_epi64(ages, 3)));
	/* The least of eight 16-bit numbers is one instruction: of the complements, neighbours put together. */
	oldest = _mm_xor_si128(oldest, _mm_set1_epi8(-1));
	oldest = _mm_min_epu8(oldest, _mm_srli_epi16(oldest, 8));
	age = 255 - ((unsigned int)_mm_cvtsi128_si32(_mm_minpos_epu16(oldest)) & 0xff);
	return age - (age > now);
}

static inline __attribute__((always_inline, PTW_VBMI2)) void ptw_count_old(const uint8_t *list,
									   unsigned int n,
									   uint64_t *count)
{
	for (unsigned int i = 0; i < n; i++)
		count[list[i]]--;
}

struct ptw_marks {
	__m512i epoch;
	uint64_t *count;
	uint64_t marked;
	unsigned int listed;
	uint8_t list[PTW_LIST_FULL + 64];
};

/* One word: 64 bytes from `last` on, of which `bits` are young. */
static inline __attribute__((always_inline, PTW_VBMI2)) void ptw_mark_word(struct ptw_marks *m,
									   uint8_t *last,
									   uint64_t bits)
{
	const __m512i old = _mm512_loadu_si512(last);
	const __m512i packed = _mm512_maskz_compress_epi8(bits, old);
	const unsigned int n = (unsigned int)__builtin_popcountll(bits);

	_mm512_mask_storeu_epi8(last, bits, m->epoch);
	m->marked += n;
	/* Pages that are always young have one history: their count moves at once. */
	if (n >= PTW_LIST_ALIKE) {
		const uint8_t first = (uint8_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(packed));

		if (!_mm512_mask_cmpneq_epi8_mask(bits, old, _mm512_set1_epi8((char)first))) {
			m->count[first] -= n;
			return;
		}
	}
	_mm512_storeu_si512(m->list + m->listed, packed);
	m->listed += n;
	if (m->listed >= PTW_LIST_FULL) {
		ptw_count_old(m->list, m->listed, m->count);
		m->listed = 0;
	}
}

__attribute__((PTW_VBMI2)) uint64_t ptw_mark_avx512(uint8_t *last, const uint64_t *young,
						    uint64_t which, uint8_t now, uint64_t *count)
{
	struct ptw_marks m;

	m.epoch = _mm512_set1_epi8((char)now);
	m.count = count;
	m.marked = m.listed = 0;
	for (; which; which &= which - 1) {
		const unsigned int w = (unsigned int)__builtin_ctzll(which);

		ptw_mark_word(&m, last + 64 * w, young[w]);
	}
	ptw_count_old(m.list, m.listed, count);
	return m.marked;
}

__attribute__((PTW_VBMI2)) uint64_t ptw_mark_list_avx512(uint8_t *last, const uint64_t *words,
							 unsigned int n, uint8_t now,
							 uint64_t *count)
{
	struct ptw_marks m;

	m.epoch = _mm512_set1_epi8((char)now);
	m.count = count;
	m.marked = m.listed = 0;
	for (unsigned int i = 0; i < 2 * n; i += 2)
		ptw_mark_word(&m, last + words[i], words[i + 1]);
	ptw_count_old(m.list, m.listed, count);
	return m.marked;
}

#endif
