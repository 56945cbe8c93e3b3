/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Traces as text, one access per line; what a line looks like is a matter of its form. */
#include <string.h>

#include "trace_text.h"

#define PAGE_SHIFT 12

/* An access that is larger cannot be meant. */
#define ACCESS_SIZE_MAX (UINT64_C(1) << 20)

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
	struct trace_tables tables;
	uint64_t accesses;
};

static bool take_page(struct reading *reading, uint64_t vpn, bool write)
{
	uint32_t page;

	return trace_tables_page(&reading->tables, vpn, &page, reading->source) &&
	       trace_append(reading->trace, page | (write ? TRACE_WRITE : 0), reading->source);
}

/* One access is a reference to each page it touches, and one towards the next tick. */
static bool take_access(struct reading *reading, const struct access *access)
{
	uint64_t last = (access->address + access->size - 1) >> PAGE_SHIFT;

	for (uint64_t vpn = access->address >> PAGE_SHIFT; vpn <= last; vpn++)
		if (!trace_is_enough(reading->trace, reading->source) &&
		    !take_page(reading, vpn, access->write))
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
		if (end == source->buffer + source->end ||
		    trace_is_enough(reading->trace, source))
			return true;
		source->start = (size_t)(end + 1 - source->buffer);
	}
}

bool trace_read_text(struct trace *trace, const struct text_form *form, struct source *source)
{
	struct reading reading = {.form = form, .trace = trace, .source = source};
	bool done = read_lines(&reading) && trace_renumber(trace, &reading.tables, source);

	trace_tables_free(&reading.tables);
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
