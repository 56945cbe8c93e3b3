/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A plugin of QEMU's user-mode emulation that writes which pages a program uses:
 *
 *   qemu-x86_64 -plugin record-pages.so,out=FILE,filter=256 PROGRAM
 *
 * FILE holds 64-bit words in the machine's byte order: the number of a page (address / 4096), or all ones
 * for a tick. ptw-sim reads it as --trace-format vpn, and has it little-endian.
 *
 * The order is that of the program: for each instruction its fetch, then what it loads and stores. Of
 * instructions QEMU tells nothing that is cheap, so they are told in runs, neighbours on the same page
 * in a translated block: the run says where it is and how many there are, and an access of the third one
 * says that three have been fetched so far. What is left of a run counts as fetched when the next one begins.
 *
 * An access counts once, as valgrind's lackey counts it: a load and a store at the same address by one
 * instruction are one, and so are neighbours of the same kind, as QEMU parts what is wider than 8 bytes.
 *
 * Children after a fork are silent. Threads take a lock from the second one on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "qemu_plugin.h"
#include "recent.h"

#define PAGE_SHIFT    12
#define PAGE_SIZE     (UINT64_C(1) << PAGE_SHIFT)
#define ACCESS_MAX    UINT64_C(64) /* bytes of the widest one */
#define FILTER_MAX    65536
#define TICK	      UINT64_MAX
#define TICK_ACCESSES 65536
#define WORDS	      8192
#define FD_LOWEST     512 /* out of the program's way */

/* What a callback is given besides: a page and a number below 4096, in a pointer. */
#define GIVEN_BITS 12
#define GIVEN_MASK ((1u << GIVEN_BITS) - 1)

/* The run that a CPU executes. Numbers that are equal modulo CPUS share one; order is all that suffers. */
#define CPUS 64

static struct cpu {
	uint64_t page;
	uint32_t count;		    /* instructions; 0: one that goes on in the next page */
	uint32_t fetched;	    /* of them */
	qemu_plugin_meminfo_t info; /* of the last access */
	uint64_t vaddr;
} cpus[CPUS];

static uint64_t words[WORDS];
static unsigned int used; /* of them */
static uint64_t accesses;
static uint32_t filter = 256;
static struct recent recent;
static int fd = -1;
static bool silent; /* in a child */
static bool shared; /* there was more than one thread */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* Nobody reads any more, so there is nothing to record, whatever the program may think of signals. */
static void give_up(void)
{
	kill(getpid(), SIGKILL);
	_exit(1);
}

static void flush(void)
{
	const char *at = (const char *)words;
	size_t left = used * sizeof(*words);

	used = 0;
	while (left) {
		ssize_t done = write(fd, at, left);

		if (done < 0 && errno != EINTR)
			give_up();
		if (done > 0) {
			at += done;
			left -= (size_t)done;
		}
	}
}

static void put(uint64_t word)
{
	words[used++] = word;
	if (used == WORDS)
		flush();
}

static inline void touch(uint64_t page)
{
	if (!filter || !recent_hit(&recent, page))
		put(page);
}

static inline void tick(uint32_t count)
{
	accesses += count;
	if (accesses >= TICK_ACCESSES) {
		accesses -= TICK_ACCESSES;
		put(TICK);
	}
}

static void fetch_each(uint64_t page, uint32_t count)
{
	while (count--) {
		put(page);
		tick(1);
	}
}

/* So many instructions more of the run, which may be 0. */
static inline void fetch(struct cpu *cpu, uint32_t count)
{
	if (!count)
		return;
	cpu->fetched += count;
	if (!filter) {
		fetch_each(cpu->page, count);
		return;
	}
	touch(cpu->page);
	tick(count);
}

static inline bool enter(void)
{
	if (silent)
		return false;
	if (__builtin_expect(shared, 0))
		pthread_mutex_lock(&lock);
	return true;
}

static inline void leave(void)
{
	if (__builtin_expect(shared, 0))
		pthread_mutex_unlock(&lock);
}

static inline void finish(struct cpu *cpu)
{
	if (cpu->count > cpu->fetched)
		fetch(cpu, cpu->count - cpu->fetched);
}

static void run_begins(unsigned int index, void *given)
{
	struct cpu *cpu = &cpus[index % CPUS];

	if (!enter())
		return;
	finish(cpu);
	cpu->page = (uintptr_t)given >> GIVEN_BITS;
	cpu->count = (uintptr_t)given & GIVEN_MASK;
	cpu->fetched = 0;
	if (!cpu->count) {
		touch(cpu->page);
		touch(cpu->page + 1);
		tick(1);
		cpu->count = cpu->fetched = 1;
		cpu->vaddr = UINT64_MAX;
	}
	leave();
}

/* Is it a part of the access before, by the same instruction? */
static bool goes_on(const struct cpu *cpu, qemu_plugin_meminfo_t info, uint64_t vaddr)
{
	bool store = qemu_plugin_mem_is_store(info);

	if (cpu->vaddr == UINT64_MAX)
		return false;
	if (store != qemu_plugin_mem_is_store(cpu->info))
		return store && vaddr == cpu->vaddr;
	return vaddr == cpu->vaddr + (UINT64_C(1) << qemu_plugin_mem_size_shift(cpu->info));
}

/* An access of the instruction that is the given number in its run, from 1 on. */
static void memory(unsigned int index, qemu_plugin_meminfo_t info, uint64_t vaddr, void *given)
{
	struct cpu *cpu = &cpus[index % CPUS];
	uint32_t number = (uint32_t)(uintptr_t)given;
	bool more = false;

	if (!enter())
		return;
	if (number > cpu->fetched)
		fetch(cpu, number - cpu->fetched);
	else
		more = goes_on(cpu, info, vaddr);
	touch(vaddr >> PAGE_SHIFT);
	if (__builtin_expect((vaddr & (PAGE_SIZE - 1)) > PAGE_SIZE - ACCESS_MAX, 0)) {
		uint64_t last = vaddr + (UINT64_C(1) << qemu_plugin_mem_size_shift(info)) - 1;

		if (last >> PAGE_SHIFT != vaddr >> PAGE_SHIFT)
			touch(last >> PAGE_SHIFT);
	}
	if (!more)
		tick(1);
	cpu->info = info;
	cpu->vaddr = vaddr;
	leave();
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb), end;

	(void)id;
	for (size_t start = 0; start < count; start = end) {
		struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, start);
		uint64_t page = qemu_plugin_insn_vaddr(first) >> PAGE_SHIFT;
		bool across = false;

		for (end = start; end < count && end - start < GIVEN_MASK; end++) {
			struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, end);
			uint64_t at = qemu_plugin_insn_vaddr(insn);

			across = (at + qemu_plugin_insn_size(insn) - 1) >> PAGE_SHIFT != page;
			if (across && end > start)
				break;
			qemu_plugin_register_vcpu_mem_cb(insn, memory, QEMU_PLUGIN_CB_NO_REGS,
							 QEMU_PLUGIN_MEM_RW,
							 (void *)(uintptr_t)(end - start + 1));
			if (across)
				break;
		}
		if (across && end == start)
			end++;
		else
			across = false;
		qemu_plugin_register_vcpu_insn_exec_cb(
			first, run_begins, QEMU_PLUGIN_CB_NO_REGS,
			(void *)(uintptr_t)(page << GIVEN_BITS | (across ? 0 : end - start)));
	}
}

static void finish_all(void)
{
	for (unsigned int i = 0; i < CPUS; i++) {
		finish(&cpus[i]);
		cpus[i].count = cpus[i].fetched = 0;
	}
	flush();
}

static void ended(qemu_plugin_id_t id, void *userdata)
{
	(void)id;
	(void)userdata;
	if (!enter())
		return;
	finish_all();
	leave();
}

/* An exec has no other end, and QEMU tells nothing of a program that a signal kills. */
static void system_call(qemu_plugin_id_t id, unsigned int index, int64_t num, uint64_t a1,
			uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6,
			uint64_t a7, uint64_t a8)
{
	(void)id, (void)index, (void)num, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5;
	(void)a6, (void)a7, (void)a8;
	if (!enter())
		return;
	finish(&cpus[index % CPUS]);
	if (used > WORDS / 64)
		flush();
	leave();
}

/* The first thread begins another one itself, and is in no callback then. */
static void thread_begins(qemu_plugin_id_t id, unsigned int index)
{
	(void)id;
	if (index)
		shared = true;
}

static void in_child(void)
{
	silent = true;
}

static bool set(char *argument)
{
	char *value = strchr(argument, '='), *end;

	if (!value)
		return false;
	*value++ = 0;
	if (strcmp(argument, "filter") == 0) {
		unsigned long pages = strtoul(value, &end, 10);

		filter = (uint32_t)pages;
		return *value && !*end && pages <= FILTER_MAX;
	}
	if (strcmp(argument, "out") != 0 || fd >= 0)
		return false;
	fd = open(value, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd >= 0) {
		int high = fcntl(fd, F_DUPFD_CLOEXEC, FD_LOWEST);

		if (high >= 0) {
			close(fd);
			fd = high;
		}
	}
	return fd >= 0;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!set(argv[i])) {
			fprintf(stderr, "record-pages: bad argument '%s'\n", argv[i]);
			return -1;
		}
	}
	if (fd < 0 || (filter && !recent_init(&recent, filter)) ||
	    pthread_atfork(NULL, NULL, in_child)) {
		fprintf(stderr, "record-pages: give out=FILE, and perhaps filter=PAGES\n");
		return -1;
	}
	qemu_plugin_register_vcpu_init_cb(id, thread_begins);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_vcpu_syscall_cb(id, system_call);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
