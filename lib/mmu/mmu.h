/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the MMUs that come with the library share. */
#ifndef PTW_LIB_MMU_H
#define PTW_LIB_MMU_H

#include <ptw/mmu.h>
#include <ptw/port.h>

#include "lib/walk/harvest_job.h"

/* Check an MMU as it is handed over: PTW_OK, PTW_ERR_ARG or PTW_ERR_SIZE. */
int ptw_mmu_check(const struct ptw_mmu *mmu);

/*
 * Is this a question? One that is not is answered: it ends where it began. `known`: the flags it
 * may have, of which it needs one of PTW_HARVEST_ACCESSED and PTW_HARVEST_DIRTY; 0: flags do not
 * matter.
 */
int ptw_mmu_ask_check(struct ptw_mmu_ask *ask, uint32_t known);

/* A question that is refused: nothing was asked. Returns `error`. */
int ptw_mmu_refuse(struct ptw_mmu_ask *ask, int error);

/* Frames [start, end) of the question could not be asked. */
void ptw_mmu_not_asked(struct ptw_mmu_ask *ask, uint64_t start, uint64_t end);

/* Index of a frame in the bitmaps of a question that begins at `start`. */
static inline uint64_t ptw_mmu_bit(uint64_t start, uint64_t frame)
{
	return frame - (start & ~(uint64_t)63);
}

/* The bitmap of a question from `start` on, moved to what one from `at` on expects; null stays
 * null. */
static inline uint64_t *ptw_mmu_words(uint64_t *words, uint64_t start, uint64_t at)
{
	return words ? words + ((at >> 6) - (start >> 6)) : NULL;
}

#endif /* PTW_LIB_MMU_H */
