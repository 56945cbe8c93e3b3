/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Traces as text, one access per line. The rank of a table among those used is known only at the
 * end, so words first carry the order in which tables appeared and are renumbered once.
 */
#include <stdlib.h>
#include <string.h>

#include "trace_form.h"

#define PAGE_SHIFT 12
#define INDEX_BITS 9
#define INDEX_MASK ((1u << INDEX_BITS) - 1)
#define TABLES_MAX (TRACE_PAGE_LIMIT >> INDEX_BITS)

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

static bool is_blank(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Many tracers write a size behind the address: nothing, or blanks and one decimal number. */
static bool is_size(const unsigned char *at, const unsigned char *end)
{
	while (at < end && is_blank(*at))
		at++;
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at == end;
}

enum line {
	LINE_ACCESS,
	LINE_BLANK,
	LINE_BAD
};

static enum line parse_line(const unsigned char *at, const unsigned char *end, uint64_t *address,
			    bool *write)
{
	const unsigned char *comment = memchr(at, '#', (size_t)(end - at));
	const unsigned char *digits;
	unsigned char kind;

	if (comment)
		end = comment;
	while (at < end && is_blank(*at))
		at++;
	while (at < end && is_blank(end[-1]))
		end--;
	if (at == end)
		return LINE_BLANK;
	kind = *at & ~0x20u; /* as a capital letter */
	if (end - at < 3 || (kind != 'R' && kind != 'W' && kind != 'I') || !is_blank(at[1]))
		return LINE_BAD;
	*write = kind == 'W';
	for (at++; is_blank(*at); at++)
		;
	if (end - at > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X'))
		at += 2;
	while (end - at > 1 && *at == '0')
		at++;
	*address = 0;
	for (digits = at; at < end && !is_blank(*at); at++) {
		int digit = hex_digit(*at);

		if (digit < 0 || at - digits == 16)
			return LINE_BAD;
		*address = *address << 4 | (uint64_t)digit;
	}
	return is_size(at, end) ? LINE_ACCESS : LINE_BAD;
}

/* Quote the start of a line that may hold any bytes. */
static bool fail_line(const unsigned char *line, const unsigned char *end, size_t number,
		      struct source *source)
{
	char quote[41];
	size_t size = 0;
	bool is_text = true;

	for (; size < sizeof(quote) - 1 && line < end; line++) {
		bool printable = *line >= ' ' && *line <= '~';

		is_text &= printable || is_blank(*line);
		quote[size++] = printable ? (char)*line : '?';
	}
	quote[size] = 0;
	if (!is_text)
		return source_fail(
			source,
			"%s line %zu is no access: '%s'; it is no text: compress 32-bit page "
			"numbers with zstd, or give their file a name that ends in .u32",
			source->name, number, quote);
	return source_fail(
		source,
		"%s line %zu is no access: '%s'; write R, W or I and a hexadecimal address, "
		"as in 'R 7f001000'",
		source->name, number, quote);
}

static bool take_line(struct trace *trace, struct tables *tables, const unsigned char *line,
		      const unsigned char *end, size_t number, struct source *source)
{
	bool write = false;
	uint64_t address = 0;
	uint64_t vpn;
	uint32_t page;

	switch (parse_line(line, end, &address, &write)) {
	case LINE_BLANK:
		return true;
	case LINE_BAD:
		return fail_line(line, end, number, source);
	case LINE_ACCESS:
		break;
	}
	vpn = address >> PAGE_SHIFT;
	if (!tables_find(tables, vpn >> INDEX_BITS, source))
		return false;
	page = tables->last << INDEX_BITS | (uint32_t)(vpn & INDEX_MASK);
	if (!trace_append(trace, page | (write ? TRACE_WRITE : 0), source))
		return false;
	if (trace->references % TRACE_TICK_ACCESSES == 0)
		return trace_append(trace, TRACE_TICK, source);
	return true;
}

static bool read_lines(struct trace *trace, struct tables *tables, struct source *source)
{
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
		if (!take_line(trace, tables, line, end, number, source))
			return false;
		if (end == source->buffer + source->end)
			return true;
		source->start = (size_t)(end + 1 - source->buffer);
	}
}

bool trace_read_text(struct trace *trace, struct source *source)
{
	struct tables tables = {0};
	bool done = read_lines(trace, &tables, source) && renumber(trace, &tables, source);

	free(tables.keys);
	free(tables.slots);
	return done;
}
