/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Page numbers out of addresses. The rank of a table among those used is known only at the end, so words
 * first carry the order in which tables appeared and are renumbered once.
 */
#include <stdlib.h>

#include "trace_form.h"

#define INDEX_BITS 9
#define INDEX_MASK ((1u << INDEX_BITS) - 1)
#define TABLES_MAX (TRACE_PAGE_LIMIT >> INDEX_BITS)

static uint32_t tables_slot(const struct trace_tables *tables, uint64_t key)
{
	uint64_t mixed = key * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t mask = tables->slot_count - 1;
	uint32_t slot = (uint32_t)(mixed >> 32) & mask;

	while (tables->slots[slot] && tables->keys[tables->slots[slot] - 1] != key)
		slot = (slot + 1) & mask;
	return slot;
}

static bool tables_grow(struct trace_tables *tables)
{
	uint32_t count = tables->slot_count ? 2 * tables->slot_count : 64;
	uint64_t *keys = realloc(tables->keys, count / 2 * sizeof(*keys));
	uint32_t *slots;

	if (!keys)
		return false;
	tables->keys = keys;
	slots = calloc(count, sizeof(*slots));
	if (!slots)
		return false;
	free(tables->slots);
	tables->slots = slots;
	tables->slot_count = count;
	for (uint32_t i = 0; i < tables->count; i++)
		slots[tables_slot(tables, keys[i])] = i + 1;
	return true;
}

/* Set tables->last to the table with this key, which may be new. */
static bool tables_find(struct trace_tables *tables, uint64_t key, struct source *source)
{
	uint32_t slot;

	if (tables->count && tables->keys[tables->last] == key)
		return true;
	if (tables->count == tables->slot_count / 2 && !tables_grow(tables))
		return source_fail(source, "not enough memory for the %u tables of %s",
				   tables->count, source->name);
	slot = tables_slot(tables, key);
	if (!tables->slots[slot]) {
		if (tables->count == TABLES_MAX)
			return source_fail(
				source,
				"%s touches more than %u regions of 2 MiB; use a shorter trace",
				source->name, TABLES_MAX);
		tables->keys[tables->count] = key;
		tables->slots[slot] = ++tables->count;
	}
	tables->last = tables->slots[slot] - 1;
	return true;
}

bool trace_tables_page(struct trace_tables *tables, uint64_t vpn, uint32_t *page,
		       struct source *source)
{
	if (!tables_find(tables, vpn >> INDEX_BITS, source))
		return false;
	*page = tables->last << INDEX_BITS | (uint32_t)(vpn & INDEX_MASK);
	return true;
}

void trace_tables_free(struct trace_tables *tables)
{
	free(tables->keys);
	free(tables->slots);
}

struct ranked {
	uint64_t key;
	uint32_t index;
};

static int compare_ranked(const void *a, const void *b)
{
	uint64_t left = ((const struct ranked *)a)->key;
	uint64_t right = ((const struct ranked *)b)->key;

	return (left > right) - (left < right);
}

bool trace_renumber(struct trace *trace, const struct trace_tables *tables, struct source *source)
{
	struct ranked *order = calloc((size_t)tables->count + 1, sizeof(*order));
	uint32_t *rank = calloc((size_t)tables->count + 1, sizeof(*rank));

	if (!order || !rank) {
		free(order);
		free(rank);
		return source_fail(source, "not enough memory to order the %u tables of %s",
				   tables->count, source->name);
	}
	for (uint32_t i = 0; i < tables->count; i++)
		order[i] = (struct ranked){tables->keys[i], i};
	qsort(order, tables->count, sizeof(*order), compare_ranked);
	for (uint32_t i = 0; i < tables->count; i++)
		rank[order[i].index] = i;

	trace->pages = 0;
	for (size_t i = 0; i < trace->count; i++) {
		uint32_t word = trace->words[i];
		uint32_t page = word & ~TRACE_WRITE;

		if (word == TRACE_TICK)
			continue;
		page = rank[page >> INDEX_BITS] << INDEX_BITS | (page & INDEX_MASK);
		trace->words[i] = page | (word & TRACE_WRITE);
		if (page >= trace->pages)
			trace->pages = page + 1;
	}
	free(order);
	free(rank);
	return true;
}
