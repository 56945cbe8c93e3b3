/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The scan with arm64's vector registers: two entries a load. */
#if defined(__aarch64__)

#include "ports/vector/vector.h"

#include <arm_neon.h>

#define PTW_NEON_INLINE static inline __attribute__((always_inline, no_sanitize("thread")))

struct ptw_neon {
	uint16x8_t wanted; /* the bit, in the low quarter of each entry, when `shift` is done */
	int64x2_t shift;
	uint8x16_t place; /* 1, 2, 4 ... 128, twice */
	uint64x2_t seen[2];
};

/* The low halves of four entries. Those change at any time: the compiler must not read one again. */
PTW_NEON_INLINE uint16x8_t ptw_neon_four(struct ptw_neon *s, const uint64_t *slot, const bool high)
{
	uint64x2_t a = *(const volatile uint64x2_t *)(const void *)slot;
	uint64x2_t b = *(const volatile uint64x2_t *)(const void *)(slot + 2);

	s->seen[0] = vorrq_u64(s->seen[0], a);
	s->seen[1] = vorrq_u64(s->seen[1], b);
	if (high) {
		a = vshlq_u64(a, s->shift);
		b = vshlq_u64(b, s->shift);
	}
	return vreinterpretq_u16_u32(
		vuzp1q_u32(vreinterpretq_u32_u64(a), vreinterpretq_u32_u64(b)));
}

/* Which of eight entries have the bit, as words of 16 bits. */
PTW_NEON_INLINE uint8x16_t ptw_neon_line(struct ptw_neon *s, const uint64_t *slot,
					 const uint64_t *ahead, const bool high)
{
	__builtin_prefetch(ahead);
	return vreinterpretq_u8_u16(vtstq_u16(vuzp1q_u16(ptw_neon_four(s, slot, high),
							 ptw_neon_four(s, slot + 4, high)),
					      s->wanted));
}

/* Which of 16 entries have the bit, as a byte for each that is the bit's place in its byte of the mask. */
PTW_NEON_INLINE uint8x16_t ptw_neon_lines(struct ptw_neon *s, const uint64_t *slot,
					  const uint64_t *ahead, const bool high)
{
	const uint8x16_t a = ptw_neon_line(s, slot, ahead, high);
	const uint8x16_t b = ptw_neon_line(s, slot + 8, ahead + 8, high);

	return vandq_u8(vuzp1q_u8(a, b), s->place);
}

/* `high`: the bit is not among the low 16, and is shifted to 0 first. */
PTW_NEON_INLINE uint64_t ptw_neon(const uint64_t *slot, unsigned int words, uint64_t bit,
				  uint64_t *young, const uint64_t *ahead, const bool high)
{
	struct ptw_neon s = {
		.wanted = vdupq_n_u16((uint16_t)(high ? 1 : bit)),
		.shift = vdupq_n_s64(-(int64_t)__builtin_ctzll(bit)),
		.place = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201u)),
		.seen = { vdupq_n_u64(0), vdupq_n_u64(0) },
	};

	for (unsigned int w = 0; w < words; w++, slot += 64, ahead += 64) {
		uint8x16_t a = ptw_neon_lines(&s, slot, ahead, high);
		uint8x16_t b = ptw_neon_lines(&s, slot + 16, ahead + 16, high);
		uint8x16_t c = ptw_neon_lines(&s, slot + 32, ahead + 32, high);
		uint8x16_t d = ptw_neon_lines(&s, slot + 48, ahead + 48, high);

		/* Sums of neighbours, three times: of eight bytes comes one, in order. */
		a = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
		a = vpaddq_u8(a, a);
		young[w] = vgetq_lane_u64(vreinterpretq_u64_u8(a), 0);
	}
	s.seen[0] = vorrq_u64(s.seen[0], s.seen[1]);
	return vgetq_lane_u64(s.seen[0], 0) | vgetq_lane_u64(s.seen[0], 1);
}

__attribute__((no_sanitize("thread"))) PTW_SCAN(ptw_scan_neon)
{
	/* Accessed flags are bit 10. */
	if (bit < 1u << 16)
		return ptw_neon(slot, words, bit, young, ahead, false);
	return ptw_neon(slot, words, bit, young, ahead, true);
}

#endif
