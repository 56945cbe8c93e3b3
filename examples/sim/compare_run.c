/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Replays run in processes of their own, so that whatever state a policy and the library keep is
 * not shared. A worker takes the number of a replay from one pipe and puts what came out into
 * another; both messages are below PIPE_BUF and go through whole. What is printed later does not
 * depend on who was first.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/child.h"
#include "compare.h"
#include "compare_extra.h"
#include "console.h"
#include "replay.h"

/* What a reference costs a policy with a page table, in those of one without. */
#define PGTABLE_COST 6

struct answer {
	uint32_t replay; /* behind the last one: a job of compare_extra.h */
	bool failed;
	struct compare_replay result;
	struct extra extra;
	char error[SIM_ERROR_SIZE];
};
_Static_assert(sizeof(struct answer) < PIPE_BUF, "an answer goes through a pipe in one piece");

struct pipes {
	int ask[2];
	int answer[2];
};

struct order {
	uint64_t cost;
	uint32_t replay;
};

uint32_t compare_frames(const struct compare *compare, unsigned int trace, unsigned int size)
{
	uint32_t footprint = compare->traces[trace].trace.footprint;
	uint32_t pages = memory_limit_pages(&compare->sizes[size].limit, footprint);

	return pages < footprint ? pages : footprint;
}

static uint32_t replay_count(const struct compare *compare)
{
	return compare_index(compare, compare->trace_count, 0, 0);
}

static void replay_one(const struct compare *compare, struct answer *answer)
{
	unsigned int policy = answer->replay % compare->policy_count;
	unsigned int point = answer->replay / compare->policy_count;
	unsigned int trace = point / compare->size_count;
	static struct replay replay;
	struct sim_config config = {
		.trace = &compare->traces[trace].trace,
		.pages = compare->traces[trace].trace.pages,
		.frames = compare_frames(compare, trace, point % compare->size_count),
		.format = sim_policy_generations.format_name(0),
		.scan_interval = compare->scan_interval,
		.quiet = true,
		.error = answer->error,
	};

	answer->failed = !replay_run(&replay, compare->policies[policy], &config);
	answer->result = (struct compare_replay){
		.misses = replay.faults,
		.batch_reads = replay.counters.batch_reads,
		.single_checks = replay.counters.single_checks,
		.eviction_hash = replay.eviction_hash,
		.has_counters = replay.has_counters,
	};
}

static void work(const struct compare *compare, const struct pipes *pipes)
{
	struct answer answer;

	memset(&answer, 0, sizeof(answer));
	/* Or it would never see the end of the questions. */
	close(pipes->ask[1]);
	close(pipes->answer[0]);
	while (read(pipes->ask[0], &answer.replay, sizeof(answer.replay)) ==
	       sizeof(answer.replay)) {
		if (answer.replay < replay_count(compare))
			replay_one(compare, &answer);
		else
			answer.failed = !extra_run(compare, answer.replay - replay_count(compare),
						   &answer.extra, answer.error);
		if (write(pipes->answer[1], &answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	_exit(EXIT_SUCCESS);
}

static int costlier(const void *a, const void *b)
{
	const struct order *x = a;
	const struct order *y = b;

	if (x->cost != y->cost)
		return x->cost > y->cost ? -1 : 1;
	return x->replay < y->replay ? -1 : 1;
}

/* The longest first, so that nobody has to wait for one that began last. */
static struct order *order_replays(const struct compare *compare, uint32_t count)
{
	struct order *order = calloc(count, sizeof(*order));

	if (!order)
		sim_die("not enough memory for %u replays", count);
	for (uint32_t i = 0; i < count; i++) {
		const struct sim_policy *policy = compare->policies[i % compare->policy_count];
		unsigned int point = i / compare->policy_count;

		order[i].replay = i;
		if (i >= replay_count(compare)) {
			order[i].cost = extra_cost(compare, i - replay_count(compare));
			continue;
		}
		order[i].cost = compare->traces[point / compare->size_count].trace.references *
				(policy->format_name ? PGTABLE_COST : 1);
	}
	qsort(order, count, sizeof(*order), costlier);
	return order;
}

/* False: nobody is left to ask. */
static bool ask(const struct pipes *pipes, const struct order *order)
{
	return write(pipes->ask[1], &order->replay, sizeof(order->replay)) == sizeof(order->replay);
}

static void fail_replay(const struct compare *compare, uint32_t replay, const char *why)
{
	unsigned int point = replay / compare->policy_count;
	char name[200];

	if (replay >= replay_count(compare)) {
		extra_name(compare, replay - replay_count(compare), name, sizeof(name));
		sim_die("%s: %s", name, why);
	}
	sim_die("%s on '%s' at %s: %s", compare->policies[replay % compare->policy_count]->name,
		compare->traces[point / compare->size_count].path,
		compare->sizes[point % compare->size_count].text, why);
}

static void take(struct compare *compare, const struct answer *answer)
{
	if (answer->failed)
		fail_replay(compare, answer->replay, answer->error);
	if (answer->replay < replay_count(compare))
		compare->replays[answer->replay] = answer->result;
	else
		compare->extra[answer->replay - replay_count(compare)] = answer->extra;
}

/* Nobody answers any more: some process took a question with it. Nothing replays without a miss. */
static void fail_missing(const struct compare *compare, uint32_t count)
{
	for (uint32_t replay = 0; replay < count; replay++)
		if (replay < replay_count(compare) ?
			    !compare->replays[replay].misses :
			    !compare->extra[replay - replay_count(compare)].done)
			fail_replay(compare, replay,
				    "the process that replays this ended early; run it alone");
}

/* A replay more for each that is done: neither pipe fills up, so nobody waits for nobody. */
static void direct(struct compare *compare, const struct pipes *pipes, uint32_t count,
		   unsigned int workers)
{
	struct order *order = order_replays(compare, count);
	struct answer answer;
	uint32_t asked = 0, done = 0;

	while (asked < count && asked < 2 * workers && ask(pipes, &order[asked]))
		asked++;
	sim_progress("comparing", 0, count);
	while (done < count && read(pipes->answer[0], &answer, sizeof(answer)) == sizeof(answer)) {
		take(compare, &answer);
		sim_progress("comparing", ++done, count);
		if (asked < count && ask(pipes, &order[asked]))
			asked++;
	}
	sim_progress("", 0, 0);
	close(pipes->ask[1]);
	free(order);
	fail_missing(compare, count);
}

void compare_run(struct compare *compare, unsigned int workers)
{
	uint32_t count = replay_count(compare) + extra_count(compare);
	const pid_t self = getpid();
	struct pipes pipes;
	int status;

	if (workers > count)
		workers = count;
	if (pipe(pipes.ask) || pipe(pipes.answer))
		sim_die("cannot start processes: %s; close some files", strerror(errno));
	signal(SIGPIPE, SIG_IGN); /* a question that nobody reads is told by write() */
	for (unsigned int i = 0; i < workers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			sim_die("cannot start process %u of %u: %s; give fewer by --jobs", i + 1,
				workers, strerror(errno));
		if (!pid) {
			child_ends_with(self);
			work(compare, &pipes);
		}
	}
	close(pipes.ask[0]);
	close(pipes.answer[1]);
	direct(compare, &pipes, count, workers);
	close(pipes.answer[0]);
	while (wait(&status) > 0 || errno == EINTR)
		;
	signal(SIGPIPE, SIG_DFL);
}
