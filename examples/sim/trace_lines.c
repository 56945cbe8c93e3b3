/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Traces as text, one access per line; what a line looks like is a matter of its form. The rank of a
 * table among those used is known only at the end, so words first carry the order in which tables
 * appeared and are renumbered once.
 */
#include <stdlib.h>
#include <string.h>

#include "trace_text.h"

#define PAGE_SHIFT 12
#define INDEX_BITS 9
#define INDEX_MASK ((1u << INDEX_BITS) - 1)
#define TABLES_MAX (TRACE_PAGE_LIMIT >> INDEX_BITS)

/* An access that is larger cannot be meant. */
#define ACCESS_SIZE_MAX (UINT64_C(1) << 20)

/* Last-level tables by VPN >> 9, in order of appearance; slots is an open hash table over them. */
struct tables {
	uint64_t *keys;
	uint32_t count;
	uint32_t *slots; /* 1 + index into keys, 0 = free; a power of two, at most half full */
	uint32_t slot_count;
	uint32_t last; /* index of the table found last */
};

static uint32_t tables_slot(const struct tables *tables, uint64_t key)
{
	uint64_t mixed = key * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t mask = tables->slot_count - 1;
	uint32_t slot = (uint32_t)(mixed >> 32) & mask;

	while (tables->slots[slot] && tables->keys[tables->slots[slot] - 1] != key)
		slot = (slot + 1) & mask;
	return slot;
}

static bool tables_grow(struct tables *tables)
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
static bool tables_find(struct tables *tables, uint64_t key, struct source *source)
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

/* Give every word its page number: tables in address order. */
static bool renumber(struct trace *trace, const struct tables *tables, struct source *source)
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

/* Quote the start of a line that may hold any bytes. */
static bool fail_line(const struct text_form *form, const unsigned char *line,
		      const unsigned char *end, size_t number, struct source *source)
{
	char quote[41];
	size_t size = 0;
	bool is_text = true;

	for (; size < sizeof(quote) - 1 && line < end; line++) {
		bool printable = *line >= ' ' && *line <= '~';

		is_text &= printable || text_is_blank(*line);
		quote[size++] = printable ? (char)*line : '?';
	}
	quote[size] = 0;
	if (!is_text)
		return source_fail(
			source,
			"%s line %zu is no access: '%s'; it is no text: compress 32-bit page "
			"numbers with zstd, or give their file a name that ends in .u32",
			source->name, number, quote);
	return source_fail(source, "%s line %zu is no access: '%s'; %s", source->name, number,
			   quote, form->advice);
}

/* What is known between two lines. */
struct reading {
	const struct text_form *form;
	struct trace *trace;
	struct source *source;
	struct tables tables;
	uint64_t accesses;
};

static bool take_page(struct reading *reading, uint64_t vpn, bool write)
{
	struct tables *tables = &reading->tables;
	uint32_t page;

	if (!tables_find(tables, vpn >> INDEX_BITS, reading->source))
		return false;
	page = tables->last << INDEX_BITS | (uint32_t)(vpn & INDEX_MASK);
	return trace_append(reading->trace, page | (write ? TRACE_WRITE : 0), reading->source);
}

/* One access is a reference to each page it touches, and one towards the next tick. */
static bool take_access(struct reading *reading, const struct access *access)
{
	uint64_t last = (access->address + access->size - 1) >> PAGE_SHIFT;

	for (uint64_t vpn = access->address >> PAGE_SHIFT; vpn <= last; vpn++)
		if (!take_page(reading, vpn, access->write))
			return false;
	if (++reading->accesses % TRACE_TICK_ACCESSES == 0)
		return trace_append(reading->trace, TRACE_TICK, reading->source);
	return true;
}

static bool take_line(struct reading *reading, const unsigned char *line, const unsigned char *end,
		      size_t number)
{
	struct access access = {.size = 1};
	enum line kind = reading->form->parse(line, end, &access);

	if (kind == LINE_SKIP)
		return true;
	if (kind == LINE_BAD || access.size > ACCESS_SIZE_MAX ||
	    access.address + access.size - 1 < access.address)
		return fail_line(reading->form, line, end, number, reading->source);
	return take_access(reading, &access);
}

static bool read_lines(struct reading *reading)
{
	struct source *source = reading->source;
	size_t number = 1;

	for (;; number++) {
		const unsigned char *line;
		const unsigned char *end;

		for (;;) {
			line = source->buffer + source->start;
			end = memchr(line, '\n', source->end - source->start);
			if (end || source->exhausted)
				break;
			if (source->end - source->start == sizeof(source->buffer))
				return source_fail(
					source,
					"%s line %zu is longer than %zu bytes; is it a trace?",
					source->name, number, sizeof(source->buffer));
			if (!source_fill(source))
				return false;
		}
		if (!end) /* the last line needs no newline */
			end = source->buffer + source->end;
		if (!take_line(reading, line, end, number))
			return false;
		if (end == source->buffer + source->end)
			return true;
		source->start = (size_t)(end + 1 - source->buffer);
	}
}

bool trace_read_text(struct trace *trace, const struct text_form *form, struct source *source)
{
	struct reading reading = {.form = form, .trace = trace, .source = source};
	bool done = read_lines(&reading) && renumber(trace, &reading.tables, source);

	free(reading.tables.keys);
	free(reading.tables.slots);
	return done;
}

/*
 * The first line that says something decides, if all of it can be seen: no more is read than what fits
 * into the buffer.
 */
bool trace_find_form(struct source *source, const struct text_form **form)
{
	static const struct text_form *const others[] = {&text_form_lackey, &text_form_drcachesim};
	size_t at = 0; /* bytes of the buffer behind start that say nothing */

	*form = &text_form_plain;
	for (;;) {
		const unsigned char *line = source->buffer + source->start + at;
		size_t size = source->end - source->start - at;
		const unsigned char *end = memchr(line, '\n', size);

		if (!end && !source->exhausted && source->end - source->start < SOURCE_BUFFER) {
			if (!source_fill(source))
				return false;
			continue;
		}
		if (!end)
			end = line + size;
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
			if (others[i]->begins(line, end)) {
				*form = others[i];
				return true;
			}
		}
		at = (size_t)(end + 1 - source->buffer) - source->start;
		if (!text_says_nothing(line, end))
			return true;
		/* A pipe may give less at a time than a line that says something. */
		if (source->start + at >= source->end &&
		    (source->exhausted || source->end - source->start == SOURCE_BUFFER))
			return true;
	}
}
