/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* At EL1 of QEMU's machine virt, which loads the program as it stands in the file. */
#include "guest.h"

#define BLOCK  0x1ull
#define TABLE  0x3ull
#define PAGE   0x3ull
#define NORMAL (1ull << 10 | 3ull << 8) /* accessed, inner shareable, attribute 0 */

static uint64_t level1[512] __attribute__((aligned(4096)));
static uint64_t level2[512] __attribute__((aligned(4096)));
static uint64_t level3[512] __attribute__((aligned(4096)));

static char stack[4096] __attribute__((aligned(16), used));

__asm__(".globl start\nstart:\n"
	"	adrp x0, stack\n"
	"	add x0, x0, :lo12:stack\n"
	"	add sp, x0, #4096\n"
	"	bl guest_main\n");

__asm__(".section .far, \"ax\"\n.globl far_code\nfar_code:\n	ret\n.text\n");

void mmu_on(void)
{
	uint64_t value;

	level1[RAM >> 30] = RAM | NORMAL | BLOCK;
	level1[WINDOW >> 30] = (uintptr_t)level2 | TABLE;
	level2[0] = (uintptr_t)level3 | TABLE;
	__asm__ volatile("msr mair_el1, %0" ::"r"(0xffull));
	__asm__ volatile("msr tcr_el1, %0" ::"r"(25ull | 3ull << 12 | 1ull << 23 | 2ull << 32));
	__asm__ volatile("msr ttbr0_el1, %0" ::"r"(level1));
	__asm__ volatile("dsb sy; isb; mrs %0, sctlr_el1" : "=r"(value)::"memory");
	__asm__ volatile("msr sctlr_el1, %0; isb" ::"r"((value | 1) & ~2ull) : "memory");
}

void map_window(uintptr_t to)
{
	level3[0] = to | NORMAL | PAGE;
	__asm__ volatile("dsb ishst; tlbi vaae1is, %0; dsb ish; isb" ::"r"((uint64_t)WINDOW >> 12)
			 : "memory");
}

/* PSCI's SYSTEM_OFF. */
void power_off(void)
{
	register uint64_t number __asm__("x0") = 0x84000008;

	for (;;)
		__asm__ volatile("hvc #0" : "+r"(number));
}
