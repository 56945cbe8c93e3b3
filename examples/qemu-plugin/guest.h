/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* All that the plugin knows of the guest, and the steps in which it learns it. */
#ifndef PTW_QEMU_GUEST_H
#define PTW_QEMU_GUEST_H

#include "history.h"
#include "machine.h"
#include "options.h"
#include "vcpu.h"

struct guest {
	struct options options;
	char target[16]; /* x86_64 or aarch64 */
	bool fetches;	 /* instruction fetches are known, too */
	uint64_t ram;	 /* where RAM lies in QEMU, if they are */
	struct machine machine;
	struct vcpus vcpus;
	struct history history;
	uint64_t *young; /* of a step */
	uint64_t began;	 /* nanoseconds */
	/* The guest's clock; slices of a processor that it has not given in are missing. */
	_Alignas(64) uint64_t instructions;
	uint64_t next;	  /* when the next step is due, if steps are counted in instructions */
	uint64_t step_ns; /* spent in steps */
};

/* Once RAM is there: in the first processor's thread. False, with a message. */
bool guest_create(struct guest *guest, unsigned int processors);

/* A processor gives its slice to the clock, and makes the step if one is due. */
void guest_slice(struct guest *guest, struct vcpu *cpu);

/* A step now. With the machine's lock held. */
void guest_step(struct guest *guest);

/* A mark in the history. Takes the lock. */
void guest_mark(struct guest *guest, const char *text);

/* Milliseconds since the beginning. */
uint64_t guest_ms(const struct guest *guest);

#endif /* PTW_QEMU_GUEST_H */
