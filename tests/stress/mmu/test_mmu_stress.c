/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The short version of mmu-stress. */
#include "mmu_stress.h"

Test(mmu_stress, all_at_once, .timeout = 300)
{
	const struct options options = {
		.seed = test_seed(),
		.seconds = 3,
		.threads = 8,
		.log = stderr,
		.program = "mmu-stress",
	};

	cr_assert(stress_run(&options), "see the lines above");
}

/* More threads than processors: whoever holds something is often stopped while he does. */
Test(mmu_stress, many_threads, .timeout = 300)
{
	const struct options options = {
		.seed = test_seed() + 1,
		.seconds = 2,
		.threads = 16,
		.log = stderr,
		.program = "mmu-stress",
	};

	cr_assert(stress_run(&options), "see the lines above");
}
