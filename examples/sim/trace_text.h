/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Forms of text that a trace may have: how a line of each is read. Only trace*.c include this. A line
 * is [at, end), without its newline.
 */
#ifndef PTW_SIM_TRACE_TEXT_H
#define PTW_SIM_TRACE_TEXT_H

#include "trace_form.h"

struct access {
	uint64_t address;
	uint64_t size; /* bytes; what the form does not tell is 1 */
	bool write;
};

enum line {
	LINE_ACCESS,
	LINE_SKIP, /* nothing that counts */
	LINE_BAD
};

struct text_form {
	enum line (*parse)(const unsigned char *at, const unsigned char *end,
			   struct access *access);
	/* Can a trace of this form, and of no other one, have this as its first line? */
	bool (*begins)(const unsigned char *at, const unsigned char *end);
	const char *advice; /* what to do about a bad line */
};

extern const struct text_form text_form_plain;
extern const struct text_form text_form_lackey;
extern const struct text_form text_form_drcachesim;

/* Which one it is; plain, if no other one claims it. False: could not be read. */
bool trace_find_form(struct source *source, const struct text_form **form);

bool trace_read_text(struct trace *trace, const struct text_form *form, struct source *source);

/* Blank, or a comment. */
bool text_says_nothing(const unsigned char *at, const unsigned char *end);

bool text_is_blank(unsigned char c);
const unsigned char *text_skip_blanks(const unsigned char *at, const unsigned char *end);

/* Does this begin here? */
bool text_has(const unsigned char *at, const unsigned char *end, const char *what);

/*
 * Read a number, without sign or 0x, and return what is behind it; NULL: none, or more than 64 bits.
 */
const unsigned char *text_hex(const unsigned char *at, const unsigned char *end, uint64_t *value);
const unsigned char *text_decimal(const unsigned char *at, const unsigned char *end,
				  uint64_t *value);

#endif /* PTW_SIM_TRACE_TEXT_H */
