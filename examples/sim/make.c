/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "make.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "output.h"
#include "pattern.h"
#include "trace_write.h"

#define LENGTH_MAX 1000000000u

struct make {
	const struct pattern *pattern;
	uint32_t pages;
	uint32_t length;
	uint64_t seed;
	const char *output;
};

static const struct argp_option option_table[] = {
	{"pages", 'n', "N", 0, "Page numbers are below N (as listed below)", 0},
	{"length", 'l', "N", 0, "References (as listed below)", 0},
	{"seed", 's', "S", 0, "Another number makes another trace of the same kind (1)", 0},
	{"output", 'o', "FILE.u32.zst", 0, "Where to write it", 0},
	{"help", 'h', NULL, 0, "Print this and exit", -1},
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
	.doc = "Write a trace of a program that does not exist. The same numbers make the same file."
	       "\vExample:\n"
	       "  ptw-sim make loop --pages 10000 --output loop.u32.zst\n",
	.help_filter = help_filter,
};

static uint64_t parse_number(const char *option, const char *text, uint64_t min, uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < min || value > max)
		sim_die("bad --%s '%s'; give a number, %llu to %llu", option, text,
			(unsigned long long)min, (unsigned long long)max);
	return value;
}

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

	switch (key) {
	case 'n':
		make->pages =
			(uint32_t)parse_number("pages", arg, PATTERN_PAGES_MIN, TRACE_PAGE_LIMIT);
		return 0;
	case 'l':
		make->length = (uint32_t)parse_number("length", arg, 1, LENGTH_MAX);
		return 0;
	case 's':
		make->seed = parse_number("seed", arg, 0, UINT64_MAX);
		return 0;
	case 'o':
		make->output = arg;
		return 0;
	case 'h':
		argp_help(&argp, stdout, ARGP_HELP_STD_HELP, "ptw-sim make");
		exit(EXIT_SUCCESS);
	case ARGP_KEY_ARG:
		if (make->pattern)
			sim_die("'%s' is one pattern too many; make one at a time", arg);
		make->pattern = parse_pattern(arg);
		return 0;
	case ARGP_KEY_ERROR:
		sim_die("bad option or value '%s'; see ptw-sim make --help",
			state->argv[state->next > 1 ? state->next - 1 : 1]);
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

static void write_file(const struct make *make, const struct trace *trace)
{
	char name[512], error[1024], ignored[1024];
	struct output output;

	if (!output_open(&output, make->output, error, sizeof(error)))
		sim_die("%s", error);
	snprintf(name, sizeof(name), "'%s'", make->output);
	if (!trace_write(trace, output.stream, name, error, sizeof(error))) {
		output_close(&output, false, ignored, sizeof(ignored));
		sim_die("%s", error);
	}
	if (!output_close(&output, true, error, sizeof(error)))
		sim_die("%s", error);
}

int make_main(int argc, char **argv)
{
	struct make make = {.seed = 1};
	struct trace trace;

	if (argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, NULL, &make))
		sim_die("bad command line; see ptw-sim make --help");
	check(&make);
	if (!pattern_make(make.pattern, &trace, make.pages, make.length, make.seed))
		sim_die("not enough memory for %u references to %u pages", make.length, make.pages);
	write_file(&make, &trace);
	trace_free(&trace);
	return EXIT_SUCCESS;
}
