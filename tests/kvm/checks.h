/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the checks share: bitmaps of pages, the two who are asked, and what the guest is told. */
#ifndef TEST_KVM_CHECKS_H
#define TEST_KVM_CHECKS_H

#include <stdbool.h>
#include <stdint.h>

#include "../../examples/kvm-age/kvm_age.h"
#include "vm.h"

/* 32 MiB of small pages, 64 MiB of blocks. Each a multiple of 64 pages. */
#define SMALL_PAGES 8192
#define HUGE_PAGES  16384
#define WORDS_MAX   (HUGE_PAGES / 64)

/* Pages of the second list of each comparison. */
#define SUBSET 1000

/* Bits of one slot's pages. */
struct pages {
	uint64_t word[WORDS_MAX];
};

static inline void set_page(struct pages *p, uint64_t page)
{
	p->word[page / 64] |= (uint64_t)1 << (page % 64);
}

static inline uint64_t count(const struct pages *p, const struct vm_slot *s)
{
	uint64_t n = 0;

	for (uint64_t w = 0; w < s->pages / 64; w++)
		n += (uint64_t)__builtin_popcountll(p->word[w]);
	return n;
}

static inline uint64_t differences(const struct pages *a, const struct pages *b, const struct vm_slot *s)
{
	uint64_t n = 0;

	for (uint64_t w = 0; w < s->pages / 64; w++)
		n += (uint64_t)__builtin_popcountll(a->word[w] ^ b->word[w]);
	return n;
}

extern int device; /* /dev/kvm-age, attached */

/* A number below `below`; the same sequence in every run. */
uint32_t draw(uint32_t below);

/* From now on the program ends with a message if there is no check's line for CHECK_SECONDS. */
void watch_begin(void);

/* One check's line. */
void say(bool good, const char *text);

/* Ask the library (KVM_AGE_HARVEST) or KVM (KVM_AGE_ASK_KVM) about a slot. */
struct kvm_age_scan scan(unsigned long command, const struct vm_slot *s, uint32_t flags,
			 struct pages *p);

/* Everything is old, and no translation is cached. */
void make_old(const struct vm *vm);

/* Both answers for a slot, and the pages that must be young, if they are known. The guest rests. */
void compare(const struct vm_slot *s, const char *name, const char *when,
	     const struct pages *expected);

/* Put page `page` of slot `s` on the guest's list; that it, or its block, is to be young: `expected`. */
void touch(struct vm *vm, const struct vm_slot *s, uint64_t page, struct pages *expected);

/* What the guest touches of CONTROL when it goes through its list. */
void expect_control(const struct vm *vm, struct pages *expected);

/* Let the guest touch every page of a slot. */
void touch_all(struct vm *vm, const struct vm_slot *s);

/* checks_running.c: the guest runs meanwhile. */
void check_race(struct vm *vm, struct vm_slot *s, const char *name, uint32_t touches);
void check_parked(struct vm *vm);
void check_memory_goes(struct vm *vm, bool lockless);

/* checks_program.c: the program kvm-age. */
void check_program(struct vm *vm, const char *program);
void check_program_judge(struct vm *vm, const char *program);

#endif /* TEST_KVM_CHECKS_H */
