/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "console.h"
#include "output.h"
#include "trace.h"
#include "trace_write.h"

#define FILTER_DEFAULT	256

#define TEXT_OF_(token) #token
#define TEXT_OF(macro)	TEXT_OF_(macro)

struct pack {
	struct arguments_common common;
	const char *trace;
	const char *output; /* NULL: standard output */
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
	{"output", 'o', "FILE.u32.zst", 0, "Where to write it, whole or not at all (standard output)", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state);

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.args_doc = "TRACE --output FILE.u32.zst\nTRACE > FILE.u32.zst",
	.children = arguments_plain,
	.doc = "Write a trace as 32-bit page numbers under zstd; - reads standard input.\v"
	       "Ticks stay where they are: every 65536 accesses, those left out included. Reads "
	       "and writes are not told apart any more.\n"
	       "\n"
	       "Example:\n"
	       "  ptw-sim pack lackey.log --output program.u32.zst\n",
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct pack *pack = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		arguments_init(state, &pack->common);
		return 0;
	case 'k':
		pack->how.filter = (uint32_t)argument_number("filter", "pages", arg, 0, TRACE_FILTER_MAX);
		return 0;
	case 'n':
		pack->how.limit = argument_number("limit", "references", arg, 0, UINT32_MAX - 1);
		return 0;
	case 'f':
		pack->how.form = argument_name("trace-format", arg, trace_form_name);
		return 0;
	case 'o':
		pack->output = output_is_stdout(arg) ? NULL : argument_file("output", arg);
		return 0;
	case ARGP_KEY_ARG:
		if (pack->trace)
			sim_die("'%s' is one trace too many; pack one at a time", arg);
		pack->trace = arg;
		return 0;
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
	struct pack pack = {.common = {.verb = "ptw-sim pack"}, .how = {.filter = FILTER_DEFAULT, .watch = watch}};
	struct trace trace;
	char error[1024];

	arguments_parse(&argp, argc, argv, &pack);
	if (!pack.trace)
		sim_die("no trace named; give a file, or - for standard input");
	if (!pack.output && isatty(STDOUT_FILENO))
		sim_die("a packed trace is not for a terminal; add --output FILE.u32.zst");
	argument_check_output("output", pack.output, &pack.trace, 1);
	if (!trace_load_as(&trace, pack.trace, &pack.how, error, sizeof(error)))
		sim_die("%s", error);
	sim_progress("", 0, 0);
	/* Who writes into a pipe need not wait until all is compressed. */
	if (pack.how.limit && strcmp(pack.trace, "-") == 0)
		close(STDIN_FILENO);
	if (pack.how.limit && trace.references == pack.how.limit)
		sim_note("stopped after %llu references", (unsigned long long)pack.how.limit);
	if (pack.output ? !trace_write_file(&trace, pack.output, error, sizeof(error)) :
			  !trace_write(&trace, stdout, "standard output", error, sizeof(error)))
		sim_die("%s", error);
	sim_say("kept %zu references to %u pages", trace.references, trace.footprint);
	trace_free(&trace);
	return EXIT_SUCCESS;
}
