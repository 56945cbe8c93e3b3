/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Registers, descriptors and small page tables of arm64, as literals, for the tests of the software MMU. */
#ifndef PTW_TESTS_SOFTMMU_ARM64_H
#define PTW_TESTS_SOFTMMU_ARM64_H

#include "softmmu_machine.h"

#define TG0_4K	0u
#define TG0_64K (1u << 14)
#define TG0_16K (2u << 14)

/* VTCR_EL2. */
#define T0SZ(ia_bits) (64ull - (ia_bits))
#define SL0(n)	      ((uint64_t)(n) << 6)
#define PS(n)	      ((uint64_t)(n) << 16)
#define VTCR_HA	      BIT(21)
#define VTCR_HD	      BIT(22)
#define VTCR_RES1     BIT(31)
#define VTCR_DS	      BIT(32)
#define VTCR_SL2      BIT(33)
#define VTCR_HAFT     BIT(44)
#define HAHD	      (VTCR_HA | VTCR_HD)

/* Descriptors. */
#define TABLE 3ull
#define PAGE  3ull
#define BLOCK 1ull
#define AF    BIT(10)
#define S2_R  BIT(6)
#define S2_W  BIT(7)
#define DBM   BIT(51)
#define CONT  BIT(52)
#define WB    (0xfull << 2)
#define SH    (3ull << 8)
#define RW    (WB | SH | S2_R | S2_W)
#define OA_4K 0x76543000ull

/* PS and IPS, which here also say what the processor implements; 7 is reserved. */
static inline uint32_t sizes(unsigned int ps)
{
	static const uint32_t bits[8] = {32, 36, 40, 42, 44, 48, 52, 52};

	return bits[ps];
}

static inline struct ptw_softmmu_config s2_config(uint64_t vtcr, uint64_t vttbr, uint32_t flags)
{
	return make_config(PTW_REGIME_ARM64_S2, sizes(vtcr >> 16 & 7), vttbr, vtcr | VTCR_RES1, 0,
			   flags);
}

static inline struct ptw_softmmu *s2_cpu(uint64_t vtcr, uint64_t vttbr, uint32_t flags)
{
	struct ptw_softmmu_config config = s2_config(vtcr, vttbr, flags);

	return make_cpu(&config);
}

/* 39-bit input from Arm level 1, 40-bit output; table 2 is the root, table 0 holds pages. */
#define VTCR_39 (T0SZ(39) | SL0(1) | PS(2))
#define IA_39	(5ull << 30 | 7u << 21 | 9u << 12 | 0xabc)

static inline void build_39(uint64_t leaf)
{
	*entry(table(2), 5) = table(1) | TABLE;
	*entry(table(1), 7) = table(0) | TABLE;
	*entry(table(0), 9) = leaf;
}

/* build_39(): which of the two table entries are accessed; 1 that of table 1, 2 that of table 2. */
static inline unsigned int tables_accessed(void)
{
	return (*entry(table(1), 7) & AF ? 1 : 0) | (*entry(table(2), 5) & AF ? 2 : 0);
}

/* Page 9 of table 0 is in the group of 16 that are pages 0 to 15. */
static inline void build_group(uint64_t bits)
{
	build_39(0);
	for (unsigned int i = 0; i < 32; i++)
		*entry(table(0), i) = 0x76540000 | i << 12 | CONT | PAGE | bits;
}

static inline unsigned int group_bits(unsigned int first, uint64_t bit, unsigned int *which)
{
	unsigned int count = 0;

	for (unsigned int i = first; i < first + 16; i++) {
		if (*entry(table(0), i) & bit) {
			*which = i;
			count++;
		}
	}
	return count;
}

#endif /* PTW_TESTS_SOFTMMU_ARM64_H */
