/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "pack.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "console.h"
#include "trace.h"
#include "trace_write.h"

#define FILTER_DEFAULT	256

#define TEXT_OF_(token) #token
#define TEXT_OF(macro)	TEXT_OF_(macro)

struct pack {
	const char *trace;
	struct trace_how how;
};

static const struct argp_option option_table[] = {
	{"filter", 'k', "PAGES", 0,
	 "Leave out references to the PAGES used last, as a TLB of that size would; 1 joins "
	 "neighbours that are equal, 0 leaves out nothing (" TEXT_OF(FILTER_DEFAULT) ")",
	 0},
	{"limit", 'n', "REFERENCES", 0, "Stop reading after so many that are kept; 0: never (0)",
	 0},
	{"trace-format", 'f', "NAME", 0, "auto, text, lackey, drcachesim, u32 or vpn (auto)", 0},
	{"help", 'h', NULL, 0, "Print this and exit", -1},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state);

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.args_doc = "TRACE > FILE.u32.zst",
	.doc = "Write a trace as 32-bit page numbers under zstd to standard output; - reads standard "
	       "input.\v"
	       "Ticks stay where they are: every 65536 accesses, those left out included. Reads "
	       "and writes are not told apart any more.\n"
	       "\n"
	       "Example:\n"
	       "  ptw-sim pack lackey.log > program.u32.zst\n",
};

static uint32_t parse_filter(const char *text)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value > TRACE_FILTER_MAX)
		sim_die("bad --filter '%s'; give a number of pages, 0 to %d", text,
			TRACE_FILTER_MAX);
	return (uint32_t)value;
}

static uint64_t parse_limit(const char *text)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value >= UINT32_MAX)
		sim_die("bad --limit '%s'; give a number of references, 0 to %u", text,
			UINT32_MAX - 1);
	return value;
}

static enum trace_form parse_form(const char *text)
{
	for (unsigned int i = 0; trace_form_name(i); i++)
		if (strcmp(trace_form_name(i), text) == 0)
			return (enum trace_form)i;
	sim_die("bad --trace-format '%s'; give auto, text, lackey, drcachesim, u32 or vpn", text);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct pack *pack = state->input;

	switch (key) {
	case 'k':
		pack->how.filter = parse_filter(arg);
		return 0;
	case 'n':
		pack->how.limit = parse_limit(arg);
		return 0;
	case 'f':
		pack->how.form = parse_form(arg);
		return 0;
	case 'h':
		argp_help(&argp, stdout, ARGP_HELP_STD_HELP, "ptw-sim pack");
		exit(EXIT_SUCCESS);
	case ARGP_KEY_ARG:
		if (pack->trace)
			sim_die("'%s' is one trace too many; pack one at a time", arg);
		pack->trace = arg;
		return 0;
	case ARGP_KEY_ERROR:
		sim_die("bad option or value '%s'; see ptw-sim pack --help",
			state->argv[state->next > 1 ? state->next - 1 : 1]);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void watch(uint64_t ticks, uint64_t references)
{
	sim_count("%llu accesses read, %llu references kept",
		  (unsigned long long)ticks * TRACE_TICK_ACCESSES, (unsigned long long)references);
}

int pack_main(int argc, char **argv)
{
	struct pack pack = {.how = {.filter = FILTER_DEFAULT, .watch = watch}};
	struct trace trace;
	char error[1024];

	if (argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, NULL, &pack))
		sim_die("bad command line; see ptw-sim pack --help");
	if (!pack.trace)
		sim_die("no trace named; give a file, or - for standard input");
	if (isatty(STDOUT_FILENO))
		sim_die("a packed trace is not for a terminal; add > FILE.u32.zst");
	if (!trace_load_as(&trace, pack.trace, &pack.how, error, sizeof(error)))
		sim_die("%s", error);
	sim_progress("", 0, 0);
	/* Who writes into a pipe need not wait until all is compressed. */
	if (pack.how.limit && strcmp(pack.trace, "-") == 0)
		close(STDIN_FILENO);
	if (pack.how.limit && trace.references == pack.how.limit)
		sim_note("stopped after %llu references", (unsigned long long)pack.how.limit);
	if (!trace_write(&trace, stdout, "standard output", error, sizeof(error)))
		sim_die("%s", error);
	trace_free(&trace);
	return EXIT_SUCCESS;
}
