/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An anonymous mapping without access, and access to a part of it: what tests use to have pages that
 * nobody may touch around their memory. Here the whole is readable and full of a pattern that makes no
 * good entry; that nobody wrote to what was never opened is looked at when the test ends.
 */
#ifndef PTW_KTEST_SYS_MMAN_H
#define PTW_KTEST_SYS_MMAN_H

#include "stddef.h"

#define KTEST_MAP_FAILED ((void *)-1)

void *ktest_map(size_t bytes);
int ktest_map_open(void *memory, size_t bytes);

#undef PROT_NONE
#undef PROT_READ
#undef PROT_WRITE
#undef MAP_PRIVATE
#undef MAP_ANONYMOUS
#undef MAP_NORESERVE
#undef MAP_FAILED
#define PROT_NONE     0
#define PROT_READ     1
#define PROT_WRITE    2
#define MAP_PRIVATE   0
#define MAP_ANONYMOUS 0
#define MAP_NORESERVE 0
#define MAP_FAILED    KTEST_MAP_FAILED

#define mmap(at, bytes, access, flags, file, offset) ktest_map(bytes)
#define mprotect(memory, bytes, access)		      ktest_map_open(memory, bytes)

#endif /* PTW_KTEST_SYS_MMAN_H */
