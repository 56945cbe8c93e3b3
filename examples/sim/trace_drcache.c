/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the view tool of DynamoRIO's drcachesim (drmemtrace) prints, in the order and with the columns
 * of any of its versions: a line is an access if it has "N byte(s)", a word that says of what kind
 * it is, and "@ 0xADDRESS" behind both. What follows (an instruction, a program counter) does not
 * count, nor do prefetches and flushes, markers, rules, headings and the total.
 */
#include "trace_text.h"

#include <string.h>

#define SPILL_MARGIN 16

enum kind {
	KIND_NONE,
	KIND_READ,
	KIND_WRITE,
	KIND_OTHER
};

/* Words are what blanks part. Returns the end of the first one from `at` on. */
static const unsigned char *word_end(const unsigned char *at, const unsigned char *end)
{
	while (at < end && !text_is_blank(*at))
		at++;
	return at;
}

static bool word_is(const unsigned char *at, const unsigned char *end, const char *what)
{
	return (size_t)(end - at) == strlen(what) && text_has(at, end, what);
}

static enum kind word_kind(const unsigned char *at, const unsigned char *end)
{
	if (word_is(at, end, "read") || word_is(at, end, "ifetch"))
		return KIND_READ;
	if (word_is(at, end, "write"))
		return KIND_WRITE;
	if (text_has(at, end, "pref") || word_is(at, end, "iflush") || word_is(at, end, "dflush"))
		return KIND_OTHER;
	return KIND_NONE;
}

/* A record without an access: numbers, a colon, and something. The total at the end is one, too. */
static bool is_record(const unsigned char *at, const unsigned char *end)
{
	if (at == end || *at < '0' || *at > '9')
		return false;
	while (at < end && ((*at >= '0' && *at <= '9') || text_is_blank(*at)))
		at++;
	return at < end && *at == ':';
}

/* Bytes of an instruction that did not fit into the line before stand far from the margin. */
static bool is_spill(const unsigned char *start, const unsigned char *end)
{
	const unsigned char *at = text_skip_blanks(start, end), *stop = word_end(at, end);
	uint64_t bytes;

	return at - start >= SPILL_MARGIN && text_hex(at, stop, &bytes) == stop;
}

static bool is_frame(const unsigned char *at, const unsigned char *end)
{
	return text_has(at, end, "<") || text_has(at, end, "---") ||
	       text_has(at, end, "Output format:") || text_has(at, end, "View tool results:");
}

/* The address is all of the word behind the @. */
static enum line take_address(const unsigned char *at, const unsigned char *end,
			      struct access *access)
{
	const unsigned char *stop;

	at = text_skip_blanks(at, end);
	if (!text_has(at, end, "0x"))
		return LINE_BAD;
	stop = word_end(at, end);
	return text_hex(at + 2, stop, &access->address) == stop ? LINE_ACCESS : LINE_BAD;
}

static enum line drcache_parse(const unsigned char *at, const unsigned char *end,
			       struct access *access)
{
	const unsigned char *start = at, *line = text_skip_blanks(at, end), *last = line, *stop;
	enum kind kind = KIND_NONE;
	bool sized = false;

	for (at = line; at < end; last = at, at = text_skip_blanks(stop, end)) {
		stop = word_end(at, end);
		if (word_is(at, stop, "@") && (sized || kind))
			break;
		if (word_is(at, stop, "byte(s)"))
			sized = text_decimal(last, end, &access->size) == word_end(last, end);
		else if (!kind)
			kind = word_kind(at, stop);
	}
	if (at == end && !sized) {
		bool known = text_says_nothing(line, end) || is_record(line, end) ||
			     is_frame(line, end) || is_spill(start, end);

		return known ? LINE_SKIP : LINE_BAD;
	}
	if (at == end || !sized || !kind || take_address(at + 1, end, access) == LINE_BAD)
		return LINE_BAD;
	access->write = kind == KIND_WRITE;
	access->size += !access->size;
	return kind == KIND_OTHER ? LINE_SKIP : LINE_ACCESS;
}

static bool drcache_begins(const unsigned char *at, const unsigned char *end)
{
	struct access access;

	return !text_says_nothing(at, end) && drcache_parse(at, end, &access) != LINE_BAD;
}

const struct text_form text_form_drcachesim = {
	.parse = drcache_parse,
	.begins = drcache_begins,
	.advice = "print the trace with the view tool of drcachesim, whose accesses look like "
		  "'... read 8 byte(s) @ 0x7f001000 ...'",
};
