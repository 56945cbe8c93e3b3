/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "arguments.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "memory_limit.h"
#include "output.h"

static const struct argp_option plain_options[] = {
	{"verbose", 'v', NULL, 0, "Say on standard error what is being done", -1},
	{"help", 'h', NULL, 0, "Print this and exit", -1},
	{0},
};

static const struct argp_option file_options[] = {
	{"json", 'j', "FILE", 0,
	 "Write the results to FILE; - prints them instead of the tables. Sizes are in bytes or in "
	 "pages of 4096, as each name ends",
	 0},
	{"csv", 'c', "FILE", 0, "Write the main table to FILE, for spreadsheets; - prints it instead of the tables", 0},
	{0},
};

/* One option, of whatever table of this program, at which getopt took offence. */
static void fail_if_lacks_value(const struct argp *argp, const struct arguments_common *common, const char *word)
{
	for (const struct argp_option *o = argp->options; o && (o->name || o->doc); o++) {
		const bool is_long = o->name && strncmp(word, "--", 2) == 0 && strcmp(word + 2, o->name) == 0;
		const bool is_short = word[0] == '-' && word[1] == o->key && !word[2];

		if (o->arg && (is_long || is_short))
			sim_die("option %s needs a value, %s; see %s --help", word, o->arg, common->verb);
	}
	for (const struct argp_child *child = argp->children; child && child->argp; child++)
		fail_if_lacks_value(child->argp, common, word);
}

static error_t parse_plain(int key, char *arg, struct argp_state *state)
{
	const struct arguments_common *common = state->input;
	const char *word;

	(void)arg;
	switch (key) {
	case 'v':
		sim_verbose = true;
		return 0;
	case 'h':
		argp_help(state->root_argp, stdout, ARGP_HELP_STD_HELP, (char *)(uintptr_t)common->verb);
		exit(EXIT_SUCCESS);
	case ARGP_KEY_ERROR:
		word = state->argv[state->next > 1 ? state->next - 1 : 1];
		fail_if_lacks_value(state->root_argp, common, word);
		sim_die("bad option '%s'; %s --help lists the options", word, common->verb);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_files(int key, char *arg, struct argp_state *state)
{
	struct arguments_common *common = state->input;

	switch (key) {
	case 'j':
		common->json = argument_file("json", arg);
		return 0;
	case 'c':
		common->csv = argument_file("csv", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp plain_argp = {.options = plain_options, .parser = parse_plain};
static const struct argp files_argp = {.options = file_options, .parser = parse_files};

const struct argp_child arguments_plain[] = {{&plain_argp, 0, NULL, 0}, {0}};
const struct argp_child arguments_files[] = {{&plain_argp, 0, NULL, 0}, {&files_argp, 0, NULL, 0}, {0}};

void arguments_init(struct argp_state *state, struct arguments_common *common)
{
	for (unsigned int i = 0; state->root_argp->children[i].argp; i++)
		state->child_inputs[i] = common;
}

void arguments_parse(const struct argp *argp, int argc, char **argv, void *input)
{
	/* argp takes two lines to complain, so it keeps quiet, its own --help too, and we speak. */
	if (argp_parse(argp, argc, argv, ARGP_NO_ERRS | ARGP_NO_HELP, NULL, input))
		sim_die("bad command line; ptw-sim --help shows how to call it");
}

uint64_t argument_number(const char *option, const char *unit, const char *text, uint64_t min, uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || value < min || value > max)
		sim_die("bad --%s '%s'; give a number%s%s, %llu to %llu", option, text, unit ? " of " : "",
			unit ? unit : "", (unsigned long long)min, (unsigned long long)max);
	return value;
}

uint32_t argument_share(const char *option, const char *text)
{
	const uint32_t share = strchr(text, '%') ? share_parse(text) : 0;

	if (!share)
		sim_die("bad --%s '%s'; give a share above 0%% and up to 100%%, as in 25%%", option, text);
	return share;
}

void argument_memory(struct memory_limit *limit, const char *text)
{
	if (!memory_limit_parse(limit, text))
		sim_die("bad --memory '%s'; give " MEMORY_LIMIT_FORMS, text);
}

const char *argument_file(const char *option, const char *text)
{
	if (!*text)
		sim_die("bad --%s ''; give a file, or - for standard output", option);
	return text;
}

unsigned int argument_name(const char *option, const char *text, const char *(*name)(unsigned int))
{
	char list[192] = "";
	unsigned int i;

	for (i = 0; name(i); i++) {
		size_t at = strlen(list);

		if (strcmp(name(i), text) == 0)
			return i;
		snprintf(list + at, sizeof(list) - at, "%s%s",
			 !i	     ? "" :
			 name(i + 1) ? ", " :
				       " or ",
			 name(i));
	}
	sim_die("bad --%s '%s'; give %s", option, text, list);
}

void argument_check_output(const char *option, const char *path, const char *const *inputs, unsigned int count)
{
	char error[1024];

	if (!path || output_is_stdout(path))
		return;
	if (!output_check(path, error, sizeof(error)))
		sim_die("%s", error);
	for (unsigned int i = 0; i < count; i++)
		if (inputs[i] && output_is_input(path, inputs[i]))
			sim_die("--%s '%s' would replace the trace; name another file", option, path);
}

void argument_check_apart(const char *option, const char *path, const char *other_option, const char *other)
{
	if (path && other && strcmp(path, other) == 0)
		sim_die("--%s and --%s are the same, '%s'; name two files", option, other_option, path);
}
