/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* How large page tables may be without driving the machine out of memory. */
#ifndef PTW_BENCH_ROOM_H
#define PTW_BENCH_ROOM_H

#include <stdint.h>

/* `entries`, or half, a quarter, ... of them where memory is short. */
uint64_t room_entries(uint64_t entries);

#endif /* PTW_BENCH_ROOM_H */
