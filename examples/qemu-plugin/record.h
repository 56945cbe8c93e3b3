/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The guest's references as a trace: 64-bit words in the machine's byte order, each a page of RAM, or all ones for
 * a tick; ptw-sim's form vpn. Several processors take turns as they come.
 */
#ifndef PTW_QEMU_RECORD_H
#define PTW_QEMU_RECORD_H

#include <stdbool.h>
#include <stdint.h>

/* Begin; filter: references to so many pages used last are left out. False, with a message. */
bool record_open(const char *path, uint32_t filter);

/* So many accesses to a page by a processor. */
void record(uint64_t page, uint32_t accesses);

/* No more of it. */
void record_close(void);

#endif /* PTW_QEMU_RECORD_H */
