/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The guest runs, and its memory goes and comes back, while the library and KVM age it. */
#include "checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Passes of the guest next to both agers, and slots taken out and put in under it. */
#define RACE_EPOCHS 24
#define SLOT_TURNS 25
/* Up to so many times as often where threads hardly run: until what is raced for has happened. */
#define PATIENCE 20

/* One who ages pages while the guest runs: the library, or KVM. */
struct ager {
	const struct vm_slot *slot;
	unsigned long command;
	uint32_t flags;
	useconds_t pause; /* between two scans */
	struct pages seen;
	uint64_t young, busy, reroots, scans;
	volatile bool stop;
};

static void age_once(struct ager *a)
{
	struct pages p;
	struct kvm_age_scan s = scan(a->command, a->slot, a->flags, &p);

	__atomic_fetch_add(&a->scans, 1, __ATOMIC_RELAXED);
	a->busy += s.busy;
	__atomic_fetch_add(&a->reroots, s.reroots, __ATOMIC_RELAXED);
	__atomic_fetch_add(&a->young, count(&p, a->slot), __ATOMIC_RELAXED);
	for (uint64_t w = 0; w < a->slot->pages / 64; w++)
		a->seen.word[w] |= p.word[w];
}

static void *age_thread(void *context)
{
	struct ager *a = context;

	while (!a->stop) {
		age_once(a);
		if (a->pause)
			usleep(a->pause);
	}
	return NULL;
}

/* Is any page of the block young to which word `w` belongs? */
static bool in_block(const struct pages *p, uint64_t w)
{
	uint64_t words = BLOCK / PAGE / 64, any = 0;

	for (uint64_t i = w / words * words; i < w / words * words + words; i++)
		any |= p->word[i];
	return any;
}

/* The guest's next list: `touches` leaves of slot `s`, each once. */
static void list_leaves(struct vm *vm, const struct vm_slot *s, uint32_t touches,
			struct pages *expected)
{
	memset(expected, 0, sizeof(*expected));
	vm_list_begin(vm);
	for (uint32_t i = 0; i < touches; i++) {
		uint64_t page = draw((uint32_t)s->pages);

		if (!(expected->word[page / 64] >> page % 64 & 1))
			touch(vm, s, page, expected);
	}
}

static void wait_for_scan(const struct ager *a, uint64_t before)
{
	while (__atomic_load_n(&a->scans, __ATOMIC_RELAXED) == before)
		usleep(200);
}

/*
 * One epoch: everything is old, the guest touches each leaf of its list once, both agers run. A leaf
 * that either clears without a report is in nobody's bitmap then: it is not touched again.
 */
static void race_epoch(struct vm *vm, struct ager *ours, struct ager *theirs)
{
	uint64_t ours_before, theirs_before;
	pthread_t thread[2];

	make_old(vm);
	memset(&ours->seen, 0, sizeof(ours->seen));
	memset(&theirs->seen, 0, sizeof(theirs->seen));
	ours->stop = theirs->stop = false;
	ours_before = ours->scans;
	theirs_before = theirs->scans;
	if (pthread_create(&thread[0], NULL, age_thread, ours) ||
	    pthread_create(&thread[1], NULL, age_thread, theirs))
		die("thread");
	wait_for_scan(ours, ours_before);
	wait_for_scan(theirs, theirs_before);
	vm_once(vm);
	ours->stop = theirs->stop = true;
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
}

void check_race(struct vm *vm, struct vm_slot *s, const char *name, uint32_t touches)
{
	static struct pages expected, last;
	static const useconds_t pauses[3] = {0, 1000, 20000};
	static struct ager ours, theirs;
	uint64_t lost = 0, invented = 0, touched = 0;
	unsigned int epoch = 0;
	bool both, over;
	char text[250];

	memset(&ours, 0, sizeof(ours));
	memset(&theirs, 0, sizeof(theirs));
	ours.slot = theirs.slot = s;
	ours.command = KVM_AGE_HARVEST;
	theirs.command = KVM_AGE_ASK_KVM;
	do {
		list_leaves(vm, s, touches, &expected);
		/* Without a rest the library, which is faster, leaves little to KVM. */
		ours.pause = pauses[epoch++ % 3];
		race_epoch(vm, &ours, &theirs);
		/* With one processor (Bochs) the guest's few blocks are touched between two scans, and one of
		 * the two agers may always be the first to run then. */
		both = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? ours.young && theirs.young :
							   ours.young || theirs.young;
		over = epoch >= RACE_EPOCHS && (both || epoch >= PATIENCE * RACE_EPOCHS);
		if (over)
			compare(s, name, "after both aged it while the guest ran", NULL);
		scan(KVM_AGE_HARVEST, s, KVM_AGE_PEEK, &last);
		for (uint64_t w = 0; w < s->pages / 64; w++)
			last.word[w] |= ours.seen.word[w] | theirs.seen.word[w];
		for (uint64_t w = 0; w < s->pages / 64; w++) {
			uint64_t seen = last.word[w];

			/* KVM's call tells a block young at one page, and has cleared it then. */
			if (s == &vm->slot[SLOT_HUGE])
				seen = in_block(&last, w) ? ~(uint64_t)0 : 0;
			invented += (uint64_t)__builtin_popcountll(seen & ~expected.word[w]);
			lost += (uint64_t)__builtin_popcountll(expected.word[w] & ~seen);
		}
		touched += count(&expected, s);
	} while (!over);
	snprintf(text, sizeof(text),
		 "%s, %" PRIu64 " harvests in %u passes of the running guest: %" PRIu64
		 " pages touched once, %" PRIu64 " never seen, %" PRIu64 " seen but not touched",
		 name, ours.scans, epoch, touched, lost, invented);
	say(!lost && !invented && both, text);
	printf("# young in all: %" PRIu64 " by %" PRIu64 " harvests, %" PRIu64 " by %" PRIu64
	       " passes of KVM; %" PRIu64 " leaves busy\n",
	       ours.young, ours.scans, theirs.young, theirs.scans, ours.busy);
}

/* Slots go and come while one vCPU rests: it keeps a root that is no longer the guest's. */
void check_parked(struct vm *vm)
{
	static struct pages expected;
	struct vm_slot *s = &vm->slot[SLOT_SMALL];

	vm_slot_set(vm, SLOT_SMALL, false);
	vm_slot_set(vm, SLOT_SMALL, true);
	list_leaves(vm, s, SUBSET, &expected);
	vm_once(vm);
	make_old(vm);
	vm_once(vm);
	compare(s, "4K", "after slots went while the first vCPU rested", &expected);
}

/* Harvests of both slots found something, and without the lock one met another root. */
static bool had_all(const struct ager *small, const struct ager *huge, bool lockless)
{
	return __atomic_load_n(&small->young, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&huge->young, __ATOMIC_RELAXED) &&
	       (!lockless || __atomic_load_n(&small->reroots, __ATOMIC_RELAXED) ||
		__atomic_load_n(&huge->reroots, __ATOMIC_RELAXED));
}

/*
 * Memory goes and comes back under the harvests: tables are freed, roots exchanged. They follow each
 * other without a pause, so as to be inside a table when it goes.
 */
void check_memory_goes(struct vm *vm, bool lockless)
{
	struct vm_slot *s = &vm->slot[SLOT_SMALL], *h = &vm->slot[SLOT_HUGE];
	static struct pages touched[2];
	static struct ager small, huge;
	unsigned int turns = 0;
	uint64_t invented = 0;
	pthread_t thread[2];
	char text[250];

	memset(touched, 0, sizeof(touched));
	memset(&small, 0, sizeof(small));
	memset(&huge, 0, sizeof(huge));
	small.slot = s;
	huge.slot = h;
	small.command = huge.command = KVM_AGE_HARVEST;
	vm_list_begin(vm);
	make_old(vm);
	for (uint32_t i = 0; i < SUBSET; i++)
		touch(vm, i % 2 ? s : h, draw((uint32_t)s->pages), &touched[i % 2]);
	vm_start(vm);
	if (pthread_create(&thread[0], NULL, age_thread, &small) ||
	    pthread_create(&thread[1], NULL, age_thread, &huge))
		die("thread");
	while (turns < SLOT_TURNS ||
	       (turns < PATIENCE * SLOT_TURNS && !had_all(&small, &huge, lockless))) {
		int slot = turns++ % 2 ? SLOT_SMALL : SLOT_HUGE;

		vm_slot_set(vm, slot, false);
		usleep(3000);
		vm_slot_set(vm, slot, true);
		/* The host takes pages back, small ones and part of a block. */
		madvise(s->memory + draw(SMALL_PAGES / 2) * PAGE, 256 * PAGE, MADV_DONTNEED);
		madvise(h->memory + draw(HUGE_PAGES / 2) * PAGE, 64 * PAGE, MADV_DONTNEED);
		usleep(3000);
	}
	vm_whole_round(vm);
	small.stop = huge.stop = true;
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	vm_stop(vm);
	compare(s, "4K", "after slots and pages came and went", NULL);
	compare(h, "2M", "after slots and pages came and went", NULL);
	/* An entry that KVM is just taking out has bits that look like accessed ones. */
	for (uint64_t w = 0; w < WORDS_MAX; w++)
		invented += (uint64_t)__builtin_popcountll(small.seen.word[w] & ~touched[1].word[w]) +
			    (uint64_t)__builtin_popcountll(huge.seen.word[w] & ~touched[0].word[w]);
	snprintf(text, sizeof(text),
		 "%" PRIu64 " harvests while slots were taken out and put in %u times: %" PRIu64
		 " pages seen but not touched; the root was another one %" PRIu64 " times",
		 small.scans + huge.scans, turns, invented, small.reroots + huge.reroots);
	say(!invented && had_all(&small, &huge, lockless), text);
}
