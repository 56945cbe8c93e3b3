/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "options.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/kernel.h>

#include "cases.h"
#include "experiment.h"
#include "figure.h"
#include "output.h"

#define PROGRAM "ptw-bench"

/* What is not built is not offered. */
#ifdef PTW_BENCH_SIM
#define TRACES_FLAGS 0
#else
#define TRACES_FLAGS OPTION_HIDDEN
#endif

enum {
	KEY_WORKER = 0x100,
	KEY_GOALS,
	KEY_KERNEL,
	KEY_FOLDED,
	KEY_TRACES,
};

static const struct argp_option option_table[] = {
	{"json", 'j', "FILE", 0,
	 "Write all figures or results to FILE; - prints them instead of the tables", 1},
	{"csv", 'c', "FILE", 0,
	 "Cases: write all figures to FILE, for spreadsheets; - prints them instead of the table", 1},
	{"plots", 'p', "DIR", 0, "Draw pictures with gnuplot into DIR, as SVG", 1},
	{"plot", 0, "DIR", OPTION_ALIAS, NULL, 1},
	{"quick", 'q', NULL, 0,
	 "Seconds instead of minutes: one process, small tables, few blocks. Does it work at all?", 1},
	{NULL, 0, NULL, 0, "Cases:", 2},
	{"goals", KEY_GOALS, NULL, 0,
	 "All cases of the project's goals, " CASES_GOALS "; about five minutes", 2},
	{"kernel", KEY_KERNEL, "NAME", 0,
	 "Search tables by this kernel: best, portable, sse2, avx2, avx512 or neon, as far as the "
	 "processor has it",
	 2},
	{NULL, 0, NULL, 0, "Experiments:", 3},
	{"folded", KEY_FOLDED, "FILE", 0,
	 "phases: write folded stacks to FILE, as flamegraph.pl reads them; - prints them instead of "
	 "the table",
	 3},
	{"traces", KEY_TRACES, "DIR", TRACES_FLAGS,
	 "secondary: folder with redis, sqlite and python .u32.zst, or some of them "
	 "(examples/sim/traces)",
	 3},
	{"verbose", 'v', NULL, 0, "Say on standard error what is being done", -1},
	{"help", 'h', NULL, 0, "Print this and exit", -1},
	{"version", 'V', NULL, 0, "Print the version and exit", -1},
	{"worker", KEY_WORKER, "FD", OPTION_HIDDEN, NULL, -1},
	{0},
};

/* Behind the options, as it stands: argp would wrap the lists. */
static const char notes[] =
	"Figures of cases are medians of three processes. A goal is what a figure has to\n"
	"be \"at least\" or \"at most\". kept/total: blocks in which nobody took the\n"
	"processor away, and all blocks; \"too few\": not enough were kept to measure by,\n"
	"so that the goal is not met. Rows of experiments that end in \"few\" kept too\n"
	"little to judge by.\n"
	"\n"
	"Exit status: 0 measured, 1 wrong result, 2 bad input. A goal that is missed is\n"
	"reported, no error.\n"
	"\n"
	"Examples:\n"
	"  ptw-bench --goals --json goals.json\n"
	"  ptw-bench case G3\n"
	"  ptw-bench case bandwidth rivals --kernel avx2 --plots pictures\n"
	"  ptw-bench experiment locks --json locks.json --plots plots\n";

static error_t parse_option(int key, char *arg, struct argp_state *state);

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.args_doc = "[CASE...]\ncase CASE...\nexperiment NAME\nlist",
	.doc = "Measure the library against floors and rivals that run in the same process, and say "
	       "which goals are met; or answer one question about it by an experiment.",
};

static __attribute__((noreturn)) void help(void)
{
	argp_help(&argp, stdout, ARGP_HELP_STD_HELP & ~(ARGP_HELP_EXIT_OK | ARGP_HELP_BUG_ADDR),
		  PROGRAM);
	putchar('\n');
	cases_list();
	putchar('\n');
	experiment_list();
	printf("\n%s", notes);
	output_flush();
	exit(EXIT_SUCCESS);
}

static void parse_kernel(struct options *options, const char *name)
{
	char names[128] = "";

	for (uint32_t k = 0; ptw_kernel_name(k); k++) {
		size_t at = strlen(names);

		if (!ptw_kernel_available(k))
			continue;
		if (strcmp(ptw_kernel_name(k), name) == 0) {
			options->kernel = k;
			return;
		}
		snprintf(names + at, sizeof(names) - at, "%s%s", at ? ", " : "",
			 ptw_kernel_name(k));
	}
	bench_die(EXIT_BAD_INPUT, "no kernel '%s' here; there are %s", name, names);
}

static const char *verb_word(enum verb verb)
{
	static const char *const words[] = {
		[VERB_CASE] = "case",
		[VERB_LIST] = "list",
		[VERB_EXPERIMENT] = "experiment",
	};

	return words[verb];
}

static enum verb verb_of(const char *word)
{
	for (enum verb verb = VERB_CASE; verb <= VERB_EXPERIMENT; verb++)
		if (strcmp(verb_word(verb), word) == 0)
			return verb;
	return VERB_NONE;
}

static void parse_case(struct options *options, const char *word)
{
	if (verb_of(word))
		bench_die(EXIT_BAD_INPUT,
			  "'%s' must be the first word; " PROGRAM " --help shows how to call it",
			  word);
	if (experiment_known(word))
		bench_die(EXIT_BAD_INPUT, "'%s' is an experiment: " PROGRAM " experiment %s", word,
			  word);
	options->cases |= cases_named(word);
}

static void parse_word(struct options *options, const char *word)
{
	if (!options->verb) {
		options->verb = verb_of(word);
		if (options->verb)
			return;
		options->verb = VERB_CASE;
	}
	if (options->verb == VERB_CASE) {
		parse_case(options, word);
		return;
	}
	if (options->verb == VERB_LIST)
		bench_die(EXIT_BAD_INPUT, "list takes no words; '%s' is too many", word);
	if (options->experiment)
		bench_die(EXIT_BAD_INPUT, "one experiment at a time; '%s' is too many", word);
	experiment_check(word);
	options->experiment = word;
}

/* Is `word`, up to a '=', this option, or what is left of it? */
static bool is_option(const struct argp_option *option, const char *word)
{
	size_t length = strcspn(word, "=");

	if (!option->name)
		return false;
	if (strncmp(word, "--", 2) == 0)
		return length > 2 && strncmp(word + 2, option->name, length - 2) == 0;
	return word[0] == '-' && word[1] == option->key && !word[2];
}

/* getopt took offence at `word`: say at what. */
static __attribute__((noreturn)) void option_fail(const char *word)
{
	const size_t options = sizeof(option_table) / sizeof(option_table[0]);

	for (size_t i = 0; i < options; i++) {
		const struct argp_option *option = &option_table[i];

		if (option->flags & OPTION_HIDDEN || !is_option(option, word))
			continue;
		if (option->arg)
			bench_die(EXIT_BAD_INPUT, "option %s needs a %s; see " PROGRAM " --help",
				  word, option->arg);
		if (strchr(word, '='))
			bench_die(EXIT_BAD_INPUT,
				  "option --%s takes no value; leave out what follows it",
				  option->name);
	}
	bench_die(EXIT_BAD_INPUT, "bad option '%s'; " PROGRAM " --help lists the options", word);
}

/* A file or folder, which has a name. */
static const char *name_of(const char *option, const char *name, const char *give)
{
	if (!*name)
		bench_die(EXIT_BAD_INPUT, "bad --%s ''; give %s", option, give);
	return name;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'j':
		options->json = name_of("json", arg, "a file, or - for standard output");
		return 0;
	case 'c':
		options->csv = name_of("csv", arg, "a file, or - for standard output");
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case 'p':
		options->plots = name_of("plots", arg, "a folder");
		return 0;
	case 'q':
		options->quick = true;
		return 0;
	case 'h':
		help();
	case 'V':
		puts(PROGRAM " " PTW_BENCH_VERSION);
		output_flush();
		exit(EXIT_SUCCESS);
	case KEY_GOALS:
		options->cases |= cases_goals();
		return 0;
	case KEY_KERNEL:
		parse_kernel(options, arg);
		return 0;
	case KEY_FOLDED:
		options->folded = name_of("folded", arg, "a file, or - for standard output");
		return 0;
	case KEY_TRACES:
		options->traces = name_of("traces", arg, "a folder");
		return 0;
	case KEY_WORKER:
		options->worker = atoi(arg);
		return 0;
	case ARGP_KEY_ARG:
		parse_word(options, arg);
		return 0;
	case ARGP_KEY_ERROR:
		option_fail(state->argv[state->next > 1 ? state->next - 1 : 1]);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void belongs(bool good, const char *option, const char *where)
{
	if (!good)
		bench_die(EXIT_BAD_INPUT, "%s is for %s", option, where);
}

/* An error is better than a file that was asked for and never comes. */
static void check_places(const struct options *o)
{
	const bool experiment = o->verb == VERB_EXPERIMENT;
	const char *name = experiment ? o->experiment : "";

	if (o->verb == VERB_LIST && (o->json || o->plots))
		bench_die(EXIT_BAD_INPUT, "list prints names alone; leave %s out",
			  o->json ? "--json" : "--plots");
	belongs(!o->csv || o->verb <= VERB_CASE, "--csv", "cases; experiments have --json");
	if (o->csv && o->json && strcmp(o->csv, o->json) == 0)
		bench_die(EXIT_BAD_INPUT, "--json and --csv are the same, '%s'; name two files", o->json);
	belongs(!o->kernel || !experiment, "--kernel",
		"cases; leave it out of experiments, of which curves and phases compare kernels");
	belongs(!o->cases || o->verb <= VERB_CASE, "--goals",
		"cases; leave it out, or the word before it");
	belongs(!o->folded || strcmp(name, "phases") == 0, "--folded",
		"experiment phases; leave it out");
	belongs(!o->traces || strcmp(name, "secondary") == 0, "--traces",
		"experiment secondary; leave it out");
}

void options_parse(struct options *options, int argc, char **argv)
{
	*options = (struct options){.worker = -1};
	/*
	 * argp takes two lines to complain, so it keeps quiet, and we speak. In order: whatever
	 * POSIXLY_CORRECT says, options may follow words.
	 */
	if (argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP | ARGP_IN_ORDER, NULL,
		       options))
		bench_die(EXIT_BAD_INPUT,
			  "bad command line; " PROGRAM " --help shows how to call it");
	if (options->verb == VERB_EXPERIMENT && !options->experiment)
		experiment_check("");
	if (options->verb == VERB_CASE && !options->cases)
		bench_die(EXIT_BAD_INPUT, "which case? " PROGRAM " list names them");
	check_places(options);
	if (!options->cases)
		options->cases = cases_all();
}
