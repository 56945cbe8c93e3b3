/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A program that any two recorders must tell alike: without a C library, which would ask what processor
 * it runs on, and at fixed addresses. It loads, stores, modifies in place, crosses pages, and copies by
 * a repeated instruction, more pages than the filter holds.
 */
#define PAGE  4096
#define PAGES 500

static unsigned char memory[PAGES * PAGE];

static __attribute__((noinline)) void modify(unsigned long *at)
{
	*at += 3;
}

static void leave(void)
{
	__asm__ volatile("syscall" : : "a"(231), "D"(0) : "rcx", "r11", "memory");
	__builtin_unreachable();
}

void _start(void);

void _start(void)
{
	unsigned long random = 88172645463325252ul;

	for (unsigned long i = 0; i < 40000; i++) {
		unsigned long at;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		at = (random >> 20) % (sizeof(memory) - PAGE);
		modify((unsigned long *)(memory + (i % 4 ? at : at / 8)));
		if (i % 16 == 0)
			*(volatile unsigned long *)(memory + (at | (PAGE - 1)) - 3) = i;
		if (i % 1000 == 0) {
			void *to = memory + at / 2, *from = memory + at;
			unsigned long count = 777;

			__asm__ volatile("rep movsb"
					 : "+D"(to), "+S"(from), "+c"(count)
					 :
					 : "memory");
		}
	}
	leave();
}
