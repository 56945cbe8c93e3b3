/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The plain form of text: R, W or I, an address, perhaps a size. And what all forms need to read a
 * line.
 */
#include "trace_text.h"

#include <string.h>

bool text_is_blank(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

const unsigned char *text_skip_blanks(const unsigned char *at, const unsigned char *end)
{
	while (at < end && text_is_blank(*at))
		at++;
	return at;
}

bool text_says_nothing(const unsigned char *at, const unsigned char *end)
{
	at = text_skip_blanks(at, end);
	return at == end || *at == '#';
}

bool text_has(const unsigned char *at, const unsigned char *end, const char *what)
{
	size_t size = strlen(what);

	return (size_t)(end - at) >= size && memcmp(at, what, size) == 0;
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

const unsigned char *text_hex(const unsigned char *at, const unsigned char *end, uint64_t *value)
{
	const unsigned char *start = at;

	for (*value = 0; at < end && hex_digit(*at) >= 0; at++) {
		if (*value >> 60)
			return NULL;
		*value = *value << 4 | (uint64_t)hex_digit(*at);
	}
	return at > start ? at : NULL;
}

const unsigned char *text_decimal(const unsigned char *at, const unsigned char *end,
				  uint64_t *value)
{
	const unsigned char *start = at;

	for (*value = 0; at < end && *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(*at - '0'), value))
			return NULL;
	}
	return at > start ? at : NULL;
}

/* Many tracers write a size behind the address: nothing, or blanks and one decimal number. */
static bool is_size(const unsigned char *at, const unsigned char *end)
{
	at = text_skip_blanks(at, end);
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at == end;
}

static enum line plain_parse(const unsigned char *at, const unsigned char *end,
			     struct access *access)
{
	const unsigned char *comment = memchr(at, '#', (size_t)(end - at));
	unsigned char kind;

	if (comment)
		end = comment;
	at = text_skip_blanks(at, end);
	while (at < end && text_is_blank(end[-1]))
		end--;
	if (at == end)
		return LINE_SKIP;
	kind = *at & ~0x20u; /* as a capital letter */
	if (end - at < 3 || (kind != 'R' && kind != 'W' && kind != 'I') || !text_is_blank(at[1]))
		return LINE_BAD;
	access->write = kind == 'W';
	at = text_skip_blanks(at + 1, end);
	if (end - at > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X'))
		at += 2;
	at = text_hex(at, end, &access->address);
	if (!at || (at < end && !text_is_blank(*at)))
		return LINE_BAD;
	return is_size(at, end) ? LINE_ACCESS : LINE_BAD;
}

/* It is what nobody else claims, so it is not asked. */
const struct text_form text_form_plain = {
	.parse = plain_parse,
	.advice = "write R, W or I and a hexadecimal address, as in 'R 7f001000'",
};
