/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file harness.h
 * One test source, two runners.
 *
 * Normally a test file is a Criterion program. With -DPTW_PLAIN_TESTS the same source is run by the
 * small runner of main.c: Criterion cannot run under ThreadSanitizer (it maps an arena where the
 * sanitizer allows none), does not fail a test that leaks, and re-executes itself, which an emulated
 * program cannot do.
 *
 * What a test may use is therefore what both offer:
 *
 *	Test(suite, name, .timeout = SECONDS, .init = FUNCTION, .fini = FUNCTION) { ... }
 *	cr_assert(condition, "text %d", value...)         the text is optional everywhere
 *	cr_assert_not(condition, ...)
 *	cr_assert_eq, _neq, _lt, _leq, _gt, _geq (a, b, ...)
 *	cr_assert_null, cr_assert_not_null (pointer, ...)
 *	cr_assert_str_eq, cr_assert_str_neq (a, b, ...)
 *	cr_assert_fail("text", ...)                       Criterion keeps the name cr_fail to itself
 *	cr_skip("text", ...)
 *	cr_log_info("text", ...)
 *
 * Each test runs in a process of its own. Assert in the thread that runs the test only: let other
 * threads count what went wrong and return it.
 */
#ifndef PTW_TESTS_HARNESS_H
#define PTW_TESTS_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Seed of the random numbers of this run: the environment variable PTW_SEED (decimal, or
 * hexadecimal with 0x), otherwise a fixed number. When a test fails, the runner prints the seed and
 * the command that repeats the failure.
 */
uint64_t test_seed(void);

/**
 * How many times longer than in a plain build the tests of this process may be expected to take:
 * 1, or more under sanitizers and emulation. Scales time limits; tests may divide their work by it.
 */
unsigned int test_slowness(void);

/** Of many cases that a plain build tries all, one in how many a test tries here: 16 at most. */
static inline unsigned int test_share(void)
{
	return test_slowness() < 16 ? test_slowness() : 16;
}

/** Of `rounds` at random, how many of them a test makes here: four where that is not more than all. */
static inline unsigned int test_rounds(unsigned int rounds)
{
	const unsigned int share = rounds / test_slowness();

	return share > 4 ? share : rounds < 4 ? rounds : 4;
}

/** Does a test that tries a share of many cases try case `n`? Drawn by the seed. */
static inline bool test_takes(uint64_t n)
{
	const unsigned int share = test_share();
	uint64_t drawn;

	if (share == 1)
		return true;
	/* Every bit of both counts: products carry upwards only, so high bits are brought down in between. */
	drawn = (n + 1) * 0x9e3779b97f4a7c15u ^ test_seed();
	drawn = (drawn ^ drawn >> 30) * 0xbf58476d1ce4e5b9u;
	drawn = (drawn ^ drawn >> 27) * 0x94d049bb133111ebu;
	return (drawn >> 32) % share == 0;
}

#ifndef PTW_PLAIN_TESTS

#include <criterion/criterion.h>

#else /* PTW_PLAIN_TESTS */

#include <string.h>

struct plain_options {
	unsigned int timeout; /* seconds in a plain build; 0 = 240 */
	void (*init)(void);
	void (*fini)(void);
	int sentinel;
};

struct plain_test {
	const char *suite;
	const char *name;
	void (*run)(void);
	struct plain_options options;
	struct plain_test *next;
};

void plain_register(struct plain_test *test);
_Noreturn void plain_fail(const char *file, int line, const char *what, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
_Noreturn void plain_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
void plain_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define Test(s, n, ...)                                                                            \
	static void plain_run_##s##_##n(void);                                                     \
	static struct plain_test plain_test_##s##_##n = {                                          \
		.suite = #s,                                                                       \
		.name = #n,                                                                        \
		.run = plain_run_##s##_##n,                                                        \
		.options = {.sentinel = 0, __VA_ARGS__},                                           \
	};                                                                                         \
	PLAIN_REGISTER(plain_test_##s##_##n)                                                       \
	static void plain_run_##s##_##n(void)

/* How a test gets known, and what is done when a check passed. A host that has no constructors, as
 * a kernel, defines its own. */
#ifndef PLAIN_REGISTER
#define PLAIN_REGISTER(test)                                                                       \
	__attribute__((constructor)) static void register_##test(void)                             \
	{                                                                                          \
		plain_register(&(test));                                                           \
	}
#endif
#ifndef plain_pass
#define plain_pass() ((void)0)
#endif

/* The space keeps the format from being empty; the runner drops it. */
#define plain_check(ok, what, ...)                                                                 \
	((ok) ? plain_pass() : plain_fail(__FILE__, __LINE__, what, " " __VA_ARGS__))

#define cr_assert(condition, ...)     plain_check(condition, #condition, __VA_ARGS__)
#define cr_assert_not(condition, ...) plain_check(!(condition), "!(" #condition ")", __VA_ARGS__)
#define cr_assert_eq(a, b, ...)	      plain_check((a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)      plain_check((a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)	      plain_check((a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...)      plain_check((a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...)	      plain_check((a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...)      plain_check((a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_null(p, ...)	      plain_check((p) == NULL, #p " == NULL", __VA_ARGS__)
#define cr_assert_not_null(p, ...)    plain_check((p) != NULL, #p " != NULL", __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)                                                                \
	plain_check(strcmp((a), (b)) == 0, #a " equals " #b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...)                                                               \
	plain_check(strcmp((a), (b)) != 0, #a " differs from " #b, __VA_ARGS__)
#define cr_assert_fail(...) plain_fail(__FILE__, __LINE__, "reached", " " __VA_ARGS__)
#define cr_skip(...)	    plain_skip(" " __VA_ARGS__)
#define cr_log_info(...)    plain_log(" " __VA_ARGS__)

#endif /* PTW_PLAIN_TESTS */

#endif /* PTW_TESTS_HARNESS_H */
