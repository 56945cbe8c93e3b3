/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Where the guest's RAM lies in QEMU. QEMU tells plugins the physical address of data, but of instructions only the
 * address in its own memory. RAM that is a memory backend of its own (-object memory-backend-memfd) has a name
 * there, so its place and size are known.
 */
#ifndef PTW_QEMU_RAM_H
#define PTW_QEMU_RAM_H

#include <stdbool.h>
#include <stdint.h>

struct ram {
	uint64_t start; /* address in QEMU */
	uint64_t bytes;
};

/* False: there is no such mapping. */
bool ram_find(struct ram *ram);

#endif /* PTW_QEMU_RAM_H */
