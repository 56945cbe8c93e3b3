/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A small virtual machine: a vCPU that reads and writes the pages on a list, again and again. It is
 * the second one. The first has run once and rests from then on, so it keeps what KVM takes from a
 * vCPU only when it runs.
 *
 * Its program and its list lie in a slot of their own, CONTROL, so that what it touches elsewhere is
 * the list and nothing else.
 */
#ifndef TEST_KVM_VM_H
#define TEST_KVM_VM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define PAGE ((uint64_t)4096)
#define BLOCK ((uint64_t)2 << 20)

/* Guest physical addresses. Multiples of 64 pages, and below 4 GiB: list entries are 32 bits. */
#define CONTROL_AT  0x00100000u
#define SMALL_AT    0x10000000u
#define HUGE_AT	    0x20000000u
#define DONE_AT	    0x30000000u /* arm64: no memory; a store here says that a round is over */
#define DONE_PORT   0x10	/* x86 */

/* Pages of CONTROL: the words of struct control, the program, the list. */
#define CONTROL_PAGES 64
#define PROGRAM_PAGE  1
#define LIST_PAGE     2
#define LIST_ROOM     ((CONTROL_PAGES - LIST_PAGE) * PAGE / 4 - 1)

/* List entry: address of a word; with this bit it is written. */
#define LIST_WRITE 1u

/* Pages of SMALL in its first memory slot; a second one has the others. In the middle of 64. */
#define SMALL_SPLIT 2017

struct control {
	volatile uint32_t stop;	  /* not 0: give up the processor after the round */
	volatile uint32_t rounds; /* how often the list was gone through */
};

struct vm_slot {
	uint32_t at;	/* guest physical address */
	uint64_t pages;
	uint8_t *memory;
	bool there;
};

enum { SLOT_CONTROL, SLOT_SMALL, SLOT_HUGE, SLOTS };

struct vm {
	int kvm, fd, parked, vcpu;
	struct kvm_run *run;
	struct vm_slot slot[SLOTS];
	struct control *control;
	uint32_t *list;
	uint64_t list_length;
	pthread_t thread;
	bool runs;
};

/* Ends the program with a message if anything is missing. */
void vm_create(struct vm *vm, uint64_t small_pages, uint64_t huge_pages);
void vm_destroy(struct vm *vm);

void vm_list_begin(struct vm *vm);
void vm_list_add(struct vm *vm, uint32_t address, bool write);

/* Go through the list once. */
void vm_once(struct vm *vm);
/* Go through it again and again, in a thread; one round is over when this returns. */
void vm_start(struct vm *vm);
void vm_stop(struct vm *vm);
/* Wait until the list was gone through from its beginning to its end. */
void vm_whole_round(struct vm *vm);

/* Take a slot's memory out of the machine, or put it in. */
void vm_slot_set(struct vm *vm, int slot, bool there);

void die(const char *what) __attribute__((noreturn));

/* Architecture. */
extern const char vm_program[], vm_program_end[];
void vm_setup_vcpu(struct vm *vm, uint32_t program, uint32_t list, uint32_t control);
/* Is the exit in vm->run the one that says that a round is over? */
bool vm_done(const struct vm *vm);

#endif /* TEST_KVM_VM_H */
