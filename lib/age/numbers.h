/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Numbers as bytes, for what is saved: words of 64 bits, little-endian; and small numbers, 7 bits a byte, low ones
 * first, all bytes but the last with bit 7, no byte more than needed.
 */
#ifndef PTW_LIB_AGE_NUMBERS_H
#define PTW_LIB_AGE_NUMBERS_H

#include <ptw/error.h>
#include <ptw/types.h>

/* Bytes of a small number at most: they are below 2^49. */
#define PTW_SMALL_BYTES 7u

/* What does not fit is counted and not written. */
struct ptw_writer {
	uint8_t *to;
	uint64_t size;
	uint64_t bytes;
};

/* What is not there reads as 0, and the first error is noted. */
struct ptw_reader {
	const uint8_t *from;
	uint64_t at;
	uint64_t end;
	int error;
};

static inline void ptw_put_byte(struct ptw_writer *w, uint8_t byte)
{
	if (w->bytes < w->size)
		w->to[w->bytes] = byte;
	w->bytes++;
}

static inline void ptw_put(struct ptw_writer *w, uint64_t word)
{
	for (unsigned int i = 0; i < 8; i++)
		ptw_put_byte(w, (uint8_t)(word >> 8 * i));
}

static inline void ptw_put_small(struct ptw_writer *w, uint64_t number)
{
	for (; number >= 0x80; number >>= 7)
		ptw_put_byte(w, (uint8_t)(number | 0x80));
	ptw_put_byte(w, (uint8_t)number);
}

static inline void ptw_reader_error(struct ptw_reader *r, int error)
{
	if (!r->error)
		r->error = error;
}

static inline uint8_t ptw_get_byte(struct ptw_reader *r)
{
	if (r->at < r->end)
		return r->from[r->at++];
	ptw_reader_error(r, PTW_ERR_CORRUPT_BOUNDS);
	return 0;
}

static inline uint64_t ptw_get(struct ptw_reader *r)
{
	uint64_t word = 0;

	for (unsigned int i = 0; i < 8; i++)
		word |= (uint64_t)ptw_get_byte(r) << 8 * i;
	return word;
}

static inline uint64_t ptw_get_small(struct ptw_reader *r)
{
	uint64_t number = 0;

	for (unsigned int i = 0; i < PTW_SMALL_BYTES; i++) {
		const uint8_t byte = ptw_get_byte(r);

		number |= (uint64_t)(byte & 0x7f) << 7 * i;
		if (byte & 0x80)
			continue;
		/* Not the shortest. */
		if (i && !byte)
			ptw_reader_error(r, PTW_ERR_CORRUPT_RESERVED);
		return number;
	}
	ptw_reader_error(r, PTW_ERR_CORRUPT_BOUNDS);
	return number;
}

#endif /* PTW_LIB_AGE_NUMBERS_H */
