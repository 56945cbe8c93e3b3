/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Memory of a test. What it has not given back when it ends is a leak, and fails it. */
#ifndef PTW_KTEST_STDLIB_H
#define PTW_KTEST_STDLIB_H

#include "stddef.h"

void *ktest_alloc(size_t align, size_t bytes, bool zero);
void ktest_free(void *memory);
_Noreturn void ktest_abort(const char *file, int line);

static inline void *malloc(size_t bytes)
{
	return ktest_alloc(1, bytes, false);
}

static inline void *calloc(size_t count, size_t bytes)
{
	return bytes && count > (size_t)-1 / bytes ? NULL : ktest_alloc(1, count * bytes, true);
}

static inline void *aligned_alloc(size_t align, size_t bytes)
{
	return ktest_alloc(align, bytes, false);
}

#define free(memory) ktest_free(memory)
#define abort()	     ktest_abort(__FILE__, __LINE__)

#endif /* PTW_KTEST_STDLIB_H */
