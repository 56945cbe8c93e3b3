/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Consumers: each has bitmaps of what others found since it last looked.
 *
 * Who asks clears bits and publishes them inside the same read-side section (or, if the MMU may block,
 * loads the list of consumers in a section after it). So when a grace period has passed since a new
 * list was published, every question that could still miss the new consumer is over; those that do not
 * publish at all because nobody had joined are counted in `blind`, and waited for.
 */
#include "lib/mmu/space.h"

#include "lib/walk/pgtable.h"

static struct ptw_consumers *ptw_consumers_load(const struct ptw_space *space)
{
	/* Acquire, partner the compare-exchange in ptw_consumers_replace(). */
	return (void *)(uintptr_t)ptw_port_load_table(&space->consumers);
}

static void ptw_consumers_retire(struct ptw_port_rcu_head *head)
{
	struct ptw_consumers *list = (void *)((char *)head - offsetof(struct ptw_consumers, rcu));

	ptw_port_free(list, list->bytes);
}

static void ptw_consumer_free(struct ptw_consumer *consumer)
{
	ptw_port_free(consumer->young, consumer->words * 8);
	ptw_port_free(consumer->dirty, consumer->words * 8);
	ptw_port_free(consumer, sizeof(*consumer));
}

static void ptw_consumer_retire(struct ptw_port_rcu_head *head)
{
	ptw_consumer_free((void *)((char *)head - offsetof(struct ptw_consumer, rcu)));
}

static void ptw_consumer_joined(struct ptw_port_rcu_head *head)
{
	(void)head;
}

/* Publish a list without `gone` and with `come`. The old one is handed to a grace period. */
static int ptw_consumers_replace(struct ptw_space *space, const struct ptw_consumer *gone,
				 struct ptw_consumer *come)
{
	struct ptw_consumers *old, *new;
	uint64_t word;
	size_t bytes = sizeof(*new) + (PTW_CONSUMERS_MAX + 1) * sizeof(new->consumer[0]);
	bool found, full;

	new = ptw_port_zalloc(bytes);
	if (!new)
		return PTW_ERR_NOMEM;
	new->bytes = bytes;
	/* The section keeps `old` from being freed, and so its address from being another list's. */
	ptw_port_read_lock();
	do {
		old = ptw_consumers_load(space);
		new->count = 0;
		found = !gone;
		for (uint32_t i = 0; old && i < old->count; i++) {
			if (old->consumer[i] == gone)
				found = true;
			else
				new->consumer[new->count++] = old->consumer[i];
		}
		if (come)
			new->consumer[new->count++] = come;
		full = new->count > PTW_CONSUMERS_MAX;
		if (!found || full)
			break;
		word = (uintptr_t)old;
		/* Release: consumers are whole before they are found. */
	} while (!ptw_port_cas(&space->consumers, &word, (uintptr_t)new));
	ptw_port_read_unlock();
	/* Once it is published it is not ours: somebody may have replaced it already. */
	if (!found || full) {
		ptw_port_free(new, bytes);
		return found ? PTW_ERR_LIMIT : PTW_ERR_ABSENT;
	}
	if (old)
		ptw_port_rcu_call(&old->rcu, ptw_consumers_retire);
	return PTW_OK;
}

/* From now on questions publish. The flag is never taken back: it costs a load. */
static void ptw_consumers_announce(struct ptw_space *space)
{
	uint64_t word = ptw_space_word(space);

	/* The version the word leads to is none of our business: it only changes with the address. */
	while (!(word & PTW_SPACE_CONSUMERS) &&
	       !ptw_port_cas(&space->version, &word, word | PTW_SPACE_CONSUMERS))
		;
}

static struct ptw_consumer *ptw_consumer_alloc(struct ptw_space *space,
					       const struct ptw_consumer_config *config)
{
	struct ptw_consumer *consumer = ptw_port_zalloc(sizeof(*consumer));
	bool complete = true;

	if (!consumer)
		return NULL;
	consumer->space = space;
	consumer->first = config->first;
	consumer->end = config->first + config->pages;
	consumer->base = config->first & ~(uint64_t)63;
	consumer->words = ptw_bitmap_words(consumer->first, consumer->end, 0);
	if (config->flags & PTW_HARVEST_ACCESSED) {
		consumer->young = ptw_port_zalloc(consumer->words * 8);
		complete = consumer->young;
	}
	if (complete && (config->flags & PTW_HARVEST_DIRTY)) {
		consumer->dirty = ptw_port_zalloc(consumer->words * 8);
		complete = consumer->dirty;
	}
	if (!complete) {
		ptw_consumer_free(consumer);
		return NULL;
	}
	for (unsigned int i = 0; config->name && config->name[i] && i < 31; i++)
		consumer->name[i] = config->name[i];
	return consumer;
}

int ptw_consumer_join(struct ptw_space *space, const struct ptw_consumer_config *config,
		      struct ptw_consumer **out)
{
	const uint32_t known = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY;
	struct ptw_consumer *consumer;
	int ret;

	if (!space || !config || !out)
		return PTW_ERR_ARG;
	ret = ptw_size_check(config, config->size, sizeof(*config));
	if (ret)
		return ret;
	if (!config->flags || (config->flags & ~known) || config->reserved)
		return PTW_ERR_ARG;
	/* The last page of all is left out, so that an end can be said. */
	if (!config->pages || config->first + config->pages < config->first)
		return PTW_ERR_RANGE;
	if (!ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	consumer = ptw_consumer_alloc(space, config);
	if (!consumer)
		return PTW_ERR_NOMEM;
	ret = ptw_consumers_replace(space, NULL, consumer);
	if (ret) {
		ptw_consumer_free(consumer);
		return ret;
	}
	ptw_consumers_announce(space);
	/* A callback of our own: a barrier need not wait for a grace period where none is queued. */
	ptw_port_rcu_call(&consumer->rcu, ptw_consumer_joined);
	do {
		ptw_port_rcu_barrier();
		/* Acquire, partner the release with which a blind question ends. */
	} while (ptw_port_load_table(&space->blind));
	*out = consumer;
	return PTW_OK;
}

int ptw_consumer_leave(struct ptw_consumer *consumer)
{
	int ret;

	if (!consumer)
		return PTW_OK;
	if (!ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	ret = ptw_consumers_replace(consumer->space, consumer, NULL);
	if (!ret)
		ptw_port_rcu_call(&consumer->rcu, ptw_consumer_retire);
	return ret;
}

void ptw_consumers_free(struct ptw_space *space)
{
	struct ptw_consumers *list = ptw_consumers_load(space);

	for (uint32_t i = 0; list && i < list->count; i++)
		ptw_consumer_free(list->consumer[i]);
	if (list)
		ptw_port_free(list, list->bytes);
}

/*
 * OR `bits` into a word of a consumer. It is loaded first: a consumer that asks seldom has most bits
 * already. Relaxed: the load comes after the clears by ptw_port_order_loads(); and the bits are all there
 * is, so a taker that misses them gets them next time.
 */
static uint64_t ptw_consumer_or(uint64_t *word, uint64_t bits)
{
	if (!(bits & ~ptw_port_load(word)))
		return 0;
	return bits & ~ptw_port_or64(word, bits);
}

static void ptw_consumer_word(struct ptw_consumer *c, uint64_t page, uint64_t young, uint64_t dirty)
{
	/* Below the base it wraps, and is too large as well. */
	const uint64_t i = (page - c->base) / 64;
	uint64_t news = 0;

	if (i >= c->words)
		return;
	if (young && c->young)
		news += ptw_popcount(ptw_consumer_or(&c->young[i], young));
	if (dirty && c->dirty)
		news += ptw_popcount(ptw_consumer_or(&c->dirty[i], dirty));
	if (news)
		ptw_port_add64(&c->received, news);
}

void ptw_consumers_word(struct ptw_space *space, uint64_t page, uint64_t young, uint64_t dirty,
			const struct ptw_consumer *except)
{
	const struct ptw_consumers *list = ptw_consumers_load(space);

	for (uint32_t i = 0; list && i < list->count; i++)
		if (list->consumer[i] != except)
			ptw_consumer_word(list->consumer[i], page, young, dirty);
}

void ptw_consumers_run(struct ptw_space *space, uint64_t start, uint64_t end, uint32_t what,
		       const struct ptw_consumer *except)
{
	const struct ptw_consumers *list = ptw_consumers_load(space);

	for (uint32_t i = 0; list && i < list->count; i++) {
		struct ptw_consumer *c = list->consumer[i];
		uint64_t at = start > c->first ? start : c->first;
		uint64_t stop = end < c->end ? end : c->end;

		if (c == except)
			continue;
		while (at < stop) {
			uint64_t n = 64 - (at & 63);
			uint64_t bits;

			if (n > stop - at)
				n = stop - at;
			bits = ~(uint64_t)0 >> (64 - n) << (at & 63);
			ptw_consumer_word(c, at & ~(uint64_t)63,
					  what & PTW_EXTENT_YOUNG ? bits : 0,
					  what & PTW_EXTENT_DIRTY ? bits : 0);
			at += n;
		}
	}
}

/* Bits of one word, taken unless `peek`. Relaxed: see ptw_consumer_or(). */
static uint64_t ptw_consumer_bits(uint64_t *word, uint64_t mask, bool peek)
{
	uint64_t bits = ptw_port_load(word) & mask;

	return bits && !peek ? ptw_port_and_clear(word, bits) : bits;
}

void ptw_consumer_take(struct ptw_consumer *c, uint64_t page, uint64_t mask, bool peek,
		       uint64_t *young, uint64_t *dirty)
{
	const uint64_t i = (page - c->base) / 64;
	uint64_t taken;

	if (young)
		*young = 0;
	if (dirty)
		*dirty = 0;
	if (i >= c->words)
		return;
	if (young && c->young)
		*young = ptw_consumer_bits(&c->young[i], mask, peek);
	if (dirty && c->dirty)
		*dirty = ptw_consumer_bits(&c->dirty[i], mask, peek);
	/*
	 * Who takes dirty state copies the page: not before everybody sees that the bit is taken.
	 * Partner: the flush and ptw_port_order_loads() of a question that takes it out of an entry
	 * anew, and then looks here. (A stale accessed bit makes one age wrong.)
	 */
	if (dirty && *dirty && !peek)
		ptw_port_order_after_cas();
	taken = (young ? ptw_popcount(*young) : 0) + (dirty ? ptw_popcount(*dirty) : 0);
	if (taken && !peek)
		ptw_port_add64(&c->taken, taken);
}

int ptw_consumer_read(struct ptw_consumer *consumer, uint64_t start, uint64_t end, uint32_t flags,
		      uint64_t *young, uint64_t *dirty, uint64_t *pages)
{
	const uint64_t base = start & ~(uint64_t)63;
	const uint32_t what = flags & (PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY);
	const bool peek = flags & PTW_HARVEST_PEEK;
	uint64_t count = 0;

	if (!consumer || !what || (flags & ~what & ~(uint32_t)PTW_HARVEST_PEEK) ||
	    ((what & PTW_HARVEST_ACCESSED) && !consumer->young) ||
	    ((what & PTW_HARVEST_DIRTY) && !consumer->dirty))
		return PTW_ERR_ARG;
	if (start >= end || start < consumer->first || end > consumer->end)
		return PTW_ERR_RANGE;
	for (uint64_t at = start; at < end;) {
		const uint64_t page = at & ~(uint64_t)63;
		const uint64_t n = end - at < 64 - (at & 63) ? end - at : 64 - (at & 63);
		const uint64_t mask = ~(uint64_t)0 >> (64 - n) << (at & 63);
		uint64_t y = 0, d = 0;

		ptw_consumer_take(consumer, page, mask, peek,
				  what & PTW_HARVEST_ACCESSED ? &y : NULL,
				  what & PTW_HARVEST_DIRTY ? &d : NULL);
		if (y && young)
			young[(page - base) / 64] |= y;
		if (d && dirty)
			dirty[(page - base) / 64] |= d;
		count += ptw_popcount(y) + ptw_popcount(d);
		at += n;
	}
	if (!peek)
		ptw_port_add64(&consumer->epoch, 1);
	if (pages)
		*pages = count;
	return PTW_OK;
}

int ptw_consumer_info(struct ptw_consumer *consumer, struct ptw_consumer_info *info)
{
	if (!consumer || !info)
		return PTW_ERR_ARG;
	if (info->size < sizeof(*info))
		return PTW_ERR_SIZE;
	for (unsigned int i = 0; i < sizeof(info->name); i++)
		info->name[i] = consumer->name[i];
	info->epoch = ptw_port_load(&consumer->epoch);
	info->received = ptw_port_load(&consumer->received);
	info->taken = ptw_port_load(&consumer->taken);
	return PTW_OK;
}
