/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The short version of ptw-stress: every configuration, until every allowed pair was had. */
#include "stress.h"

static void run(const char *config, double seconds)
{
	const struct options options = {
		.config = config,
		.seed = test_seed(),
		.seconds = seconds,
		.threads = 8,
		.log = stderr,
		.program = "ptw-stress",
	};

	cr_assert(stress_run(&options), "%s: see the lines above", config);
}

Test(stress, ept, .timeout = 60)
{
	run("ept4", 2);
}

Test(stress, ept_tracked, .timeout = 60)
{
	run("ept4-tracked", 2);
}

Test(stress, arm64_groups, .timeout = 60)
{
	run("arm64-s2-4k-contig", 2);
}

Test(stress, arm64_software_flag, .timeout = 60)
{
	run("arm64-s2-4k-swaf", 2);
}

Test(stress, perverse, .timeout = 60)
{
	run("perverse", 2);
}

/* The other formats share their walkers' templates with these: less will do. */
Test(stress, x86_64, .timeout = 60)
{
	run("x86-64", 0.8);
}

Test(stress, arm64_stage1, .timeout = 60)
{
	run("arm64-s1-4k", 0.8);
}
