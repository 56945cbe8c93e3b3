/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "flushes.h"

#include <string.h>

/* Intel SDM volume 2, appendix A: opcode maps. */
static enum flushes x86(const uint8_t *code, size_t size)
{
	size_t at = 0;

	/* Prefixes, REX last. */
	while (at < size && (memchr("\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3", code[at], 11) ||
			     (code[at] & 0xf0) == 0x40))
		at++;
	/* OUT: firmware lets the chipset show RAM where ROM was, and calls system management mode. */
	if (at < size && memchr("\xe6\xe7\xee\xef\x6e\x6f", code[at], 6))
		return FLUSHES_OWN;
	if (at + 1 >= size || code[at] != 0x0f)
		return FLUSHES_NOTHING;
	switch (code[at + 1]) {
	case 0x22: /* MOV to a control register */
	case 0x30: /* WRMSR: EFER */
	case 0xaa: /* RSM */
		return FLUSHES_OWN;
	case 0x01: /* INVLPG, LMSW, XSETBV, VMRUN and others like them; SWAPGS, STAC and CLAC are frequent */
		return at + 2 < size && memchr("\xf8\xca\xcb", code[at + 2], 3) ? FLUSHES_NOTHING :
										  FLUSHES_OWN;
	case 0x38: /* INVEPT, INVVPID, INVPCID: 66 0F 38 80 to 82 */
		return at + 2 < size && code[at + 2] >= 0x80 && code[at + 2] <= 0x82 ?
			       FLUSHES_OWN :
			       FLUSHES_NOTHING;
	default:
		return FLUSHES_NOTHING;
	}
}

/* Arm ARM DDI 0487 C4.1.94: system instructions and register moves are 1101 0101 00 L op0 op1 CRn CRm op2 Rt. */
static enum flushes arm64(const uint8_t *code, size_t size)
{
	uint32_t word, op0, crn;

	if (size != 4)
		return FLUSHES_NOTHING;
	memcpy(&word, code, 4);
	if (word >> 22 != 0x354 || word & 1u << 21)
		return FLUSHES_NOTHING;
	op0 = word >> 19 & 3;
	crn = word >> 12 & 15;
	/* SYS with CRn 8 or 9: TLBI. Most reach the processors of the inner shareable domain. */
	if (op0 == 1 && (crn == 8 || crn == 9))
		return FLUSHES_ALL;
	/* MSR with CRn 1: SCTLR, HCR; 2: TTBR, TCR, VTTBR, VTCR. */
	return op0 == 3 && (crn == 1 || crn == 2) ? FLUSHES_OWN : FLUSHES_NOTHING;
}

flushes_fn flushes_of(const char *target)
{
	if (strcmp(target, "x86_64") == 0 || strcmp(target, "i386") == 0)
		return x86;
	return strcmp(target, "aarch64") == 0 ? arm64 : NULL;
}
