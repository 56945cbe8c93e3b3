/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Traces of little-endian 32-bit words, as they are or as they come out of zstd. */
#include <string.h>

#include "trace_form.h"

bool trace_take_words(struct trace *trace, struct pending *pending, const unsigned char *bytes,
		      size_t size, struct source *source)
{
	for (size_t i = 0; i < size; i++) {
		uint32_t word;

		if (trace_is_enough(trace, source))
			return true;
		pending->word |= (uint32_t)bytes[i] << (8 * pending->bytes);
		if (++pending->bytes < 4)
			continue;
		word = pending->word;
		*pending = (struct pending){0, 0};
		if (word != TRACE_TICK && word >= TRACE_PAGE_LIMIT)
			return source_fail(
				source,
				"%s is no page trace: word %zu is page number %u, above 2^28; "
				"the words must be little-endian page numbers",
				source->name, trace->count, word);
		if (!trace_append(trace, word, source))
			return false;
	}
	return true;
}

bool trace_end_words(const struct pending *pending, struct source *source)
{
	if (pending->bytes)
		return source_fail(
			source,
			"%s is cut short: %u bytes follow its last 32-bit word; record it again",
			source->name, pending->bytes);
	return true;
}

bool trace_is_words(const char *path)
{
	size_t size = strlen(path);

	return size > 4 && strcmp(path + size - 4, ".u32") == 0;
}

bool trace_read_words(struct trace *trace, struct source *source)
{
	struct pending pending = {0, 0};

	for (;;) {
		const unsigned char *bytes = source->buffer + source->start;

		if (!trace_take_words(trace, &pending, bytes, source->end - source->start, source))
			return false;
		if (trace_is_enough(trace, source))
			return true;
		source->start = source->end;
		if (source->exhausted)
			return trace_end_words(&pending, source);
		if (!source_fill(source))
			return false;
	}
}
