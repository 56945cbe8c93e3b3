/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What <ptw/thread.h> promises about fork, thread exit, signals and allocation. */
#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ptw/ptw.h>

#include "harness.h"

#define SIZE ((uint64_t)8 << 20)

static struct ptw_pgtable *new_pgtable(void)
{
	struct ptw_map map = { .size = sizeof(map),
			       .prot = PTW_PROT_READ | PTW_PROT_WRITE,
			       .flags = PTW_LEAF_YOUNG,
			       .page_levels = 1 };
	struct ptw_pgtable *pgtable = NULL;
	struct ptw_config config;

	ptw_preset("ept4", &config);
	cr_assert_eq(ptw_pgtable_create(&config, &pgtable), PTW_OK);
	cr_assert_eq(ptw_map(pgtable, 0, SIZE, 0, &map, NULL), PTW_OK);
	return pgtable;
}

/* Take everything out and put it back, so that tables are retired. */
static int churn(struct ptw_pgtable *pgtable)
{
	struct ptw_map map = { .size = sizeof(map), .prot = PTW_PROT_READ, .page_levels = 1 };
	int ret = ptw_unmap(pgtable, 0, SIZE, NULL, NULL);

	return ret ? ret : ptw_map(pgtable, 0, SIZE, 0, &map, NULL);
}

static uint64_t retired(struct ptw_pgtable *pgtable)
{
	struct ptw_info info = { .size = sizeof(info) };

	ptw_pgtable_info(pgtable, &info);
	return info.tables_retired;
}

static int child_work(struct ptw_pgtable *pgtable)
{
	if (churn(pgtable))
		return 1;
	/* Grace periods work: the tables come back. */
	if (ptw_barrier() || retired(pgtable))
		return 2;
	if (ptw_test_clear_young(pgtable, 0) < 0)
		return 3;
	if (ptw_pgtable_destroy(pgtable))
		return 4;
	return 0;
}

static void *read_and_exit(void *argument)
{
	/* Neither registered by hand nor unregistered. */
	return ptw_test_clear_young(argument, 4096) == 1 ? NULL : argument;
}

Test(threads, thread_may_exit_without_unregistering, .timeout = 300)
{
	struct ptw_capabilities capabilities = { .size = sizeof(capabilities) };
	struct ptw_pgtable *pgtable = new_pgtable();
	void *result = pgtable;
	pthread_t thread;

	cr_assert_eq(ptw_capabilities(&capabilities), PTW_OK);
	if (strcmp(capabilities.rcu, "bp") && strcmp(capabilities.rcu, "ck"))
		cr_skip("other flavours than bp and ck need ptw_thread_register()");
	cr_assert_eq(pthread_create(&thread, NULL, read_and_exit, pgtable), 0);
	pthread_join(thread, &result);
	cr_assert_null(result);
	/* A thread that is gone must not hold up grace periods. */
	cr_assert_eq(churn(pgtable), PTW_OK);
	cr_assert_eq(ptw_barrier(), PTW_OK);
	cr_assert_eq(retired(pgtable), 0);
	cr_assert_eq(ptw_pgtable_destroy(pgtable), PTW_OK);
}

/* Signals that the thread of this process described by the status file blocks; ~0 if unreadable. */
static unsigned long long blocked_signals(const char *tid)
{
	unsigned long long blocked = ~0ull;
	char path[300], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%.15s/status", tid);
	file = fopen(path, "r");
	if (!file)
		return blocked;
	while (fgets(line, sizeof(line), file))
		sscanf(line, "SigBlk: %llx", &blocked);
	fclose(file);
	return blocked;
}

#define TASKS 64

/* Names (thread ids) of the threads of this process. */
static unsigned int list_threads(char names[TASKS][16])
{
	unsigned int count = 0;
	struct dirent *entry;
	DIR *tasks = opendir("/proc/self/task");

	cr_assert_not_null(tasks);
	while ((entry = readdir(tasks)) && count < TASKS)
		if (entry->d_name[0] != '.')
			snprintf(names[count++], sizeof(names[0]), "%.15s", entry->d_name);
	closedir(tasks);
	return count;
}

static bool is_listed(char names[TASKS][16], unsigned int count, const char *name)
{
	while (count)
		if (!strcmp(names[--count], name))
			return true;
	return false;
}

Test(threads, helper_thread_blocks_signals, .timeout = 300)
{
	static char before[TASKS][16], after[TASKS][16];
	struct ptw_capabilities capabilities = { .size = sizeof(capabilities) };
	unsigned int old = list_threads(before), now, others = 0;
	struct ptw_pgtable *pgtable = new_pgtable();

	cr_assert_eq(ptw_capabilities(&capabilities), PTW_OK);
	if (!strcmp(capabilities.rcu, "ck"))
		cr_skip("ck_epoch needs no helper thread");
	now = list_threads(after);
	for (unsigned int i = 0; i < now; i++) {
		unsigned long long blocked;

		if (is_listed(before, old, after[i]))
			continue;
		others++;
		blocked = blocked_signals(after[i]);
		cr_assert(blocked & 1ull << (SIGTERM - 1), "thread %s takes SIGTERM", after[i]);
		cr_assert(blocked & 1ull << (SIGUSR1 - 1), "thread %s takes SIGUSR1", after[i]);
	}
	/* ThreadSanitizer starts a thread of its own at the first pthread_create(). */
	cr_assert_geq(others, 1, "no helper thread");
	cr_assert_leq(others, test_slowness() > 1 ? 2u : 1u, "%u new threads", others);
	cr_assert_eq(ptw_pgtable_destroy(pgtable), PTW_OK);
}

/* Threads besides the calling one that take SIGTERM; sanitizers and emulators have some of their own. */
static unsigned int unblocked_helpers(void)
{
	static char names[TASKS][16];
	unsigned int count = list_threads(names), found = 0;
	char self[16];

	snprintf(self, sizeof(self), "%d", getpid());
	while (count && test_slowness() == 1)
		if (strcmp(names[--count], self) &&
		    !(blocked_signals(names[count]) & 1ull << (SIGTERM - 1)))
			found++;
	return found;
}

Test(threads, fork_goes_on_in_child_and_parent, .timeout = 300)
{
	struct ptw_pgtable *pgtable = new_pgtable();
	int status = -1;
	pid_t child;

	cr_assert_eq(churn(pgtable), PTW_OK);
	/* liburcu's helper thread collects callbacks for 10 ms, then waits for readers: fork then. */
	usleep(30000);
	child = fork();
	cr_assert_geq(child, 0);
	if (!child)
		_exit(unblocked_helpers() ? 9 : child_work(pgtable));
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child ended with %#x", status);
	cr_assert_eq(child_work(pgtable), 0);
}

Test(threads, calls_work_with_every_signal_blocked, .timeout = 300)
{
	struct ptw_pgtable *pgtable;
	sigset_t all;

	sigfillset(&all);
	cr_assert_eq(pthread_sigmask(SIG_SETMASK, &all, NULL), 0);
	pgtable = new_pgtable();
	cr_assert_eq(child_work(pgtable), 0);
}

static size_t allocated(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

struct harvest_thread {
	struct ptw_pgtable *pgtable;
	size_t before;
	size_t after;
	uint64_t young;
};

static void *harvest_registered(void *argument)
{
	static uint64_t bitmap[SIZE / 4096 / 64];
	struct harvest_thread *t = argument;
	struct ptw_harvest harvest = { .size = sizeof(harvest),
				       .flags = PTW_HARVEST_ACCESSED,
				       .young = bitmap };
	struct ptw_harvest_result result = { .size = sizeof(result) };

	ptw_thread_register();
	t->before = allocated();
	if (ptw_harvest(t->pgtable, 0, SIZE, &harvest, &result))
		return argument;
	t->young = result.young_pages;
	t->after = allocated();
	ptw_thread_unregister();
	return NULL;
}

Test(threads, harvest_allocates_nothing, .timeout = 300)
{
	struct harvest_thread t = { .pgtable = new_pgtable() };
	pthread_t thread;
	void *result;

	cr_assert_eq(pthread_create(&thread, NULL, harvest_registered, &t), 0);
	pthread_join(thread, &result);
	cr_assert_null(result);
	cr_assert_eq(t.young, SIZE / 4096);
	cr_assert_eq(t.before, t.after, "%zu bytes before, %zu after", t.before, t.after);
	cr_assert_eq(ptw_pgtable_destroy(t.pgtable), PTW_OK);
}

static uint64_t in_handler;
static struct ptw_pgtable *handler_pgtable;

static void on_signal(int number)
{
	struct ptw_harvest harvest = { .size = sizeof(harvest),
				       .flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK };
	struct ptw_harvest_result result = { .size = sizeof(result) };

	(void)number;
	if (!ptw_harvest(handler_pgtable, 0, SIZE, &harvest, &result))
		in_handler = result.young_pages;
}

Test(threads, harvest_in_a_signal_handler, .timeout = 300)
{
	handler_pgtable = new_pgtable();
	ptw_thread_register();
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	cr_assert_eq(in_handler, SIZE / 4096);
	cr_assert_eq(ptw_pgtable_destroy(handler_pgtable), PTW_OK);
}
