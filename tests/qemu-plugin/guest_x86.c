/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* 32-bit, started by QEMU's multiboot loader. */
#include "guest.h"

static uint32_t directory[1024] __attribute__((aligned(4096)));
static uint32_t window[1024] __attribute__((aligned(4096)));

struct {
	uint32_t magic, flags, sum;
} const multiboot __attribute__((section(".multiboot"), used)) = {0x1badb002, 0, -0x1badb002u};

static char stack[4096] __attribute__((aligned(16), used));

__asm__(".globl start\nstart:\n"
	"	movl $stack + 4096, %esp\n"
	"	cld\n"
	"	call guest_main\n");

__asm__(".section .far, \"ax\"\n.globl far_code\nfar_code:\n	ret\n.text\n");

void mmu_on(void)
{
	uint32_t value;

	for (uint32_t i = 0; i < 1024; i++)
		directory[i] = i << 22 | 0x83; /* 4 MiB, writable */
	directory[WINDOW >> 22] = (uint32_t)window | 3;
	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	__asm__ volatile("mov %0, %%cr4" ::"r"(value | 0x10)); /* PSE */
	__asm__ volatile("mov %0, %%cr3" ::"r"(directory) : "memory");
	__asm__ volatile("mov %%cr0, %0" : "=r"(value));
	__asm__ volatile("mov %0, %%cr0" ::"r"(value | 0x80000000) : "memory");
}

void map_window(uintptr_t to)
{
	window[0] = to | 3;
	__asm__ volatile("invlpg (%0)" ::"r"(WINDOW) : "memory");
}

/* The device isa-debug-exit: QEMU's status is 3, twice what is written and one more. */
void power_off(void)
{
	for (;;)
		__asm__ volatile("outl %0, %w1" ::"a"(1), "d"(0xf4));
}
