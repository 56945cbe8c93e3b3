/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* ptw-stress: the stress test as a program, for runs of any length. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stress.h"

#define WATCHDOG_SECONDS 120

static const char *const configs[] = {
	"ept4", "ept4-tracked", "arm64-s2-4k-contig", "arm64-s2-4k-swaf", "perverse",
};

#define CONFIGS (sizeof(configs) / sizeof(configs[0]))

static const char usage[] =
	"usage: ptw-stress [--config NAME] [--seed NUMBER] [--seconds NUMBER] [--threads NUMBER]\n"
	"                  [--kernel NAME] [--clear NAME]\n"
	"Everybody at once on one page table, judged by a ledger. A seed fixes configurations and\n"
	"the order of each thread's operations, not how threads interleave.\n"
	"  --config NAME     a preset; without it ept4, ept4-tracked, arm64-s2-4k-contig,\n"
	"                    arm64-s2-4k-swaf and perverse, one after the other\n"
	"  --seed NUMBER     decimal, or hexadecimal with 0x; default 1\n"
	"  --seconds NUMBER  for each configuration; from 1 on, a run goes on until it had every\n"
	"                    allowed pair, eight times as long at most; default 10\n"
	"  --threads NUMBER  3 to 32, a quarter of them CPUs; default 8\n"
	"  --kernel NAME     how harvests search tables: portable, sse2, avx2, avx512, neon; default\n"
	"                    rotate: another one in each lap, of those that this processor has\n"
	"  --clear NAME      how they clear young entries: singles, pairs, transactions, both;\n"
	"                    default rotate, likewise\n"
	"Example: ptw-stress --config perverse --seed 7 --seconds 60\n"
	"Exit status: 0 all was right, 1 something was wrong, 2 bad arguments, 3 a round hung\n";

static _Noreturn void refuse(const char *option, const char *value, const char *wanted)
{
	fprintf(stderr, "ptw-stress: %s %s: %s; --help tells more\n", option, value, wanted);
	exit(2);
}

static void hung(int signal)
{
	static const char text[] = "# FAILED: a round did not end; the last lines tell which\n";

	(void)signal;
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(4);
	_exit(3);
}

static uint32_t kernel_named(const char *option, const char *name)
{
	if (!strcmp(name, stress_clear_names[STRESS_CLEAR_ROTATE]))
		return PTW_KERNEL_BEST;
	for (uint32_t k = PTW_KERNEL_BEST + 1; ptw_kernel_name(k); k++) {
		if (strcmp(name, ptw_kernel_name(k)))
			continue;
		if (!ptw_kernel_available(k))
			refuse(option, name, "this processor or this build does not have it");
		return k;
	}
	refuse(option, name, "no such kernel");
}

static enum stress_clear clear_named(const char *option, const char *name)
{
	for (enum stress_clear c = STRESS_CLEAR_ROTATE; c < STRESS_CLEARS; c++) {
		if (strcmp(name, stress_clear_names[c]))
			continue;
		if (!stress_clear_available(c))
			refuse(option, name, "this processor or this build does not have it");
		return c;
	}
	refuse(option, name, "no such way to clear");
}

static void set(struct options *options, const char *option, const char *value)
{
	char *end = NULL;

	errno = 0;
	if (!strcmp(option, "--config")) {
		struct ptw_config config;

		if (ptw_preset(value, &config))
			refuse(option, value, "no such preset");
		options->config = value;
	} else if (!strcmp(option, "--seed")) {
		options->seed = strtoull(value, &end, 0);
		if (errno || end == value || *end || *value == '-')
			refuse(option, value, "a number is wanted");
	} else if (!strcmp(option, "--seconds")) {
		options->seconds = strtod(value, &end);
		if (errno || end == value || *end || !(options->seconds > 0) ||
		    options->seconds > 1e6)
			refuse(option, value, "a number above 0 is wanted");
	} else if (!strcmp(option, "--threads")) {
		unsigned long threads = strtoul(value, &end, 0);

		if (errno || end == value || *end || threads < 3 || threads > STRESS_THREADS)
			refuse(option, value, "3 to 32 are wanted");
		options->threads = (unsigned int)threads;
	} else if (!strcmp(option, "--kernel")) {
		options->kernel = kernel_named(option, value);
	} else if (!strcmp(option, "--clear")) {
		options->clear = clear_named(option, value);
	} else {
		refuse(option, value, "unknown option");
	}
}

int main(int argc, char **argv)
{
	struct options options = {
		.seed = 1,
		.seconds = 10,
		.threads = 8,
		.watchdog = WATCHDOG_SECONDS * test_slowness(),
		.log = stdout,
		.program = argv[0],
	};
	bool ok = true;

	for (int i = 1; i < argc; i += 2) {
		if (!strcmp(argv[i], "--help")) {
			fputs(usage, stdout);
			return 0;
		}
		if (i + 1 == argc)
			refuse(argv[i], "", "an option and its value are wanted");
		set(&options, argv[i], argv[i + 1]);
	}
	signal(SIGALRM, hung);
	if (options.config)
		return stress_run(&options) ? 0 : 1;
	for (size_t i = 0; i < CONFIGS; i++) {
		options.config = configs[i];
		ok = stress_run(&options) && ok;
	}
	return ok ? 0 : 1;
}
