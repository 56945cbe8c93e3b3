/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What guest.c needs of its machine: guest_x86.c, guest_arm64.c. */
#ifndef PTW_TESTS_QEMU_GUEST_H
#define PTW_TESTS_QEMU_GUEST_H

typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __UINTPTR_TYPE__ uintptr_t;

#ifdef __aarch64__
#define RAM    0x40000000u
#define WINDOW 0x80000000u
#else
#define RAM    0u
#define WINDOW 0x40000000u
#endif

void guest_main(void);

/* A function at 24 MiB, alone on its page. */
void far_code(void);

/* Translation on, each address to itself but WINDOW. */
void mmu_on(void);

/* The page at WINDOW is this one now. */
void map_window(uintptr_t to);

void power_off(void) __attribute__((noreturn));

#endif /* PTW_TESTS_QEMU_GUEST_H */
