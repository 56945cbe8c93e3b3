/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The learned policy's state as bytes. */
#ifndef PTW_LIB_AGE_POLICY_LEARNED_SAVE_H
#define PTW_LIB_AGE_POLICY_LEARNED_SAVE_H

#include "lib/age/policy/learned.h"

/* What the bytes begin with; the low ones are the version of the rest. */
#define PTW_LEARNED_FORMAT (0x6c65617200000000u | 2)

/* A bit for each page of the engine: what the bytes that are being checked had of it. */
struct ptw_learned_seen_bits {
	uint64_t *known;
	uint64_t *listed;
};

uint64_t ptw_learned_save(void *state, const struct ptw_policy_image *image, uint8_t *to,
			  uint64_t size);
int ptw_learned_restore(void *state, const struct ptw_policy_image *image, const uint8_t *from,
			uint64_t bytes, bool commit);

#endif /* PTW_LIB_AGE_POLICY_LEARNED_SAVE_H */
