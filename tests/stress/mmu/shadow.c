/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Shadow tables: processors that use them, and mappers who fill and empty them by the rules of
 * <ptw/shadow.h>. Each entry has one mapper; everybody's processors use it, in sections, which stand for
 * the flush that would precede the end of its memory.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "mmu_stress.h"

#define TRIES 1000000u /* until an answer "again" is for ever */

void cpu_step(struct worker *w)
{
	struct stress *s = w->stress;
	struct worker *mapper = &s->worker[0];
	const bool write = below(w, 3) == 0;
	const uint64_t wanted = ENTRY_YOUNG | (write ? ENTRY_DIRTY : 0);
	const unsigned int skip = below(w, s->roles[ROLE_MAPPER]);
	struct block *block;

	while (mapper->role != ROLE_MAPPER || mapper->number != skip)
		mapper++;
	ptw_read_lock();
	/* Acquire, partner the release in renew(): the block is empty, not undefined. */
	block = atomic_load_explicit(&mapper->block[below(w, BLOCKS)], memory_order_acquire);
	if (block) {
		uint64_t *word = &block->word[below(w, BLOCK)];
		uint64_t e = ptw_port_load(word);
		const unsigned int number = entry_item(e);
		struct item *item = &s->item[number];
		const uint64_t access = e & ENTRY_PRESENT ? ledger_begin(item) : 0;

		e = ptw_port_load(word);
		while ((e & ENTRY_PRESENT) && entry_item(e) == number && access) {
			const uint64_t news = wanted & ~e;

			if (news && !ptw_port_cas(word, &e, e | wanted))
				continue;
			add(&item->set[YOUNG], !!(news & ENTRY_YOUNG));
			add(&item->set[DIRTY], !!(news & ENTRY_DIRTY));
			ledger_left(item, YOUNG, access);
			if (write)
				ledger_left(item, DIRTY, access);
			count(w, EVENT_ACCESS, !!news);
			break;
		}
	}
	ptw_read_unlock();
}

/* Is the item mapped, as far as this mapper knows? He alone maps it, if it must not have two entries. */
static bool is_mapped(const struct worker *w, int item)
{
	for (unsigned int b = 0; b < BLOCKS; b++)
		for (unsigned int i = 0; i < BLOCK; i++)
			if (w->owned[b][i].item == item)
				return true;
	return false;
}

/* An item for a free entry; -1: none was found. */
static int pick_item(struct worker *w)
{
	const struct stress *s = w->stress;
	unsigned int item;

	if (below(w, 4) == 0) /* long chains */
		return (int)(below(w, 2) ? 1 : AREA_PAGES + 1);
	item = below(w, below(w, 2) ? ITEMS : 16);
	if (item >= AREA_PAGES || item % 2)
		return (int)item;
	item = item / 2 / s->roles[ROLE_MAPPER] * s->roles[ROLE_MAPPER] + w->number;
	item *= 2;
	return item < AREA_PAGES && !is_mapped(w, (int)item) ? (int)item : -1;
}

static void rmap_add(struct worker *w, unsigned int mmu, unsigned int item, uint64_t *word)
{
	unsigned int tries = 0;
	int ret;

	while ((ret = ptw_rmap_add(w->stress->rmap[mmu], item % AREA_PAGES, 0, word)) ==
		       PTW_ERR_AGAIN &&
	       ++tries < TRIES)
		sched_yield();
	if (ret)
		stress_fail(w->stress, "adding an entry to a reverse map: %s", ptw_strerror(ret));
}

/* Written young or dirty: software's access. */
static uint64_t first_value(struct worker *w, unsigned int number, uint64_t generation)
{
	struct item *item = &w->stress->item[number];
	uint64_t e = entry_value(number, generation);
	uint64_t access;

	if (below(w, 4))
		return e;
	access = ledger_begin(item);
	add(&item->set[YOUNG], 1);
	ledger_left(item, YOUNG, access);
	if (below(w, 2))
		return e | ENTRY_YOUNG;
	add(&item->set[DIRTY], 1);
	ledger_left(item, DIRTY, access);
	return e | ENTRY_YOUNG | ENTRY_DIRTY;
}

/* A fault: ask the primary, and install what it says. False: refused. */
static bool fault(struct worker *w, unsigned int item, unsigned int mmu, uint64_t *word)
{
	struct stress *s = w->stress;
	const uint64_t page = mmu ? PLACE(0) : item;
	const uint64_t pages = mmu ? PAGES - PLACE(0) : 1;
	const uint64_t ticket = ptw_space_fault_begin(s->space, page, pages);
	const uint64_t generation = get(&s->item[item].generation);
	const bool written_first = below(w, 2);
	uint64_t e;
	int ret;

	stress_pause(w);
	ret = ptw_space_fault_enter(s->space, page, pages, ticket);
	if (ret) {
		if (ret != PTW_ERR_AGAIN)
			stress_fail(s, "entering: %s", ptw_strerror(ret));
		count(w, EVENT_REFUSED, 1);
		return false;
	}
	e = first_value(w, item, generation);
	if (written_first)
		ptw_port_publish(word, e);
	rmap_add(w, mmu, item, word);
	if (!written_first)
		ptw_port_publish(word, e);
	ptw_space_fault_leave(s->space, page, pages);
	count(w, EVENT_MAP, 1);
	return true;
}

static void map(struct worker *w, struct owned *owned, uint64_t *word)
{
	const int item = pick_item(w);
	unsigned int mmu = 0;
	struct visitor *visitor;

	if (item < 0)
		return;
	if (item >= (int)AREA_PAGES)
		mmu = 1 + below(w, MMUS - 1);
	visitor = &w->stress->visitor[mmu];
	if (mmu)
		pthread_rwlock_rdlock(&visitor->lock);
	if ((!mmu || visitor->here) && fault(w, (unsigned int)item, mmu, word)) {
		owned->item = item;
		owned->mmu = mmu;
	}
	if (mmu)
		pthread_rwlock_unlock(&visitor->lock);
}

static void drop(struct worker *w, struct owned *owned, uint64_t *word)
{
	struct stress *s = w->stress;
	const uint64_t e = ptw_port_xchg(word, 0);
	unsigned int tries = 0;
	int ret;

	if (e & ENTRY_PRESENT) {
		if ((int)entry_item(e) != owned->item)
			stress_fail(s, "an entry for item %d maps item %u", owned->item,
				    entry_item(e));
		ledger_zapped(s, e);
	}
	while ((ret = ptw_rmap_remove(s->rmap[owned->mmu], (unsigned int)owned->item % AREA_PAGES, 0,
				      word)) == PTW_ERR_AGAIN &&
	       ++tries < TRIES)
		sched_yield();
	/* An unmap takes entries out by itself. */
	if (ret && ret != PTW_ERR_ABSENT)
		stress_fail(s, "taking an entry out of a reverse map: %s", ptw_strerror(ret));
	owned->item = -1;
	count(w, EVENT_DROP, 1);
	count(w, EVENT_GONE, !(e & ENTRY_PRESENT));
}

static void free_block(struct ptw_port_rcu_head *head)
{
	struct block *block = (void *)((char *)head - offsetof(struct block, rcu));

	/* Plain writes: ThreadSanitizer reports whatever the grace period does not order. */
	memset(block, 0xa5, sizeof(*block));
	free(block);
}

static void drop_block(struct worker *w, unsigned int b)
{
	struct block *block = atomic_load_explicit(&w->block[b], memory_order_relaxed);

	for (unsigned int i = 0; i < BLOCK; i++)
		if (w->owned[b][i].item >= 0)
			drop(w, &w->owned[b][i], &block->word[i]);
}

/* The block's memory goes, and another one comes. */
static void renew(struct worker *w, unsigned int b)
{
	struct block *old = atomic_load_explicit(&w->block[b], memory_order_relaxed);
	struct block *block = calloc(1, sizeof(*block));

	if (!block)
		abort();
	drop_block(w, b);
	/* Release, partner the acquire in cpu_step(). */
	atomic_store_explicit(&w->block[b], block, memory_order_release);
	ptw_port_rcu_call(&old->rcu, free_block);
	count(w, EVENT_FREED, 1);
}

void mapper_step(struct worker *w)
{
	const unsigned int b = below(w, BLOCKS), i = below(w, BLOCK);
	uint64_t *word = &atomic_load_explicit(&w->block[b], memory_order_relaxed)->word[i];
	struct owned *owned = &w->owned[b][i];

	if (below(w, 200) == 0) {
		renew(w, b);
		return;
	}
	if (owned->item < 0) {
		map(w, owned, word);
	} else if (below(w, 2)) {
		drop(w, owned, word);
		/* Often the entry is used again at once. */
		if (below(w, 2))
			map(w, owned, word);
	}
}

void mapper_open(struct worker *w)
{
	for (unsigned int b = 0; b < BLOCKS; b++) {
		struct block *block = calloc(1, sizeof(*block));

		if (!block)
			abort();
		atomic_store_explicit(&w->block[b], block, memory_order_relaxed);
		for (unsigned int i = 0; i < BLOCK; i++)
			w->owned[b][i].item = -1;
	}
}

void mapper_drop_all(struct worker *w)
{
	for (unsigned int b = 0; b < BLOCKS; b++)
		drop_block(w, b);
}

void mapper_close(struct worker *w)
{
	for (unsigned int b = 0; b < BLOCKS; b++)
		free(atomic_load_explicit(&w->block[b], memory_order_relaxed));
}
