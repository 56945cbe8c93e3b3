/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "console.h"
#include "memory_limit.h"
#include "output.h"
#include "pattern.h"
#include "trace_write.h"

#define LENGTH_MAX 1000000000u

struct make {
	struct arguments_common common;
	const struct pattern *pattern;
	uint32_t pages;
	uint32_t length;
	uint64_t seed;
	const char *output;
};

static const struct argp_option option_table[] = {
	{"pages", 'n', "N|64MiB", 0, "Page numbers are below N; or so much memory (as listed below)", 0},
	{"length", 'l', "N", 0, "References (as listed below)", 0},
	{"seed", 's', "S", 0, "Another number makes another trace of the same kind (1)", 0},
	{"output", 'o', "FILE.u32.zst", 0, "Where to write it", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state);

/* What the patterns are goes behind the fixed part of --help. */
static char *help_filter(int key, const char *text, void *input)
{
	char *help = NULL;
	size_t size;
	FILE *stream;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	stream = open_memstream(&help, &size);
	if (!stream)
		return (char *)text;
	fputs("Patterns:\n", stream);
	for (unsigned int i = 0; pattern_at(i); i++) {
		const struct pattern *pattern = pattern_at(i);

		fprintf(stream, "  %-11s %s\n  %-11s (%u pages, %u references)\n", pattern->name,
			pattern->about, "", pattern->pages, pattern->length);
	}
	fprintf(stream, "\n%s", text);
	fclose(stream);
	return help;
}

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.args_doc = "PATTERN --output FILE.u32.zst",
	.children = arguments_plain,
	.doc = "Write a trace of a program that does not exist. The same numbers make the same file."
	       "\vExample:\n"
	       "  ptw-sim make loop --pages 10000 --output loop.u32.zst\n",
	.help_filter = help_filter,
};

static const struct pattern *parse_pattern(const char *name)
{
	char list[128] = "";

	for (unsigned int i = 0; pattern_at(i); i++) {
		size_t at = strlen(list);

		if (strcmp(pattern_at(i)->name, name) == 0)
			return pattern_at(i);
		snprintf(list + at, sizeof(list) - at, "%s%s",
			 !i		   ? "" :
			 pattern_at(i + 1) ? ", " :
					     " or ",
			 pattern_at(i)->name);
	}
	sim_die("no pattern '%s'; give %s", name, list);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct make *make = state->input;

	struct memory_limit limit;

	switch (key) {
	case ARGP_KEY_INIT:
		arguments_init(state, &make->common);
		return 0;
	case 'n':
		make->pages = memory_limit_parse(&limit, arg) && !limit.is_share &&
					      limit.pages >= PATTERN_PAGES_MIN &&
					      limit.pages <= TRACE_PAGE_LIMIT ?
				      limit.pages :
				      (uint32_t)argument_number("pages", NULL, arg, PATTERN_PAGES_MIN,
								TRACE_PAGE_LIMIT);
		return 0;
	case 'l':
		make->length = (uint32_t)argument_number("length", "references", arg, 1, LENGTH_MAX);
		return 0;
	case 's':
		make->seed = argument_number("seed", NULL, arg, 0, UINT64_MAX);
		return 0;
	case 'o':
		make->output = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (make->pattern)
			sim_die("'%s' is one pattern too many; make one at a time", arg);
		make->pattern = parse_pattern(arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void check(struct make *make)
{
	char error[1024];

	if (!make->pattern)
		sim_die("no pattern named; ptw-sim make --help lists them");
	if (!make->output || !*make->output)
		sim_die("no file named; add --output %s.u32.zst", make->pattern->name);
	if (!make->pages)
		make->pages = make->pattern->pages;
	if (!make->length)
		make->length = make->pattern->length;
	if (make->length / 2 < make->pages)
		sim_die("%u references are too few for %u pages; give a --length of twice as many, "
			"at least",
			make->length, make->pages);
	if (!output_check(make->output, error, sizeof(error)))
		sim_die("%s", error);
}

int make_main(int argc, char **argv)
{
	struct make make = {.common = {.verb = "ptw-sim make"}, .seed = 1};
	struct trace trace;
	char error[1024];

	arguments_parse(&argp, argc, argv, &make);
	check(&make);
	if (!pattern_make(make.pattern, &trace, make.pages, make.length, make.seed))
		sim_die("not enough memory for %u references to %u pages", make.length, make.pages);
	sim_say("made %zu references to %u pages", trace.references, trace.footprint);
	if (!trace_write_file(&trace, make.output, error, sizeof(error)))
		sim_die("%s", error);
	sim_say("wrote '%s'", make.output);
	trace_free(&trace);
	return EXIT_SUCCESS;
}
