/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the command lines of all verbs have in common: options, values, and what is said of bad ones. */
#ifndef PTW_SIM_ARGUMENTS_H
#define PTW_SIM_ARGUMENTS_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

struct memory_limit;

struct arguments_common {
	const char *verb;  /* as in "ptw-sim compare" */
	const char *json;  /* a path, "-" for standard output, or NULL */
	const char *csv;   /* the same */
};

/*
 * Children of a verb's argp, whose parser answers ARGP_KEY_INIT by arguments_init(): --verbose, --help and mistakes;
 * --json and --csv, too.
 */
extern const struct argp_child arguments_plain[];
extern const struct argp_child arguments_files[];

void arguments_init(struct argp_state *state, struct arguments_common *common);

/* Read the command line; a mistake ends in sim_die(). argv[0] is the verb. */
void arguments_parse(const struct argp *argp, int argc, char **argv, void *input);

/* Values of options. What is none ends in sim_die(). `unit`: what it counts, or NULL. */
uint64_t argument_number(const char *option, const char *unit, const char *text, uint64_t min, uint64_t max);
uint32_t argument_share(const char *option, const char *text);
void argument_memory(struct memory_limit *limit, const char *text);
const char *argument_file(const char *option, const char *text);
/* Number of a name in a list, of which name() tells one after another, then NULL. */
unsigned int argument_name(const char *option, const char *text, const char *(*name)(unsigned int));

/* Before a long run that would be in vain: can it be written, and is it none of the inputs? NULLs are passed over. */
void argument_check_output(const char *option, const char *path, const char *const *inputs, unsigned int count);

/* One file cannot be two. */
void argument_check_apart(const char *option, const char *path, const char *other_option, const char *other);

#endif /* PTW_SIM_ARGUMENTS_H */
