/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The page table that fuzz_table.c is attached to, and the operations that its input asks for. */
#ifndef PTW_FUZZ_ATTACHED_H
#define PTW_FUZZ_ATTACHED_H

#include "arena.h"

/* Work of one call: entries of all tables that the budget lets it enter. */
#define ENTRIES_MAX  65536
#define BITMAP_WORDS 2048
#define CANARY	     0xa5a5a5a5a5a5a5a5u

struct op {
	uint8_t kind, flags;
	uint16_t first;
	uint8_t shift;
	uint16_t length;
	uint8_t misc;
};

static struct {
	struct arena *arena;
	struct ptw_config config;
	struct ptw_pgtable *pgtable;
	struct ptw_info info;
	uint64_t granule, ia_end;
	uint64_t budget;
	uint64_t entries_max; /* that one pass may read */
} m;

/* The range of an operation: as it is passed, and without its sign. */
struct span {
	uint64_t start, end;
	uint64_t raw_start, raw_end;
	uint64_t pages;
	bool legal;
};

static inline bool is_corrupt(int ret)
{
	return ret == PTW_ERR_CORRUPT_CYCLE || ret == PTW_ERR_CORRUPT_BOUNDS ||
	       ret == PTW_ERR_CORRUPT_RESERVED || ret == PTW_ERR_CORRUPT_BUDGET ||
	       ret == PTW_ERR_CORRUPT_GROUP;
}

static inline struct span span_of(const struct op *op)
{
	const unsigned int lg2 = m.info.granule_lg2;
	struct span s = {0, m.ia_end, 0, 0, 0, true};

	if (!(op->shift & 0x80)) {
		s.start = ((uint64_t)op->first << (lg2 + (op->shift & 31))) & (m.ia_end - 1);
		s.end = s.start +
			(((uint64_t)op->length + 1) << (lg2 + (op->shift & 0x40 ? 9 : 0)));
		if (s.end > m.ia_end)
			s.end = m.ia_end;
	}
	s.raw_start = s.start;
	s.raw_end = s.end;
	s.pages = (s.end - s.start) >> lg2;
	/* Addresses with a sign, which x86-64 has in its upper half, and ranges that are none. */
	if (op->misc == 0xfe && s.start >= m.ia_end / 2) {
		s.raw_start |= ~(m.ia_end - 1);
		s.raw_end |= ~(m.ia_end - 1);
		s.legal = false;
	} else if (op->misc == 0xff) {
		/* Odd, or it might be aligned all the same. */
		s.raw_start += op->length ? op->length | 1 : 0;
		s.legal = !op->length;
	}
	return s;
}

static inline uint64_t address_of(const struct op *op)
{
	const struct span s = span_of(op);

	return s.raw_start + (op->misc & 0x7f);
}

/* An error that a call with a range may give before it does anything. */
static inline bool is_refusal(const struct span *s, int ret)
{
	return !s->legal && (ret == PTW_ERR_ALIGN || ret == PTW_ERR_RANGE);
}

#endif /* PTW_FUZZ_ATTACHED_H */
