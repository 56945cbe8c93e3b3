/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The short version of ptw-stress: every configuration, until every allowed pair was had. */
#include "stress.h"

static void run_with(const char *config, double seconds, uint32_t kernel, enum stress_clear clear)
{
	const struct options options = {
		.config = config,
		.kernel = kernel,
		.clear = clear,
		.seed = test_seed(),
		.seconds = seconds,
		.threads = 8,
		.log = stderr,
		.program = "ptw-stress",
	};

	cr_assert(stress_run(&options), "%s: see the lines above", config);
}

/* Laps take turns with kernels and ways to clear. */
static void run(const char *config, double seconds)
{
	run_with(config, seconds, PTW_KERNEL_BEST, STRESS_CLEAR_ROTATE);
}

Test(stress, ept, .timeout = 300)
{
	run("ept4", 2);
}

Test(stress, ept_tracked, .timeout = 300)
{
	run("ept4-tracked", 2);
}

Test(stress, arm64_groups, .timeout = 300)
{
	run("arm64-s2-4k-contig", 2);
}

Test(stress, arm64_software_flag, .timeout = 300)
{
	run("arm64-s2-4k-swaf", 2);
}

Test(stress, perverse, .timeout = 300)
{
	run("perverse", 2);
}

/* Each kernel with each way to clear, on the two formats whose hot loops are used most. */
Test(stress, kernels, .timeout = 300)
{
	for (uint32_t kernel = PTW_KERNEL_BEST + 1; ptw_kernel_name(kernel); kernel++)
		for (enum stress_clear clear = STRESS_CLEAR_SINGLES; clear < STRESS_CLEARS; clear++) {
			if (!ptw_kernel_available(kernel) || !stress_clear_available(clear))
				continue;
			run_with("ept4", 0.3, kernel, clear);
			run_with("x86-64", 0.3, kernel, clear);
		}
}

/* Until every allowed pair was had. */
Test(stress, pairs, .timeout = 300)
{
	if (!ptw_clear_available(PTW_CLEAR_PAIRS))
		cr_skip("this processor or this build has no cmpxchg16b");
	run_with("ept4", 2, PTW_KERNEL_BEST, STRESS_CLEAR_PAIRS);
}

Test(stress, transactions, .timeout = 300)
{
	if (!ptw_clear_available(PTW_CLEAR_TRANSACTIONS))
		cr_skip("this processor or this build has no RTM");
	run_with("ept4", 2, PTW_KERNEL_BEST, STRESS_CLEAR_TRANSACTIONS);
}

/* The other formats share their walkers' templates with these: less will do. */
Test(stress, x86_64, .timeout = 300)
{
	run("x86-64", 0.8);
}

Test(stress, arm64_stage1, .timeout = 300)
{
	run("arm64-s1-4k", 0.8);
}
