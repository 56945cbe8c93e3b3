/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* mmu-stress: the stress test of spaces as a program, for runs of any length. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mmu_stress.h"

#define WATCHDOG_SECONDS 120
#define THREADS_MIN	 5

static const char usage[] =
	"usage: mmu-stress [--seed NUMBER] [--seconds NUMBER] [--threads NUMBER]\n"
	"MMUs, slots, shadow entries, invalidations, agers and consumers at once in one space, judged\n"
	"by a ledger. A seed fixes the order of each thread's operations, not how threads interleave.\n"
	"  --seed NUMBER     decimal, or hexadecimal with 0x; default 1\n"
	"  --seconds NUMBER  from 1 on, a run goes on until it had everything, eight times as long at\n"
	"                    most; default 10\n"
	"  --threads NUMBER  5 to 32; default 8\n"
	"Example: mmu-stress --seed 7 --seconds 60\n"
	"Exit status: 0 all was right, 1 something was wrong, 2 bad arguments, 3 a round hung\n";

static _Noreturn void refuse(const char *option, const char *value, const char *wanted)
{
	fprintf(stderr, "mmu-stress: %s %s: %s; --help tells more\n", option, value, wanted);
	exit(2);
}

static void hung(int signal)
{
	static const char text[] = "# FAILED: a round did not end\n";

	(void)signal;
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(4);
	_exit(3);
}

static void set(struct options *options, const char *option, const char *value)
{
	char *end = NULL;

	errno = 0;
	if (!strcmp(option, "--seed")) {
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

		if (errno || end == value || *end || threads < THREADS_MIN || threads > THREADS_MAX)
			refuse(option, value, "5 to 32 are wanted");
		options->threads = (unsigned int)threads;
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
	return stress_run(&options) ? 0 : 1;
}
