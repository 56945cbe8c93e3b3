/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "options.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "figure.h"

#define KEY_WORKER 0x100
#define KEY_GOALS  0x101

static const struct argp_option option_table[] = {
	{"json", 'j', "FILE", 0, "Write the figures to FILE; - prints them instead of the table",
	 0},
	{"quick", 'q', NULL, 0, "One process and few blocks: does it work at all?", 0},
	{"goals", KEY_GOALS, NULL, 0,
	 "The measurements of the project's goals: G6, G7, W1 to W4 and S1 to S4", 0},
	{"help", 'h', NULL, 0, "Print this and exit", -1},
	{"version", 'V', NULL, 0, "Print the version and exit", -1},
	{"worker", KEY_WORKER, "FD", OPTION_HIDDEN, NULL, 0},
	{0},
};

static const char doc[] =
	"Measure the library against floors that run in the same process, and say which goals are "
	"met.\vMEASUREMENT, all by default:\n"
	"  harvest  whole-range harvest, 1 % young, 1 M and 16 M entries, against a scalar read\n"
	"  single   ptw_test_young against a walk written by hand\n"
	"  memory   bytes of a page table beyond its tables\n"
	"  writer   a writer's single-page operations next to a harvester and alone (G6)\n"
	"  grace    grace periods and harvest, by the library's read-side sections and others (G7)\n"
	"  writers  map and unmap against a compare-exchange loop and PTW_WRITERS_EXCLUSIVE; one page;\n"
	"           two writers (W1 to W4)\n"
	"  space    questions through a space against direct ones, a shadow MMU, consumers (S1 to S4)\n"
	"\n"
	"ptw-bench experiment NAME runs an experiment: ptw-bench experiment --help.\n"
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
	if (strcmp(name, "all") == 0) {
		options->measurements = MEASURE_ALL;
		return;
	}
	for (const struct measurement_name *m = measurement_names; m->name; m++) {
		if (strcmp(m->name, name) == 0) {
			options->measurements |= (unsigned int)m->measurement;
			return;
		}
	}
	bench_die(EXIT_BAD_INPUT,
		  "no measurement '%s'; give harvest, single, memory, writer, grace, "
		  "writers, space or all",
		  name);
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
	case KEY_GOALS:
		options->measurements |= MEASURE_GOALS;
		return 0;
	case KEY_WORKER:
		options->worker = atoi(arg);
		return 0;
	case ARGP_KEY_ARG:
		parse_measurement(options, arg);
		return 0;
	case ARGP_KEY_ERROR:
		command_fail("ptw-bench", option_table, state->argv,
			     state->next > 1 ? state->next - 1 : 1);
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
