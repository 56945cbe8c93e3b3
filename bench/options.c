/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "options.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "figure.h"

#define KEY_WORKER 0x100

static const struct argp_option option_table[] = {
	{"json", 'j', "FILE", 0, "Write the figures to FILE; - prints them instead of the table",
	 0},
	{"quick", 'q', NULL, 0, "One process and few blocks: does it work at all?", 0},
	{"help", 'h', NULL, 0, "Print this and exit", -1},
	{"version", 'V', NULL, 0, "Print the version and exit", -1},
	{"worker", KEY_WORKER, "FD", OPTION_HIDDEN, NULL, 0},
	{0},
};

static const struct {
	const char *name;
	enum measurement measurement;
} measurements[] = {
	{"harvest", MEASURE_HARVEST},
	{"single", MEASURE_SINGLE},
	{"memory", MEASURE_MEMORY},
	{"all", MEASURE_ALL},
};

static const char doc[] =
	"Measure the library against floors that run in the same process, and say which goals are "
	"met.\vMEASUREMENT, all by default:\n"
	"  harvest  whole-range harvest, 1 % young, 1 M and 16 M entries, against a scalar read\n"
	"  single   ptw_test_young against a walk written by hand\n"
	"  memory   bytes of a page table beyond its tables\n"
	"\n"
	"Every figure is the median of three processes; kept/total are the blocks in which nobody "
	"took the processor away, and all blocks.\n"
	"Exit status: 0 measured, 1 wrong result, 2 bad input. A goal that is missed is reported, "
	"no error.\n"
	"\n"
	"Example:\n"
	"  ptw-bench harvest single --json figures.json\n";

static void parse_measurement(struct options *options, const char *name)
{
	for (size_t i = 0; i < sizeof(measurements) / sizeof(measurements[0]); i++) {
		if (strcmp(measurements[i].name, name) == 0) {
			options->measurements |= measurements[i].measurement;
			return;
		}
	}
	bench_die(EXIT_BAD_INPUT, "no measurement '%s'; give harvest, single, memory or all", name);
}

/* getopt took offence at argv[at]: say at what. */
static void fail_option(char **argv, int at)
{
	const char *word = argv[at];

	if (strcmp(word, "--json") == 0 || strcmp(word, "-j") == 0)
		bench_die(EXIT_BAD_INPUT, "option %s needs a file; see ptw-bench --help", word);
	bench_die(EXIT_BAD_INPUT, "bad option '%s'; ptw-bench --help lists the options", word);
}

static error_t parse_option(int key, char *arg, struct argp_state *state);

static const struct argp argp = {option_table, parse_option, "[MEASUREMENT...]", doc, NULL,
				 NULL,	       NULL};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'j':
		if (!*arg)
			bench_die(EXIT_BAD_INPUT,
				  "bad --json ''; give a file, or - for standard output");
		options->json = arg;
		return 0;
	case 'q':
		options->quick = true;
		return 0;
	case 'h':
		argp_help(&argp, stdout, ARGP_HELP_STD_HELP, "ptw-bench");
		exit(EXIT_SUCCESS);
	case 'V':
		puts("ptw-bench " PTW_BENCH_VERSION);
		exit(EXIT_SUCCESS);
	case KEY_WORKER:
		options->worker = atoi(arg);
		return 0;
	case ARGP_KEY_ARG:
		parse_measurement(options, arg);
		return 0;
	case ARGP_KEY_ERROR:
		fail_option(state->argv, state->next > 1 ? state->next - 1 : 1);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void options_parse(struct options *options, int argc, char **argv)
{
	*options = (struct options){.worker = -1};
	/* argp takes two lines to complain, so it keeps quiet, and we speak. */
	if (argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, NULL, options))
		bench_die(EXIT_BAD_INPUT,
			  "bad command line; ptw-bench --help shows how to call it");
	if (!options->measurements)
		options->measurements = MEASURE_ALL;
}
