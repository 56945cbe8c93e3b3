/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Says how to repeat a test that failed under Criterion. */
#include "tests/harness/harness.h"

#include <criterion/hooks.h>

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static void say_how_to_repeat(const struct criterion_test *test)
{
	char program[4096];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	program[length > 0 ? length : 0] = '\0';
	fprintf(stderr, "# to repeat: PTW_SEED=0x%" PRIx64 " %s --filter '%s/%s'\n", test_seed(),
		program, test->category, test->name);
}

/* Both hooks run in the parent; a test that crashed never reaches the first. */
ReportHook(POST_TEST)(struct criterion_test_stats *stats)
{
	if (stats->test_status == CR_STATUS_FAILED)
		say_how_to_repeat(stats->test);
}

ReportHook(TEST_CRASH)(struct criterion_test_stats *stats)
{
	say_how_to_repeat(stats->test);
}
