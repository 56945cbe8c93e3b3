/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What a test learns about the run it is part of. The same under both runners. */
#include "tests/harness/harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define BUILD_SLOWNESS 5
#elif defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define BUILD_SLOWNESS 3
#else
#define BUILD_SLOWNESS 1
#endif

/* A number from the environment. A value that is none ends the run: a typo must not pass for a
 * run with the wanted seed. */
static uint64_t number(const char *name, uint64_t absent)
{
	const char *text = getenv(name);
	unsigned long long value;
	char *end;

	if (!text || !*text)
		return absent;
	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || *end || *text == '-') {
		fprintf(stderr, "%s=%s is not a number: use decimal, or hexadecimal with 0x\n",
			name, text);
		exit(2);
	}
	return value;
}

/* Asked for each of many cases, by any thread: the environment is read once. */
uint64_t test_seed(void)
{
	static uint64_t seed;
	static bool known;

	if (!__atomic_load_n(&known, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&seed, number("PTW_SEED", 0x5eed5eed5eedULL), __ATOMIC_RELAXED);
		__atomic_store_n(&known, true, __ATOMIC_RELEASE);
	}
	return __atomic_load_n(&seed, __ATOMIC_RELAXED);
}

unsigned int test_slowness(void)
{
	static unsigned int slowness;
	unsigned int known = __atomic_load_n(&slowness, __ATOMIC_RELAXED);

	if (!known) {
		uint64_t machine = number("PTW_SLOWNESS", 1);

		if (machine > 1000) {
			fprintf(stderr, "PTW_SLOWNESS=%s is too much: give 1000 or less\n",
				getenv("PTW_SLOWNESS"));
			exit(2);
		}
		known = BUILD_SLOWNESS * (machine ? (unsigned int)machine : 1);
		__atomic_store_n(&slowness, known, __ATOMIC_RELAXED);
	}
	return known;
}
