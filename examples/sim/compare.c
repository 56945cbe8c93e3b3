/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#define _GNU_SOURCE /* sched_getaffinity() */
#include "compare.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "compare_extra.h"
#include "compare_report.h"
#include "console.h"
#include "output.h"
#include "policies.h"
#include "proactive.h"

#define SIZES_DEFAULT "10%,25%,50%,75%"
#define JOBS_MAX      1024

enum {
	KEY_GOALS = 0x100,
	KEY_HTML,
	KEY_PROMOTION,
};

struct arguments {
	struct compare compare;
	bool wanted[COMPARE_POLICIES]; /* by number in policies.h */
	bool some_wanted;
	bool goals;
	bool promotion_given;
	const char *sizes; /* as given, or NULL */
	struct arguments_common common;
	const char *html;
	unsigned int jobs;
};

static const struct argp_option option_table[] = {
	{"policy", 'p', "A,B,...", 0, "Only these; lru and opt always run (all)", 0},
	{"memory", 'm', "SIZE,...", 0,
	 "Shares of the footprint, sizes as 1.5GiB, or numbers of pages of 4 KiB (" SIZES_DEFAULT ")", 0},
	{"scan-interval", 's', "TICKS", 0, "As for run (64)", 0},
	{"goals", KEY_GOALS, NULL, 0,
	 "Goals Q1 to Q3, for every policy that is no reference, and Q4 and Q5 for generations; runs "
	 "mglru, too. --json has the goals then, and nothing else",
	 0},
	{"promotion-target", KEY_PROMOTION, "50%", 0,
	 "For Q5: share of the working set that may come back in a twentieth of the trace (50%)", 0},
	{"html", KEY_HTML, "FILE", 0,
	 "Write a page with tables and plots, which needs no other file", 0},
	{"jobs", 'J', "N", 0, "Replays at once (as many as there are processors)", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state);

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.args_doc = "TRACE...",
	.children = arguments_files,
	.doc = "Replay traces under several policies at several sizes of memory, and compare their "
	       "misses with those of exact LRU and of the optimum.\v"
	       "Decisions do not depend on --jobs.\n"
	       "\n"
	       "Examples:\n"
	       "  ptw-sim compare examples/sim/traces/*.zst --html report.html\n"
	       "  ptw-sim compare redis.u32.zst --policy generations,mglru --memory 10%,25%\n",
};

/* The next part of a list that ends at commas, into `part`; false: too long, or empty. */
static bool next_part(const char **list, char *part, size_t room)
{
	size_t length = strcspn(*list, ",");

	if (!length || length >= room)
		return false;
	memcpy(part, *list, length);
	part[length] = 0;
	*list += length;
	if (**list == ',')
		(*list)++;
	else
		*list = NULL;
	return true;
}

static bool same_limit(const struct memory_limit *a, const struct memory_limit *b)
{
	return a->is_share == b->is_share && a->share == b->share && a->pages == b->pages;
}

static void parse_sizes(struct compare *compare, const char *list)
{
	const char *rest = list;

	compare->size_count = 0;
	while (rest) {
		struct compare_size *size = &compare->sizes[compare->size_count];

		if (compare->size_count == COMPARE_SIZES)
			sim_die("bad --memory '%s'; give at most %d sizes", list, COMPARE_SIZES);
		if (!next_part(&rest, size->text, sizeof(size->text)) ||
		    !memory_limit_parse(&size->limit, size->text))
			sim_die("bad --memory '%s'; give shares up to 100%%, as in 10%%,25%%, sizes, as "
				"in 64MiB, or numbers of pages, as in 4096",
				list);
		for (unsigned int i = 0; i < compare->size_count; i++)
			if (same_limit(&compare->sizes[i].limit, &size->limit))
				sim_die("bad --memory '%s'; %s is there twice", list, size->text);
		compare->size_count++;
	}
}

static void parse_policies(struct arguments *arguments, const char *list)
{
	const char *rest = list;
	char part[32] = "";

	arguments->some_wanted = true;
	while (rest) {
		const char *bad = rest;
		unsigned int i = 0;

		if (!next_part(&rest, part, sizeof(part)))
			sim_die("bad --policy '%s'; give names, as in generations,mglru", list);
		while (policy_name(i) && strcmp(policy_name(i), policy_meant(part)) != 0)
			i++;
		if (!policy_name(i))
			sim_die("bad --policy '%s': no '%.*s'; ptw-sim --help lists them", list,
				(int)strcspn(bad, ","), bad);
		arguments->wanted[i] = true;
	}
}

static void add_trace(struct compare *compare, const char *path)
{
	size_t size = (compare->trace_count + 1) * sizeof(*compare->traces);
	struct compare_trace *traces = realloc(compare->traces, size);

	if (!traces)
		sim_die("not enough memory for %u traces", compare->trace_count + 1);
	traces[compare->trace_count] = (struct compare_trace){.path = path};
	compare->traces = traces;
	compare->trace_count++;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		arguments_init(state, &arguments->common);
		return 0;
	case 'p':
		parse_policies(arguments, arg);
		return 0;
	case 'm':
		arguments->sizes = arg;
		parse_sizes(&arguments->compare, arg);
		return 0;
	case 's':
		arguments->compare.scan_interval =
			(uint32_t)argument_number("scan-interval", "ticks", arg, 1, SCAN_INTERVAL_MAX);
		return 0;
	case KEY_PROMOTION:
		arguments->promotion_given = true;
		arguments->compare.promotion = argument_share("promotion-target", arg);
		return 0;
	case KEY_GOALS:
		arguments->goals = true;
		return 0;
	case KEY_HTML:
		arguments->html = argument_file("html", arg);
		return 0;
	case 'J':
		arguments->jobs = (unsigned int)argument_number("jobs", NULL, arg, 1, JOBS_MAX);
		return 0;
	case ARGP_KEY_ARG:
		add_trace(&arguments->compare, arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Those that were asked for, in the order of the list, and those that others are measured by. */
static void choose_policies(struct arguments *arguments)
{
	struct compare *compare = &arguments->compare;

	for (unsigned int i = 0; policy_at(i); i++) {
		const struct sim_policy *policy = policy_at(i);
		bool always = policy == &sim_policy_lru || policy == &sim_policy_opt ||
			      (arguments->goals && policy == &sim_policy_mglru);

		if (i == COMPARE_POLICIES)
			sim_die("there are more than %d policies", COMPARE_POLICIES);
		if (!always && arguments->some_wanted && !arguments->wanted[i])
			continue;
		compare->policies[compare->policy_count++] = policy;
	}
	compare->mglru = compare->policy_count;
	for (unsigned int i = 0; i < compare->policy_count; i++)
		compare->extra_wanted |= arguments->goals &&
					 compare->policies[i] == &sim_policy_generations;
	for (unsigned int i = 0; i < compare->policy_count; i++) {
		if (compare->policies[i] == &sim_policy_lru)
			compare->lru = i;
		if (compare->policies[i] == &sim_policy_opt)
			compare->opt = i;
		if (compare->policies[i] == &sim_policy_mglru)
			compare->mglru = i;
	}
}

static bool any_judged(const struct compare *compare)
{
	for (unsigned int i = 0; i < compare->policy_count; i++)
		if (compare_judged(compare, i))
			return true;
	return false;
}

static void check_output(const struct compare *compare, const char *option, const char *path)
{
	argument_check_output(option, path, NULL, 0);
	for (unsigned int i = 0; i < compare->trace_count; i++)
		argument_check_output(option, path, &compare->traces[i].path, 1);
}

static void check(const struct arguments *arguments)
{
	const struct compare *compare = &arguments->compare;
	unsigned int standard_input = 0;

	if (!compare->trace_count)
		sim_die("no trace named; give some, as in ptw-sim compare "
			"examples/sim/traces/*.u32.zst");
	for (unsigned int i = 0; i < compare->trace_count; i++)
		standard_input += strcmp(compare->traces[i].path, "-") == 0;
	if (standard_input > 1)
		sim_die("only one trace can come from standard input; give files for the others");
	if (arguments->goals && arguments->sizes)
		sim_die("--goals are about memory of %s; leave --memory out", SIZES_DEFAULT);
	if (arguments->goals && !any_judged(compare))
		sim_die("--goals are not about references; name another --policy, too");
	if (arguments->promotion_given && !compare->extra_wanted)
		sim_die("--promotion-target is about goal Q5 of generations; add --goals");
	argument_check_apart("json", arguments->common.json, "html", arguments->html);
	argument_check_apart("csv", arguments->common.csv, "html", arguments->html);
	argument_check_apart("json", arguments->common.json, "csv", arguments->common.csv);
	check_output(compare, "json", arguments->common.json);
	check_output(compare, "csv", arguments->common.csv);
	check_output(compare, "html", arguments->html);
}

/* Without its folder, and without the ending of traces. */
static char *short_name(const char *path)
{
	static const char *const endings[] = {".u32.zst", ".zst", ".u32", ".txt", ".log"};
	const char *slash = strrchr(path, '/');
	char *name = strdup(slash && slash[1] ? slash + 1 : path);

	for (size_t i = 0; name && i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t length = strlen(name), tail = strlen(endings[i]);

		if (length > tail && strcmp(name + length - tail, endings[i]) == 0) {
			name[length - tail] = 0;
			break;
		}
	}
	return name;
}

static void name_traces(struct compare *compare)
{
	for (unsigned int i = 0; i < compare->trace_count; i++) {
		struct compare_trace *trace = &compare->traces[i];

		trace->name = short_name(trace->path);
		for (unsigned int j = 0; trace->name && j < i; j++) {
			if (!strcmp(trace->name, compare->traces[j].name)) {
				free(trace->name);
				trace->name = strdup(trace->path);
			}
		}
		if (!trace->name)
			sim_die("not enough memory for the name of a trace");
		/* It is printed into tables. */
		for (char *c = trace->name; *c; c++)
			if ((unsigned char)*c < ' ' || *c == '\177')
				*c = '?';
	}
}

static void load_traces(struct compare *compare)
{
	char error[1024];

	for (unsigned int i = 0; i < compare->trace_count; i++) {
		sim_progress("reading traces", i, compare->trace_count);
		if (!trace_load(&compare->traces[i].trace, compare->traces[i].path, error,
				sizeof(error)))
			sim_die("%s", error);
		sim_say("read '%s': %zu references to %u pages", compare->traces[i].path,
			compare->traces[i].trace.references, compare->traces[i].trace.footprint);
	}
	sim_progress("", 0, 0);
}

static void report(const struct arguments *arguments)
{
	const struct compare *compare = &arguments->compare;

	const struct arguments_common *common = &arguments->common;

	if (common->json)
		output_made(common->json, compare_json(compare, arguments->goals));
	if (common->csv)
		output_made(common->csv, compare_csv(compare));
	if (arguments->html)
		output_made(arguments->html, compare_html(compare, arguments->goals));
	if (!output_is_stdout(common->json) && !output_is_stdout(common->csv) &&
	    !output_is_stdout(arguments->html))
		compare_print(compare, arguments->goals);
	output_flush();
}

static unsigned int processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned int)CPU_COUNT(&set);
}

int compare_main(int argc, char **argv)
{
	static struct arguments arguments;
	struct compare *compare = &arguments.compare;

	parse_sizes(compare, SIZES_DEFAULT);
	compare->scan_interval = SCAN_INTERVAL_DEFAULT;
	compare->promotion = PROACTIVE_TARGET_DEFAULT;
	arguments.jobs = processors();
	arguments.common.verb = "ptw-sim compare";
	arguments_parse(&argp, argc, argv, &arguments);
	choose_policies(&arguments);
	check(&arguments);
	name_traces(compare);
	load_traces(compare);
	compare->replays = calloc(compare_index(compare, compare->trace_count, 0, 0),
				  sizeof(*compare->replays));
	compare->extra = calloc(extra_count(compare) + 1, sizeof(*compare->extra));
	if (!compare->replays || !compare->extra)
		sim_die("not enough memory for the results");
	sim_say("replaying %u traces under %u policies in %u sizes of memory, by %u processes",
		compare->trace_count, compare->policy_count, compare->size_count, arguments.jobs);
	compare_run(compare, arguments.jobs);
	report(&arguments);
	for (unsigned int i = 0; i < compare->trace_count; i++) {
		trace_free(&compare->traces[i].trace);
		free(compare->traces[i].name);
	}
	free(compare->traces);
	free(compare->replays);
	free(compare->extra);
	return EXIT_SUCCESS;
}
