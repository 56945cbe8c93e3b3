/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Runs scenarios under all their schedules, or one again. Prints TAP. Each scenario has a process
 * of its own, so that a crash is a failure of that scenario, and its schedule is known.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/schedule/explore.h"
#include "tests/schedule/scenarios.h"

/* What a scenario's process leaves behind. */
struct report {
	struct explore_log log;
	char failure[1024];
	struct explore_counts counts;
	unsigned int bound; /* reached */
};

static const struct scenario *const all[] = {
	scenarios_walk,	   scenarios_map,     scenarios_unmap,
	scenarios_reshape, scenarios_reclaim, scenarios_prune,
	scenarios_formats, scenarios_space,   scenarios_shadow,
};

static struct report *report;
static const char *program;
static int bound = -1;
static double seconds = 60;
static uint64_t random_runs, seed = 1;
static bool every, verify;
static const char *only, *replay;

static void failed(const char *text)
{
	snprintf(report->failure, sizeof(report->failure), "%s", text);
	fflush(NULL);
	_exit(1);
}

static bool run_once(void *context, scheduler_policy_fn *policy, void *policy_context)
{
	const struct scenario *s = context;

	return s->space ? space_run(policy, policy_context) : world_run(policy, policy_context);
}

/* Without leaving out any schedule, are there more outcomes? */
static void compare(const struct scenario *s, unsigned int b)
{
	const struct explore_counts all_there_are =
		explore_all(run_once, (void *)(uintptr_t)s, b, seconds, false, &report->log);

	if (all_there_are.complete && report->counts.complete &&
	    all_there_are.ends != report->counts.ends)
		scheduler_fail("%" PRIu64 " outcomes of all schedules, %" PRIu64
			       " of those that were explored",
			       all_there_are.ends, report->counts.ends);
}

static _Noreturn void run_child(const struct scenario *s)
{
	const unsigned int last = bound >= 0 ? (unsigned int)bound : s->bound;
	void *const context = (void *)(uintptr_t)s;

	scheduler_on_fail = failed;
	report->log.digits[0] = 0;
	if (s->space)
		space_open(s);
	else
		world_open(s);
	if (replay) {
		explore_one(run_once, context, replay, &report->log);
	} else if (random_runs) {
		explore_random(run_once, context, seed, random_runs, &report->log);
		report->counts.schedules = random_runs;
	} else {
		for (unsigned int b = verify ? last : 0; b <= last; b++) {
			report->bound = b;
			report->counts =
				explore_all(run_once, context, b, seconds, !every, &report->log);
			if (!report->counts.complete)
				break;
		}
		if (verify)
			compare(s, last);
	}
	fflush(NULL);
	_exit(0);
}

/* True if it did not fail. */
static bool run_scenario(const struct scenario *s, unsigned int number)
{
	unsigned int threads = 0;
	char why[128] = "";
	int status;
	pid_t pid;

	while (threads < SCHEDULER_THREADS && s->thread[threads][0].kind != OP_END)
		threads++;
	memset(report, 0, sizeof(*report));
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_child(s);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		fprintf(stderr, "%s: cannot start a process: %s\n", program, strerror(errno));
		exit(2);
	}
	if (WIFSIGNALED(status))
		snprintf(why, sizeof(why), "killed by signal %d, %s", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) && !report->failure[0])
		snprintf(why, sizeof(why), "exit status %d", WEXITSTATUS(status));
	if (status) {
		printf("not ok %u - %s\n# %s%s\n# schedule: %s\n", number, s->name, report->failure,
		       why, report->log.digits);
		printf("# to repeat: %s --scenario '%s' --replay %s\n", program, s->name,
		       report->log.digits[0] ? report->log.digits : "0");
		return false;
	}
	printf("ok %u - %s\n", number, s->name);
	if (random_runs)
		printf("# %u threads, %" PRIu64 " schedules by seed %" PRIu64 "\n", threads,
		       random_runs, seed);
	else if (!replay)
		printf("# %u threads, at most %u preemptions, %" PRIu64 " schedules, %" PRIu64
		       " more cut short in a known state, %" PRIu64 " outcomes: %s\n",
		       threads, report->bound, report->counts.schedules, report->counts.pruned,
		       report->counts.ends,
		       report->counts.complete ? "all there are" : "NOT ALL, out of time");
	fflush(stdout);
	return true;
}

static bool wanted(const struct scenario *s)
{
	return !only || !strcmp(only, s->name);
}

static _Noreturn void usage(int status)
{
	fprintf(status ? stderr : stdout,
		"usage: %s [--scenario NAME] [--bound PREEMPTIONS] [--seconds LIMIT]\n"
		"       [--random RUNS [--seed SEED]] [--replay DIGITS] [--every] [--verify]\n"
		"       [--list]\n"
		"Runs each scenario under all schedules up to its bound of preemptions (or the\n"
		"environment variable PTW_SCHEDULE_BOUND); --every also those that only lead to a\n"
		"state seen before; --verify compares the outcomes. Example, a failed one again:\n"
		"  %s --scenario 'harvest, processor' --replay 0001\n",
		program, program);
	exit(status);
}

static uint64_t number_of(const char *text, const char *what)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	if (*end || !*text) {
		fprintf(stderr, "%s: %s is '%s': give a number\n", program, what, text);
		exit(2);
	}
	return value;
}

static void options(int argc, char **argv)
{
	static const struct option known[] = {
		{"scenario", required_argument, NULL, 's'},
		{"bound", required_argument, NULL, 'b'},
		{"seconds", required_argument, NULL, 't'},
		{"random", required_argument, NULL, 'r'},
		{"seed", required_argument, NULL, 'e'},
		{"replay", required_argument, NULL, 'p'},
		{"every", no_argument, NULL, 'v'},
		{"verify", no_argument, NULL, 'y'},
		{"list", no_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *env = getenv("PTW_SCHEDULE_BOUND");
	int c;

	if (env)
		bound = (int)number_of(env, "PTW_SCHEDULE_BOUND");
	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 's':
			only = optarg;
			break;
		case 'b':
			bound = (int)number_of(optarg, "--bound");
			break;
		case 't':
			seconds = (double)number_of(optarg, "--seconds");
			break;
		case 'r':
			random_runs = number_of(optarg, "--random");
			break;
		case 'e':
			seed = number_of(optarg, "--seed");
			break;
		case 'p':
			replay = optarg;
			break;
		case 'v':
			every = true;
			break;
		case 'y':
			verify = true;
			break;
		case 'l':
			for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
				for (const struct scenario *s = all[i]; s->name; s++)
					puts(s->name);
			exit(0);
		case 'h':
			usage(0);
		default:
			usage(2);
		}
	}
	if (optind < argc)
		usage(2);
	if (bound > 6) {
		fprintf(stderr, "%s: a bound of %d would never end: give 0 to 6\n", program, bound);
		exit(2);
	}
	if (replay && (!only || replay[strspn(replay, "0123")])) {
		fprintf(stderr, "%s: --replay takes digits 0 to 3, and --scenario with it\n",
			program);
		exit(2);
	}
#ifdef PTW_TSAN
	/* Real threads cannot be given up half-way, which exploring everything needs. */
	if (!random_runs && !replay)
		random_runs = 50;
#endif
}

int main(int argc, char **argv)
{
	unsigned int count = 0, number = 0, bad = 0;

	program = argv[0];
	options(argc, argv);
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (report == MAP_FAILED) {
		fprintf(stderr, "%s: no memory\n", program);
		return 2;
	}
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (const struct scenario *s = all[i]; s->name; s++)
			count += wanted(s);
	if (!count) {
		fprintf(stderr, "%s: no scenario is named '%s': see --list\n", program, only);
		return 2;
	}
	printf("TAP version 13\n1..%u\n", count);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (const struct scenario *s = all[i]; s->name; s++)
			if (wanted(s))
				bad += !run_scenario(s, ++number);
	return bad ? 1 : 0;
}
