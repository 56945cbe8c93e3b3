/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A guest without an operating system that touches pages that are known beforehand: expected.py has the same list.
 * One processor, no interrupts.
 */
#include "guest.h"

#define PAGE   4096u
#define SMALL  64u   /* pages */
#define BIG    4096u /* pages */
#define LOADED 3u
#define MAPPED 64u /* pages that one virtual page is one after the other */
#define ROUNDS 10000u

static volatile uint32_t *at(uint32_t mib, uint32_t page)
{
	return (volatile uint32_t *)(RAM + ((uintptr_t)mib << 20) + (uintptr_t)page * PAGE);
}

/* Touch so many pages in turn, this many times. */
static void work(uint32_t mib, uint32_t pages, uint32_t touches)
{
	for (uint32_t i = 0, page = 0; i < touches; i++) {
		*at(mib, page) = i;
		page = page + 1 < pages ? page + 1 : 0;
	}
}

/* A page is another one after each flush; to be written, then to be read. */
static void map_in_turn(void)
{
	for (uint32_t i = 0; i < MAPPED; i++) {
		map_window((uintptr_t)at(64, 2 * i));
		*(volatile uint32_t *)WINDOW = i;
	}
	for (uint32_t i = 0; i < MAPPED; i++) {
		map_window((uintptr_t)at(72, 2 * i));
		(void)*(volatile uint32_t *)WINDOW;
	}
}

void guest_main(void)
{
	work(16, SMALL, 50 * ROUNDS);
	work(32, BIG, 50 * ROUNDS);
	work(16, SMALL, 100 * ROUNDS);
	for (uint32_t i = 0; i < LOADED; i++)
		(void)*at(96, i);
	far_code(); /* which nobody loads or stores */
	mmu_on();
	map_in_turn();
	/* Four bytes, two of them in the next page. */
	*(volatile uint32_t *)((uintptr_t)at(80, 1) - 2) = 1;
	power_off();
}
