/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "experiment.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "command.h"
#include "figure.h"
#include "output.h"
#include "plot.h"

#define PROGRAM	   "ptw-bench experiment"
#define KEY_WORKER 0x100
#define KEY_TRACES 0x101

static const struct {
	const char *name;
	const char *what;
	experiment_fn run;
	experiment_work_fn work; /* null: it starts no processes */
} experiments[] = {
	{"batch", "how many pages to ask about at a time, with a lock around it and without",
	 batch_experiment, batch_work},
	{"locks", "a writer and a harvester, with a lock around their calls and without",
	 locks_experiment, NULL},
	{"reclaim", "when empty tables go back: never, at once, later, or when somebody asks",
	 reclaim_experiment, NULL},
#ifdef PTW_BENCH_SIM
	{"secondary", "whom reclaim asks where a guest has pages in memory, too",
	 secondary_experiment, NULL},
#endif
};

#define EXPERIMENTS (sizeof(experiments) / sizeof(experiments[0]))

struct command {
	struct experiment_options options;
	const char *json;
	experiment_fn run;
	experiment_work_fn work;
	int worker; /* file descriptor that results go to; -1: this is the parent */
};

static const struct argp_option option_table[] = {
	{"json", 'j', "FILE", 0, "Write all results to FILE; - prints them instead of the tables",
	 0},
	{"plots", 'p', "DIR", 0, "Draw pictures with gnuplot into DIR, as SVG", 0},
	{"traces", KEY_TRACES, "DIR", 0,
	 "secondary: folder with redis, sqlite and python .u32.zst, or some of them "
	 "(examples/sim/traces)",
	 0},
	{"quick", 'q', NULL, 0, "Seconds instead of minutes: does it work at all?", 0},
	{"help", 'h', NULL, 0, "Print this and exit", -1},
	{"worker", KEY_WORKER, "FD", OPTION_HIDDEN, NULL, 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state);

static char *add_names(int key, const char *text, void *input)
{
	char *all;
	size_t size;
	FILE *file;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	file = open_memstream(&all, &size);
	if (!file)
		return (char *)text;
	fputs("NAME:\n", file);
	for (size_t i = 0; i < EXPERIMENTS; i++)
		fprintf(file, "  %-9s %s\n", experiments[i].name, experiments[i].what);
	fputs(text, file);
	fclose(file);
	return all;
}

static const struct argp argp = {
	option_table,
	parse_option,
	"NAME",
	"Answer one question about the library by measuring it.\v"
	"Rows of locks that end in \"few\" kept fewer than 4000 operations, too few to judge by.\n"
	"Exit status: 0 measured, 1 wrong result, 2 bad input.\n"
	"\n"
	"Example:\n"
	"  ptw-bench experiment locks --json locks.json --plots plots\n",
	NULL,
	add_names,
	NULL,
};

static void find(struct command *command, const char *name)
{
	char names[256] = "";

	for (size_t i = 0; i < EXPERIMENTS; i++) {
		const char *separator = i + 1 < EXPERIMENTS ? ", " : " or ";
		size_t at = strlen(names);

		if (strcmp(experiments[i].name, name) == 0) {
			command->run = experiments[i].run;
			command->work = experiments[i].work;
			return;
		}
		snprintf(names + at, sizeof(names) - at, "%s%s", i ? separator : "",
			 experiments[i].name);
	}
	bench_die(EXIT_BAD_INPUT, "no experiment '%s'; give %s", name, names);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct command *command = state->input;

	switch (key) {
	case 'j':
	case 'p':
		if (!*arg)
			bench_die(EXIT_BAD_INPUT, "bad --%s ''; give a name",
				  key == 'j' ? "json" : "plots");
		if (key == 'j')
			command->json = arg;
		else
			command->options.plots = arg;
		return 0;
	case 'q':
		command->options.quick = true;
		return 0;
	case KEY_TRACES:
		if (!*arg)
			bench_die(EXIT_BAD_INPUT, "bad --traces ''; give a folder");
		command->options.traces = arg;
		return 0;
	case KEY_WORKER:
		command->worker = atoi(arg);
		return 0;
	case 'h':
		argp_help(&argp, stdout, ARGP_HELP_STD_HELP, PROGRAM);
		exit(EXIT_SUCCESS);
	case ARGP_KEY_ARG:
		if (command->run)
			bench_die(EXIT_BAD_INPUT, "one experiment at a time; '%s' is too many",
				  arg);
		find(command, arg);
		return 0;
	case ARGP_KEY_ERROR:
		command_fail(PROGRAM, option_table, state->argv,
			     state->next > 1 ? state->next - 1 : 1);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int experiment_main(int argc, char **argv)
{
	struct command command = {.worker = -1};
	json_t *results;

	/* argp takes two lines to complain, so it keeps quiet, and we speak. */
	if (argp_parse(&argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, NULL, &command))
		bench_die(EXIT_BAD_INPUT,
			  "bad command line; " PROGRAM " --help shows how to call it");
	if (!command.run)
		bench_die(EXIT_BAD_INPUT, "which experiment? " PROGRAM " --help lists them");
	if (command.worker >= 0 && command.work) {
		command.work(command.worker, command.options.quick);
		return EXIT_SUCCESS;
	}
	if (command.json)
		output_check(command.json);
	if (command.options.plots)
		plot_check(command.options.plots);
	command.options.table = !command.json || strcmp(command.json, "-") != 0;
	results = command.run(&command.options);
	if (command.json)
		output_json(command.json, results);
	output_flush();
	json_decref(results);
	return EXIT_SUCCESS;
}
