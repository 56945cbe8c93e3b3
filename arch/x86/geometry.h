/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The shape that EPT and x86-64 paging share: 4-KiB tables of 512 entries, 4 or 5 levels, leaves of
 * 4 KiB, 2 MiB and perhaps 1 GiB, address bits 51:12.
 */
#ifndef PTW_ARCH_X86_GEOMETRY_H
#define PTW_ARCH_X86_GEOMETRY_H

#include "arch/format.h"

/*
 * Sizes, levels and reserved address bits; the caller has checked the features.
 * `block_low`: lowest address bit of a block that must be zero unless it is part of the address.
 * `block_bit`: marks a leaf above level 0, reserved where no leaf may stand.
 */
int ptw_x86_geometry(const struct ptw_config *config, unsigned int block_low, uint64_t block_bit,
		     struct ptw_geometry *g);

#endif /* PTW_ARCH_X86_GEOMETRY_H */
