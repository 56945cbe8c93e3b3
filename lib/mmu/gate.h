/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What unmap and last looks need to know of gates; see gate.c. */
#ifndef PTW_LIB_GATE_H
#define PTW_LIB_GATE_H

#include <ptw/types.h>

struct ptw_space;

/* Is an invalidation under way at every gate of the range? */
bool ptw_gates_closed(struct ptw_space *space, uint64_t start, uint64_t end);

/* Likewise of one page. */
bool ptw_gate_closed(struct ptw_space *space, uint64_t page);

/* Have the faults left that had entered? Waits a bounded time. */
bool ptw_gates_left(struct ptw_space *space, uint64_t start, uint64_t end);

#endif /* PTW_LIB_GATE_H */
