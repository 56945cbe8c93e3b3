/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "command.h"

#include <string.h>

#include "figure.h"

static int is_option(const struct argp_option *option, const char *word)
{
	if (strncmp(word, "--", 2) == 0)
		return strcmp(word + 2, option->name) == 0;
	return word[0] == '-' && word[1] == option->key && !word[2];
}

void command_fail(const char *program, const struct argp_option *options, char **argv, int at)
{
	const char *word = argv[at];

	for (; options->name; options++)
		if (options->arg && is_option(options, word))
			bench_die(EXIT_BAD_INPUT, "option %s needs a %s; see %s --help", word,
				  options->arg, program);
	bench_die(EXIT_BAD_INPUT, "bad option '%s'; %s --help lists the options", word, program);
}
