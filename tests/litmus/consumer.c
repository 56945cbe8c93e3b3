/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * docs/concurrency.md, "Spaces": a consumer takes a dirty bit that others found, then copies the page. Meanwhile the
 * page is written again; whoever asks takes its dirty bit out of the entry, flushes, and then looks whether the
 * consumer has that bit already. If he finds it there, it was not taken yet, and the copy has what was written.
 * A relaxed read-modify-write alone does not keep the copying behind itself. WEAKEN: no fence between the two.
 */
#include "litmus.h"

static entry_t word; /* the consumer's: 1, the page is dirty */
static entry_t page;
static int copy, told;

/* ThreadSanitizer's compilers take the old builtin only. */
static void full_fence(void)
{
#ifdef __SANITIZE_THREAD__
	__sync_synchronize();
#else
	atomic_thread_fence(memory_order_seq_cst);
#endif
}

static void begin(void)
{
	init_entry(&word, 1);
	init_entry(&page, 0);
	copy = told = 0;
}

static void *first(void *unused)
{
	init_entry(&page, 1);
	full_fence(); /* the flush hook's */
	if (!load(&word))
		told = atomic_fetch_or_explicit(&word, 1, memory_order_relaxed) == 0;
	return unused;
}

static void *second(void *unused)
{
	if (and_clear(&word, 1)) {
#ifndef WEAKEN
		full_fence();
#endif
		copy = load(&page);
	}
	return unused;
}

static void end(void)
{
	/* What was written is in the copy, or the page is dirty again. */
	assert(copy == 1 || (told && load(&word) == 1));
}
