/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The grace-period seam of <ptw/port.h> by itself, the same for every backend: what the library relies
 * on, and nothing that only one of them does.
 *
 * The main thread is registered only where it reads or retires: a registered thread of liburcu's qsbr
 * flavour that waits for another holds up every grace period.
 */
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ptw/port.h>

#include "harness.h"

#define container(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

/* Long enough for a backend that does not wait for readers to show it: liburcu's helper looks every 10 ms. */
#define SHORT_WHILE_MS 100
#define DEADLINE_MS 20000

static int get(const int *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void set(int *flag, int value)
{
	__atomic_store_n(flag, value, __ATOMIC_RELEASE);
}

static void sleep_ms(unsigned int ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&time, NULL);
}

/* False if it did not happen in time. */
static bool wait_for(const int *flag, int value)
{
	for (unsigned int ms = 0; ms < DEADLINE_MS * test_slowness(); ms++) {
		if (get(flag) >= value)
			return true;
		sleep_ms(1);
	}
	return false;
}

/* Threads that come and go without a word: these flavours register and unregister them. */
static bool registers_by_itself(void)
{
	return !strcmp(PTW_PORT_RCU_NAME, "bp") || !strcmp(PTW_PORT_RCU_NAME, "ck");
}

/* --- Something to retire, which counts its callback. */

struct retired {
	struct ptw_port_rcu_head head;
	int *runs;
	bool allocated;
};

static void count_run(struct ptw_port_rcu_head *head)
{
	struct retired *r = container(head, struct retired, head);
	int *runs = r->runs;

	if (r->allocated)
		free(r);
	__atomic_add_fetch(runs, 1, __ATOMIC_RELEASE);
}

/* By a thread that is not registered otherwise. */
static void retire_here(struct retired *r, int *runs)
{
	r->runs = runs;
	ptw_port_rcu_register();
	ptw_port_rcu_call(&r->head, count_run);
	ptw_port_rcu_unregister();
}

/* --- A thread that stays in a section until it is told to leave. */

struct reader {
	pthread_t thread;
	unsigned int depth;
	int inside;
	int leave; /* leave so many levels */
	int level; /* levels left */
	int blocked; /* may_block() said what it must not */
};

static void *read_until_told(void *argument)
{
	struct reader *r = argument;

	ptw_port_rcu_register();
	r->blocked += !ptw_port_may_block();
	for (unsigned int i = 0; i < r->depth; i++) {
		ptw_port_read_lock();
		r->blocked += ptw_port_may_block();
	}
	set(&r->inside, 1);
	for (unsigned int i = 0; i < r->depth; i++) {
		/* However long: who leaves by himself makes others look wrong. */
		while (get(&r->leave) < (int)i + 1)
			sleep_ms(1);
		r->blocked += ptw_port_may_block();
		ptw_port_read_unlock();
		set(&r->level, (int)i + 1);
	}
	r->blocked += !ptw_port_may_block();
	ptw_port_rcu_unregister();
	return NULL;
}

static void start_reader(struct reader *r, unsigned int depth)
{
	memset(r, 0, sizeof(*r));
	r->depth = depth;
	cr_assert_eq(pthread_create(&r->thread, NULL, read_until_told, r), 0);
	cr_assert(wait_for(&r->inside, 1));
}

static void end_reader(struct reader *r)
{
	set(&r->leave, (int)r->depth);
	pthread_join(r->thread, NULL);
	cr_assert_eq(r->blocked, 0, "may_block() was wrong %d times", r->blocked);
}

/* Everything that could make a callback run too early. */
static void poll_for_a_while(void)
{
	for (unsigned int ms = 0; ms < SHORT_WHILE_MS; ms++) {
		ptw_port_rcu_poll();
		sleep_ms(1);
	}
}

Test(rcu_backend, callback_waits_for_the_section, .timeout = 240)
{
	static struct retired object;
	static int runs;
	struct reader reader;

	start_reader(&reader, 1);
	retire_here(&object, &runs);
	poll_for_a_while();
	cr_assert_eq(get(&runs), 0, "the callback ran inside a section that began before");
	end_reader(&reader);
	ptw_port_rcu_barrier();
	cr_assert_eq(get(&runs), 1);
}

Test(rcu_backend, inner_ends_do_not_end_a_section, .timeout = 240)
{
	static struct retired object;
	static int runs;
	struct reader reader;

	start_reader(&reader, 3);
	retire_here(&object, &runs);
	for (int level = 1; level < 3; level++) {
		set(&reader.leave, level);
		cr_assert(wait_for(&reader.level, level));
		poll_for_a_while();
		cr_assert_eq(get(&runs), 0, "the callback ran after %d of 3 ends", level);
	}
	end_reader(&reader);
	ptw_port_rcu_barrier();
	cr_assert_eq(get(&runs), 1);
}

/* A section that began after one grace period was asked for keeps what is retired next. */
Test(rcu_backend, sections_that_overlap, .timeout = 240)
{
	static struct retired objects[8];
	static int runs[8];
	struct reader readers[2];

	start_reader(&readers[0], 1);
	for (unsigned int i = 0; i < 8; i++) {
		struct reader *old = &readers[i % 2], *young = &readers[(i + 1) % 2];

		retire_here(&objects[i], &runs[i]);
		start_reader(young, 1);
		poll_for_a_while();
		cr_assert_eq(get(&runs[i]), 0, "object %u", i);
		end_reader(old);
	}
	end_reader(&readers[0]);
	ptw_port_rcu_barrier();
	for (unsigned int i = 0; i < 8; i++)
		cr_assert_eq(get(&runs[i]), 1, "object %u", i);
}

struct barrier_thread {
	pthread_t thread;
	const int *runs;
	int wanted;
	int seen;
	int done;
};

static void *wait_in_barrier(void *argument)
{
	struct barrier_thread *b = argument;

	ptw_port_rcu_barrier();
	b->seen = get(b->runs);
	set(&b->done, 1);
	return NULL;
}

Test(rcu_backend, barrier_waits_for_reader_and_callbacks, .timeout = 240)
{
	enum { OBJECTS = 1000, BARRIERS = 3 };
	static struct retired objects[OBJECTS];
	static struct barrier_thread barriers[BARRIERS];
	static int runs;
	struct reader reader;

	start_reader(&reader, 1);
	for (unsigned int i = 0; i < OBJECTS; i++)
		retire_here(&objects[i], &runs);
	for (unsigned int i = 0; i < BARRIERS; i++) {
		barriers[i].runs = &runs;
		cr_assert_eq(pthread_create(&barriers[i].thread, NULL, wait_in_barrier,
					    &barriers[i]), 0);
	}
	sleep_ms(SHORT_WHILE_MS);
	cr_assert_eq(get(&runs), 0);
	for (unsigned int i = 0; i < BARRIERS; i++)
		cr_assert_eq(get(&barriers[i].done), 0, "barrier %u did not wait", i);
	end_reader(&reader);
	for (unsigned int i = 0; i < BARRIERS; i++) {
		pthread_join(barriers[i].thread, NULL);
		cr_assert_eq(barriers[i].seen, OBJECTS, "barrier %u saw %d callbacks", i,
			     barriers[i].seen);
	}
}

/* Slow callbacks: a barrier waits for the one that is running on another thread as well. */
static int slow_started, slow_done;

static void run_slowly(struct ptw_port_rcu_head *head)
{
	(void)head;
	set(&slow_started, 1);
	sleep_ms(SHORT_WHILE_MS);
	set(&slow_done, 1);
}

static void *poll_until_started(void *argument)
{
	while (!get(&slow_started)) {
		ptw_port_rcu_poll();
		sleep_ms(1);
	}
	return argument;
}

Test(rcu_backend, barrier_waits_for_a_running_callback, .timeout = 240)
{
	static struct ptw_port_rcu_head head;
	pthread_t thread;

	ptw_port_rcu_register();
	ptw_port_rcu_call(&head, run_slowly);
	ptw_port_rcu_unregister();
	cr_assert_eq(pthread_create(&thread, NULL, poll_until_started, NULL), 0);
	cr_assert(wait_for(&slow_started, 1));
	ptw_port_rcu_barrier();
	cr_assert_eq(get(&slow_done), 1);
	pthread_join(thread, NULL);
}

Test(rcu_backend, poll_gets_callbacks_run, .timeout = 240)
{
	static struct retired object;
	static int runs;
	unsigned int ms;

	retire_here(&object, &runs);
	for (ms = 0; ms < DEADLINE_MS && !get(&runs); ms++) {
		ptw_port_rcu_poll();
		sleep_ms(1);
	}
	cr_assert_eq(get(&runs), 1, "no callback after %u polls", ms);
}

/* Whoever retires much without polling does not pile it up. */
Test(rcu_backend, retiring_alone_gets_callbacks_run, .timeout = 240)
{
	static int runs;
	int calls = 0;

	ptw_port_rcu_register();
	/* Who runs them may get on slowly: after many calls one each millisecond, until the time is over. */
	for (unsigned int ms = 0; ms < DEADLINE_MS && get(&runs) < 1000;) {
		struct retired *r = calloc(1, sizeof(*r));

		cr_assert_not_null(r);
		r->runs = &runs;
		r->allocated = true;
		ptw_port_rcu_call(&r->head, count_run);
		calls++;
		if (calls % 1000 == 0 || calls > 100000) {
			sleep_ms(1);
			ms++;
		}
		/* qsbr: a thread that reads must say so now and then. */
		ptw_port_read_lock();
		ptw_port_read_unlock();
	}
	ptw_port_rcu_unregister();
	cr_assert_geq(get(&runs), 1000, "%d callbacks after %d calls", get(&runs), calls);
	ptw_port_rcu_barrier();
	cr_assert_eq(get(&runs), calls);
}

/* --- Inside a callback. */

static struct retired from_callback;
static int from_callback_runs, callback_may_block = -1;

static void retire_from_callback(struct ptw_port_rcu_head *head)
{
	(void)head;
	set(&callback_may_block, ptw_port_may_block());
	from_callback.runs = &from_callback_runs;
	ptw_port_rcu_call(&from_callback.head, count_run);
	ptw_port_rcu_poll();
}

Test(rcu_backend, callbacks_may_retire_but_not_block, .timeout = 240)
{
	static struct ptw_port_rcu_head head;

	ptw_port_rcu_register();
	ptw_port_rcu_call(&head, retire_from_callback);
	ptw_port_rcu_unregister();
	ptw_port_rcu_barrier();
	cr_assert_eq(get(&callback_may_block), 0);
	cr_assert(ptw_port_may_block());
	ptw_port_rcu_barrier();
	cr_assert_eq(get(&from_callback_runs), 1);
}

/* --- Threads that come and go. */

#define PENDING 10

struct visitor {
	pthread_t thread;
	struct retired objects[PENDING];
	int *runs;
	bool silent; /* neither registers nor unregisters */
};

static void *visit(void *argument)
{
	struct visitor *v = argument;

	if (!v->silent)
		ptw_port_rcu_register();
	ptw_port_read_lock();
	ptw_port_read_unlock();
	for (unsigned int i = 0; i < PENDING; i++) {
		v->objects[i].runs = v->runs;
		ptw_port_rcu_call(&v->objects[i].head, count_run);
	}
	if (!v->silent)
		ptw_port_rcu_unregister();
	return NULL;
}

/* Runs `count` visitors, four at a time, and none of their callbacks before all are gone. */
static void receive(struct visitor *visitors, unsigned int count, int *runs)
{
	struct reader reader;
	unsigned int first, i;

	set(runs, 0);
	start_reader(&reader, 1);
	for (first = 0; first < count; first += 4) {
		for (i = first; i < first + 4 && i < count; i++) {
			memset(&visitors[i], 0, sizeof(visitors[i]));
			visitors[i].runs = runs;
			visitors[i].silent = registers_by_itself() && i % 2;
			cr_assert_eq(pthread_create(&visitors[i].thread, NULL, visit,
						    &visitors[i]), 0);
		}
		for (i = first; i < first + 4 && i < count; i++)
			pthread_join(visitors[i].thread, NULL);
	}
	cr_assert_eq(get(runs), 0, "%d callbacks too early", get(runs));
	end_reader(&reader);
	ptw_port_rcu_barrier();
	cr_assert_eq(get(runs), (int)count * PENDING, "%d of %u callbacks", get(runs),
		     count * PENDING);
}

static size_t allocated(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

Test(rcu_backend, callbacks_of_threads_that_are_gone, .timeout = 240)
{
	enum { VISITORS = 200, ROUNDS = 10 };
	static struct visitor visitors[VISITORS];
	static int runs;
	size_t before, after;

	/* What is needed once, and what four threads at a time need. */
	receive(visitors, VISITORS, &runs);
	before = allocated();
	for (unsigned int round = 0; round < ROUNDS; round++)
		receive(visitors, VISITORS, &runs);
	after = allocated();
	/* Less than 16 bytes for each thread there was. (Sanitizers count nothing here, and find leaks
	 * themselves.) */
	cr_assert_lt(after, before + VISITORS * ROUNDS * 16, "%zu bytes before, %zu after", before,
		     after);
}

/* --- What it is all for: nobody sees an object that was given back. */

struct object {
	struct ptw_port_rcu_head head;
	uint64_t magic; /* another one in each of a writer's objects, since memory is used again; 0: given back */
};

#define SLOTS 4

static struct object *slots[SLOTS];
static int stop, retired_objects, reclaimed_objects;

static void reclaim(struct ptw_port_rcu_head *head)
{
	struct object *o = container(head, struct object, head);

	o->magic = 0; /* plain: ThreadSanitizer checks that no reader is left */
	free(o);
	__atomic_add_fetch(&reclaimed_objects, 1, __ATOMIC_RELAXED);
}

enum {
	READERS = 2,
	WRITERS = 2
};

static struct protected_thread {
	pthread_t thread;
	unsigned int objects; /* to replace; those that a reader has found */
	unsigned int bad;
} readers[READERS], writers[WRITERS];

static bool all_have_read(void)
{
	for (unsigned int i = 0; i < READERS; i++)
		if (!__atomic_load_n(&readers[i].objects, __ATOMIC_RELAXED))
			return false;
	return true;
}

static void *replace_objects(void *argument)
{
	struct protected_thread *t = argument;

	ptw_port_rcu_register();
	/* Until readers, who may begin late, have met it. */
	for (unsigned int i = 0; i < t->objects || !all_have_read(); i++) {
		struct object *o = malloc(sizeof(*o)), *old;

		if (!o) {
			t->bad++;
			break;
		}
		o->magic = (uint64_t)(t - writers) << 32 | (i + 1);
		old = __atomic_exchange_n(&slots[i % SLOTS], o, __ATOMIC_ACQ_REL);
		if (old) {
			__atomic_add_fetch(&retired_objects, 1, __ATOMIC_RELAXED);
			ptw_port_rcu_call(&old->head, reclaim);
		}
		/* The readers get a turn on one processor as well; qsbr says something. */
		if (i % 64 == 0) {
			ptw_port_rcu_poll();
			ptw_port_read_lock();
			ptw_port_read_unlock();
			sched_yield();
		}
	}
	ptw_port_rcu_unregister();
	return NULL;
}

static void *read_objects(void *argument)
{
	struct protected_thread *t = argument;
	unsigned int i = 0, found = 0;

	ptw_port_rcu_register();
	while (!get(&stop)) {
		const struct object *o;
		uint64_t magic;

		ptw_port_read_lock();
		o = __atomic_load_n(&slots[i % SLOTS], __ATOMIC_ACQUIRE);
		magic = o ? o->magic : 0;
		for (unsigned int look = 0; o && look < 4; look++) {
			/* Each time anew. */
			t->bad += !magic || *(const volatile uint64_t *)&o->magic != magic;
			if (i % 64 == 0)
				sched_yield();
		}
		ptw_port_read_unlock();
		found += !!o;
		__atomic_store_n(&t->objects, found, __ATOMIC_RELAXED);
		i++;
	}
	ptw_port_rcu_unregister();
	return NULL;
}

Test(rcu_backend, objects_outlive_their_readers, .timeout = 240)
{
	for (unsigned int i = 0; i < READERS; i++)
		cr_assert_eq(pthread_create(&readers[i].thread, NULL, read_objects, &readers[i]),
			     0);
	for (unsigned int i = 0; i < WRITERS; i++) {
		writers[i].objects = 200000 / test_slowness();
		cr_assert_eq(pthread_create(&writers[i].thread, NULL, replace_objects,
					    &writers[i]), 0);
	}
	for (unsigned int i = 0; i < WRITERS; i++) {
		pthread_join(writers[i].thread, NULL);
		cr_assert_eq(writers[i].bad, 0);
	}
	set(&stop, 1);
	for (unsigned int i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		cr_assert_eq(readers[i].bad, 0, "%u looks at what was given back",
			     readers[i].bad);
	}
	ptw_port_rcu_barrier();
	cr_assert_eq(get(&reclaimed_objects), get(&retired_objects));
	for (unsigned int i = 0; i < SLOTS; i++)
		free(slots[i]);
}

/* --- fork, while another thread is in a section that the child never ends. */

/* What the parent retired is pending in the child as well. */
static int child_work(int *runs)
{
	static struct retired object;

	retire_here(&object, runs);
	ptw_port_rcu_barrier();
	return get(runs) == 2 ? 0 : 1;
}

Test(rcu_backend, readers_of_the_parent_do_not_hold_up_the_child, .timeout = 240)
{
	static struct retired object;
	static int runs;
	struct reader reader;
	int status = -1;
	pid_t child;

	if (!registers_by_itself())
		cr_skip("this flavour has no fork handlers for readers");
	start_reader(&reader, 1);
	retire_here(&object, &runs);
	child = fork();
	cr_assert_geq(child, 0);
	if (!child) {
		alarm(20 * test_slowness());
		_exit(child_work(&runs));
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child ended with %#x", status);
	cr_assert_eq(get(&runs), 0, "the reader of the parent was forgotten");
	end_reader(&reader);
	ptw_port_rcu_barrier();
	cr_assert_eq(get(&runs), 1);
}
