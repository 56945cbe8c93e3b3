/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What "valgrind --tool=lackey --trace-mem=yes" writes: I, L, S or M (instruction, load, store,
 * modify), an address and a size, as in " S 1ffefffd38,8". Between them messages of valgrind and of
 * the tool, which begin with ==PID==, --PID-- or **PID**.
 */
#include "trace_text.h"

static bool is_message(const unsigned char *at, const unsigned char *end)
{
	if (end - at < 3 || at[0] != at[1] || at[2] < '0' || at[2] > '9')
		return false;
	return *at == '=' || *at == '-' || *at == '*';
}

static enum line lackey_parse(const unsigned char *at, const unsigned char *end,
			      struct access *access)
{
	if (is_message(at, end))
		return LINE_SKIP;
	at = text_skip_blanks(at, end);
	while (at < end && text_is_blank(end[-1]))
		end--;
	if (text_says_nothing(at, end))
		return LINE_SKIP;
	if (text_has(at, end, "I ") || text_has(at, end, "L "))
		access->write = false;
	else if (text_has(at, end, "S ") || text_has(at, end, "M "))
		access->write = true;
	else
		return text_has(at, end, "SB ") ? LINE_SKIP : LINE_BAD; /* --trace-superblocks */
	at = text_hex(text_skip_blanks(at + 1, end), end, &access->address);
	if (!at || at == end || *at != ',')
		return LINE_BAD;
	at = text_decimal(at + 1, end, &access->size);
	return at == end && access->size ? LINE_ACCESS : LINE_BAD;
}

static bool lackey_begins(const unsigned char *at, const unsigned char *end)
{
	struct access access;

	return is_message(at, end) || lackey_parse(at, end, &access) == LINE_ACCESS;
}

const struct text_form text_form_lackey = {
	.parse = lackey_parse,
	.begins = lackey_begins,
	.advice = "record it with valgrind --tool=lackey --trace-mem=yes --log-file=FILE, so that "
		  "nothing else gets into it",
};
