/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Notes of empty tables, so that a scan for them costs nothing extra.
 *
 * A note is one word: which input addresses the table is for, its level, and when it was written, by a
 * clock that counts calls that removed something. It holds no pointer, so a note may outlive its
 * table: whoever follows it goes down from the root and looks again. Loads are relaxed for the same reason.
 * A note is written and forgotten by compare-exchange, acquire-release: of a forgetter and an emptier who
 * meet, one finds what the other did to the live count before.
 */
#ifndef PTW_LIB_NOTE_H
#define PTW_LIB_NOTE_H

#include "lib/walk/pgtable.h"

/* Bits of a note: 15:0 when, 18:16 level + 1 (so that no note is 0), 63:19 input address in granules. */
#define PTW_NOTE_WHEN PTW_BITS(15, 0)
#define PTW_NOTE_LEVEL_SHIFT 16
#define PTW_NOTE_PAGE_SHIFT 19

static inline uint64_t ptw_note_make(struct ptw_pgtable *p, uint64_t ia, unsigned int level)
{
	return ia >> p->geometry.granule_lg2 << PTW_NOTE_PAGE_SHIFT |
	       (uint64_t)(level + 1) << PTW_NOTE_LEVEL_SHIFT |
	       (ptw_port_load32(&p->note_clock) & PTW_NOTE_WHEN);
}

static inline uint64_t ptw_note_ia(const struct ptw_pgtable *p, uint64_t note)
{
	return note >> PTW_NOTE_PAGE_SHIFT << p->geometry.granule_lg2;
}

static inline unsigned int ptw_note_level(uint64_t note)
{
	return (unsigned int)(note >> PTW_NOTE_LEVEL_SHIFT & 7) - 1;
}

/* Calls since the note was written. */
static inline uint32_t ptw_note_age(struct ptw_pgtable *p, uint64_t note)
{
	return (ptw_port_load32(&p->note_clock) - (uint32_t)note) & (uint32_t)PTW_NOTE_WHEN;
}

/*
 * The table of `level` for `ia` is empty no more. Returns whether there was a note of it; the caller then
 * looks at the live count once more, since whoever emptied it again may have relied on that note.
 */
bool ptw_note_forget(struct ptw_pgtable *p, uint64_t ia, unsigned int level);

/*
 * Note the table of `level` for `ia`, unless that is noted already or there is no room. `emptied`: its
 * last entry has just gone, so a note that is there is written anew.
 */
void ptw_note_seen(struct ptw_pgtable *p, uint64_t ia, unsigned int level, bool emptied);

#endif /* PTW_LIB_NOTE_H */
