/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace_form.h"
#include "trace_text.h"

bool source_fail(struct source *source, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(source->error, source->error_size, format, args);
	va_end(args);
	return false;
}

bool source_fill(struct source *source)
{
	size_t left = source->end - source->start;
	ssize_t got;

	memmove(source->buffer, source->buffer + source->start, left);
	source->start = 0;
	source->end = left;
	do {
		got = read(source->fd, source->buffer + left, sizeof(source->buffer) - left);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return source_fail(source,
				   "cannot read %s: %s; give a trace file, or - for standard input",
				   source->name, strerror(errno));
	source->end += (size_t)got;
	source->exhausted = got == 0 && left < sizeof(source->buffer);
	return true;
}

bool trace_append(struct trace *trace, uint32_t word, struct source *source)
{
	uint32_t page = word & ~TRACE_WRITE;

	if (word != TRACE_TICK && source->filter.size && trace_filter_hit(&source->filter, page))
		return true;
	/* The array doubles: its room is the power of two at or above count. */
	if ((trace->count & (trace->count - 1)) == 0) {
		size_t room = trace->count ? 2 * trace->count : 1;
		uint32_t *words = realloc(trace->words, room * sizeof(*words));

		if (!words)
			return source_fail(
				source,
				"not enough memory for %s after %zu words; use a shorter trace",
				source->name, trace->count);
		trace->words = words;
	}
	trace->words[trace->count++] = word;
	if (word == TRACE_TICK) {
		trace->ticks++;
		if (source->watch)
			source->watch(trace->ticks, trace->references);
		return true;
	}
	if (page >= trace->pages)
		trace->pages = page + 1;
	if (++trace->references == UINT32_MAX)
		return source_fail(source, "%s has 2^32 references or more; use a shorter trace",
				   source->name);
	return true;
}

bool trace_is_enough(const struct trace *trace, const struct source *source)
{
	return source->limit && trace->references >= source->limit;
}

/* Count the distinct pages. */
static bool trace_measure(struct trace *trace, struct source *source)
{
	uint64_t *seen = calloc(trace->pages / 64 + 1, sizeof(*seen));

	if (!seen)
		return source_fail(source, "not enough memory to count the %u pages of %s",
				   trace->pages, source->name);
	for (size_t i = 0; i < trace->count; i++) {
		uint32_t page = trace->words[i] & ~TRACE_WRITE;
		uint64_t bit = UINT64_C(1) << (page & 63);

		if (trace->words[i] == TRACE_TICK || (seen[page / 64] & bit))
			continue;
		seen[page / 64] |= bit;
		trace->footprint++;
	}
	free(seen);
	return true;
}

const char *trace_form_name(unsigned int index)
{
	static const char *const names[] = {
		[TRACE_FORM_AUTO] = "auto",	[TRACE_FORM_TEXT] = "text",
		[TRACE_FORM_LACKEY] = "lackey", [TRACE_FORM_DRCACHESIM] = "drcachesim",
		[TRACE_FORM_U32] = "u32",	[TRACE_FORM_VPN] = "vpn",
	};

	return index < sizeof(names) / sizeof(names[0]) ? names[index] : NULL;
}

static bool read_text(struct trace *trace, struct source *source)
{
	const struct text_form *form = &text_form_plain;

	if (source->form == TRACE_FORM_AUTO && !trace_find_form(source, &form))
		return false;
	if (source->form == TRACE_FORM_LACKEY)
		form = &text_form_lackey;
	if (source->form == TRACE_FORM_DRCACHESIM)
		form = &text_form_drcachesim;
	return trace_read_text(trace, form, source);
}

static bool trace_read(struct trace *trace, struct source *source)
{
	bool done;

	while (source->end < 4 && !source->exhausted) {
		if (!source_fill(source))
			return false;
	}
	if (source->end == 0)
		return source_fail(source,
				   "%s is empty; give a .u32.zst trace or lines of 'R|W|I address'",
				   source->name);
	if (source->form != TRACE_FORM_VPN && trace_is_zstd(source))
		done = trace_read_zstd(trace, source);
	else if (source->form == TRACE_FORM_U32)
		done = trace_read_words(trace, source);
	else if (source->form == TRACE_FORM_VPN)
		done = trace_read_vpn(trace, source);
	else
		done = read_text(trace, source);
	if (!done)
		return false;
	if (trace->references == 0)
		return source_fail(source, "%s holds no references; there is nothing to replay",
				   source->name);
	return trace_measure(trace, source);
}

bool trace_load_as(struct trace *trace, const char *path, const struct trace_how *how, char *error,
		   size_t error_size)
{
	bool is_stdin = strcmp(path, "-") == 0;
	char name[512] = "standard input";
	struct source *source = malloc(sizeof(*source));
	bool done;

	memset(trace, 0, sizeof(*trace));
	if (!source) {
		snprintf(error, error_size, "not enough memory to read a trace");
		return false;
	}
	source->name = name;
	source->start = source->end = 0;
	source->exhausted = false;
	source->form = how->form;
	if (how->form == TRACE_FORM_AUTO && !is_stdin && trace_is_words(path))
		source->form = TRACE_FORM_U32;
	source->filter.size = how->filter;
	source->filter.count = 0;
	source->limit = how->limit;
	source->watch = how->watch;
	source->error = error;
	source->error_size = error_size;
	source->fd = STDIN_FILENO;
	if (!is_stdin) {
		snprintf(name, sizeof(name), "'%s'", path);
		source->fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (source->fd < 0)
		done = source_fail(source,
				   "cannot open %s: %s; give a trace file, or - for standard input",
				   name, strerror(errno));
	else
		done = trace_read(trace, source);
	if (!is_stdin && source->fd >= 0)
		close(source->fd);
	free(source);
	if (!done)
		trace_free(trace);
	return done;
}

bool trace_load(struct trace *trace, const char *path, char *error, size_t error_size)
{
	const struct trace_how how = {.form = TRACE_FORM_AUTO};

	return trace_load_as(trace, path, &how, error, error_size);
}

void trace_free(struct trace *trace)
{
	free(trace->words);
	memset(trace, 0, sizeof(*trace));
}
