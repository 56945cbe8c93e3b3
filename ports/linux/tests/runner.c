// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Runs the tests of this module, one after the other while it is being loaded, and prints KTAP.
 *
 * Each test has a kthread of its own, so that a check that fails can end it; variables of the tests
 * are put back to what they were before (bundle.lds), as a process of its own would have them. A test
 * that does not end in time ends the run: nothing ends a kthread from outside.
 */
#include <linux/completion.h>
#include <linux/glob.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/debug.h>
#include <linux/slab.h>
#include <linux/utsname.h>
#include <linux/vmalloc.h>

#include <ptw/ptw.h>
#include <ptw/port.h>

#include "tests/harness/harness.h"

#include "runner.h"

#define DEFAULT_SECONDS 60
#define MOST_SECONDS    1500 /* less than the guest has (tests/kernel/run.sh), so that what hangs is named */

static char *filter = "*";
module_param(filter, charp, 0444);
MODULE_PARM_DESC(filter, "tests to run, SUITE/NAME with * and ?");

static unsigned long long seed = 0x5eed5eed5eedULL;
module_param(seed, ullong, 0444);
MODULE_PARM_DESC(seed, "seed of random numbers");

static unsigned int slowness = 1;
module_param(slowness, uint, 0444);
MODULE_PARM_DESC(slowness, "how many times slower than a plain machine; tests do less work");

/* Of bundle.lds. */
extern char ktest_data_start[], ktest_data_end[], ktest_bss_start[], ktest_bss_end[];
extern struct plain_test *const ktest_tests_start[], *const ktest_tests_end[];

static struct {
	const struct plain_test *test;
	struct task_struct *main;
	struct completion done;
	bool failed, skipped, ended;
	u64 checks;
} run;

u64 test_seed(void)
{
	return seed;
}

unsigned int test_slowness(void)
{
	return slowness ? slowness : 1;
}

/* Physical addresses of tables begin at 16 MiB: not what they are, and never too large. */
extern u64 ktest_phys_offset;
u64 ktest_phys_offset;

static void say(const char *prefix, const char *format, va_list args)
{
	struct va_format text = { .fmt = *format == ' ' ? format + 1 : format };
	va_list copy;

	va_copy(copy, args);
	text.va = &copy;
	printk(KERN_INFO "# %s%s%pV\n", prefix, *prefix && *text.fmt ? ": " : "", &text);
	va_end(copy);
}

bool ktest_is_main(void)
{
	return current == READ_ONCE(run.main);
}

bool ktest_may_sleep(void)
{
	return ptw_port_may_block() && !irqs_disabled();
}

_Noreturn void ktest_end_thread(void)
{
	unsigned int depth;

	/* A visitor may have found it, inside the walk's read-side section. */
	for (depth = 0; depth < 4 && ptw_barrier() == PTW_ERR_CONTEXT; depth++)
		ptw_read_unlock();
	if (!ktest_may_sleep())
		panic("a check failed where its thread cannot be ended");
	ktest_thread_exit();
	kthread_complete_and_exit(&run.done, 0);
}

void ktest_wrong(const char *format, ...)
{
	va_list args;

	WRITE_ONCE(run.failed, true);
	va_start(args, format);
	say("failed", format, args);
	va_end(args);
}

void plain_fail(const char *file, int line, const char *what, const char *format, ...)
{
	static char prefix[512];
	va_list args;

	WRITE_ONCE(run.failed, true);
	snprintf(prefix, sizeof(prefix), "%s:%d: failed: %s", file, line, what);
	va_start(args, format);
	say(prefix, format, args);
	va_end(args);
	ktest_end_thread();
}

_Noreturn void ktest_abort(const char *file, int line);
_Noreturn void ktest_abort(const char *file, int line)
{
	plain_fail(file, line, "abort", " ");
}

void plain_skip(const char *format, ...)
{
	va_list args;

	WRITE_ONCE(run.skipped, true);
	va_start(args, format);
	say("skipped", format, args);
	va_end(args);
	ktest_end_thread();
}

void plain_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("", format, args);
	va_end(args);
}

void ktest_breathe(void);
void ktest_breathe(void)
{
	if (ktest_may_sleep())
		cond_resched();
}

/* Of the test's own thread only, so that no other one's cache line is needed. */
void ktest_pass(void);
void ktest_pass(void)
{
	if (!ktest_is_main())
		return;
	run.checks++;
	/* Also from visitors; in a read-side section it would end a grace period. */
	if (!(run.checks & 63) && (IS_ENABLED(CONFIG_PREEMPT_COUNT) || !ktest_public_only))
		ktest_breathe();
}

_Bool ktest_hooked(void);
_Bool ktest_hooked(void)
{
	return in_task() && ktest_is_main();
}

static int test_main(void *argument)
{
	const struct plain_options *options = &run.test->options;

	if (options->init)
		options->init();
	run.test->run();
	if (options->fini)
		options->fini();
	run.ended = true;
	if (!ktest_may_sleep()) {
		ktest_wrong("the test ended inside a read-side section");
		ktest_end_thread();
	}
	kthread_complete_and_exit(&run.done, 0);
}

/* False: the run cannot go on. */
static bool run_test(const struct plain_test *test, unsigned int number, bool *ok)
{
	const unsigned int seconds =
		min((test->options.timeout ? test->options.timeout : DEFAULT_SECONDS) *
			    test_slowness(), (unsigned int)MOST_SECONDS);
	struct task_struct *task;
	bool over, rest;
	ktime_t begin = ktime_get();

	memset(&run, 0, sizeof(run));
	run.test = test;
	init_completion(&run.done);
	ktest_shim_open();
	task = kthread_create(test_main, NULL, "ptw_test");
	if (IS_ERR(task)) {
		printk(KERN_INFO "not ok %u - %s/%s\n# no thread: %ld\n", number, test->suite,
		       test->name, PTR_ERR(task));
		return false;
	}
	get_task_struct(task);
	WRITE_ONCE(run.main, task);
	wake_up_process(task);
	over = wait_for_completion_timeout(&run.done, (unsigned long)seconds * HZ);
	if (!over) {
		printk(KERN_INFO "# no end within %u s; where it is:\n", seconds);
		sched_show_task(task);
	}
	put_task_struct(task);
	rest = over && ktest_shim_close(!run.failed && !run.skipped);
	*ok = over && rest && !run.failed && (run.ended || run.skipped);
	if (run.skipped)
		printk(KERN_INFO "%sok %u - %s/%s # SKIP\n", *ok ? "" : "not ", number,
		       test->suite, test->name);
	else
		printk(KERN_INFO "%sok %u - %s/%s: %llu checks in %lld ms\n", *ok ? "" : "not ",
		       number, test->suite, test->name, run.checks,
		       ktime_ms_delta(ktime_get(), begin));
	return over && rest;
}

static bool wanted(const struct plain_test *test)
{
	char name[256];

	snprintf(name, sizeof(name), "%s/%s", test->suite, test->name);
	return glob_match(filter, name);
}

static void run_all(void *data)
{
	const size_t data_bytes = ktest_data_end - ktest_data_start;
	struct plain_test *const *at;
	unsigned int count = 0, number = 0, failed = 0;

	for (at = ktest_tests_start; at < ktest_tests_end; at++)
		count += wanted(*at);
	printk(KERN_INFO "KTAP version 1\n");
	printk(KERN_INFO "1..%u\n", count);
	printk(KERN_INFO "# %s: seed %#llx, slowness %u, %u CPUs, %s\n", THIS_MODULE->name, seed,
	       test_slowness(), num_online_cpus(), init_utsname()->machine);
	for (at = ktest_tests_start; at < ktest_tests_end; at++) {
		bool ok;

		memcpy(ktest_data_start, data, data_bytes);
		memset(ktest_bss_start, 0, ktest_bss_end - ktest_bss_start);
		if (!wanted(*at))
			continue;
		if (!run_test(*at, ++number, &ok)) {
			printk(KERN_INFO "Bail out! what a test left behind cannot be ended\n");
			return;
		}
		failed += !ok;
	}
	printk(KERN_INFO "# %s: %u passed, %u failed\n", THIS_MODULE->name, number - failed, failed);
}

static int __init runner_init(void)
{
	void *data = vmalloc(ktest_data_end - ktest_data_start + 1);

	if (!data)
		return -ENOMEM;
	ktest_phys_offset = PAGE_OFFSET - SZ_16M;
	memcpy(data, ktest_data_start, ktest_data_end - ktest_data_start);
	run_all(data);
	/* Not given back, and never unloaded: a thread may still be there. */
	return 0;
}
module_init(runner_init);

MODULE_DESCRIPTION("Tests of libptw");
MODULE_LICENSE("Dual MIT/GPL");
