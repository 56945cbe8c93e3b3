/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Comes before everything else in a test that is compiled for the kernel (-include): the library's
 * port with the kernel headers that it needs, then the names that a test and those headers both use,
 * and what tests/harness/harness.h leaves to its host.
 */
#ifndef PTW_KTEST_H
#define PTW_KTEST_H

/* The hook of a test is of its own thread, which ktest_hooked() looks after; each test that has one
 * defines it, and here they are in one module. */
#define __thread __attribute__((__weak__))

#include <linux/string.h>
#include <linux/time64.h>

#include <ptw/port.h>

#include "stdint.h"

/* Whole files of the tests are renamed alike, so that nothing else changes. */
#define page   ktest_page
#undef BIT
#undef READ
#undef WRITE
#undef test_bit
#undef TCR_HA
#undef TCR_HD
#undef TCR_TBI0

extern const uint64_t ktest_phys_offset;

/* Physical addresses must have fewer bits than those of the kernel, and differ from the real ones. */
#undef PHYS_OFFSET
#define PHYS_OFFSET ktest_phys_offset
#define ARENA_BYTES ((size_t)4 << 20)

/* No constructors here: tests stand in a section, see bundle.lds. */
#define PLAIN_REGISTER(test) \
	static struct plain_test *const pointer_##test \
		__attribute__((section(".ptw_tests"), used)) = &(test);

/* A test that asserts much may run long: others want the processor, too. */
#define plain_pass() ktest_pass()

void ktest_pass(void);

/* In loops that go on for long without a check: others want the processor. Outside sections. */
void ktest_breathe(void);
#define stress_breathe() ktest_breathe()

#endif /* PTW_KTEST_H */
