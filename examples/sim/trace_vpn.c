/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What record-pages writes: little-endian 64-bit words, address / 4096, or all ones for a tick. Nothing
 * in them tells what they are, so the form must be named.
 */
#include <string.h>

#include "trace_form.h"

#define WORD_BYTES 8
#define TICK	   UINT64_MAX

static bool take_word(struct trace *trace, struct trace_tables *tables, uint64_t word,
		      struct source *source)
{
	uint32_t page = TRACE_TICK;

	if (word != TICK && word >> 52)
		return source_fail(source,
				   "%s is no trace of form vpn: word %zu is no address / 4096",
				   source->name, trace->count);
	if (word != TICK && !trace_tables_page(tables, word, &page, source))
		return false;
	return trace_append(trace, page, source);
}

static bool read_words(struct trace *trace, struct trace_tables *tables, struct source *source)
{
	for (;;) {
		while (source->end - source->start >= WORD_BYTES) {
			const unsigned char *bytes = source->buffer + source->start;
			uint64_t word = 0;

			if (trace_is_enough(trace, source))
				return true;
			for (unsigned int i = WORD_BYTES; i-- > 0;)
				word = word << 8 | bytes[i];
			if (!take_word(trace, tables, word, source))
				return false;
			source->start += WORD_BYTES;
		}
		if (source->exhausted)
			break;
		if (!source_fill(source))
			return false;
	}
	if (source->end != source->start)
		return source_fail(
			source,
			"%s is cut short: %zu bytes follow its last 64-bit word; record it again",
			source->name, source->end - source->start);
	return true;
}

bool trace_read_vpn(struct trace *trace, struct source *source)
{
	struct trace_tables tables = {0};
	bool done = read_words(trace, &tables, source) && trace_renumber(trace, &tables, source);

	trace_tables_free(&tables);
	return done;
}
