/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A virtual machine of another process, seen through /dev/kvm-age. */
#ifndef KVM_AGE_GUEST_H
#define KVM_AGE_GUEST_H

#include <ptw/age.h>
#include <stdbool.h>
#include <stdint.h>

#include "kvm_age.h"

/*
 * Ages of a run of memory slots. Scans are made, and clear, in words of 64 pages, so slots that
 * share a word are one run. Neighbours without a gap are, too.
 */
struct run_ages {
	uint64_t first;	  /* page of bit 0, a multiple of 64, maybe before the first slot */
	uint64_t pages;	  /* bits */
	uint64_t *young;  /* of the last scan */
	uint64_t *kvm;	  /* KVM's answer, as of the last comparison */
	uint64_t *member; /* which bits are pages of a slot */
	struct ptw_age age;
};

struct guest {
	int device;
	struct kvm_age_attach about;
	struct kvm_age_slot *slots; /* ascending */
	uint32_t count;
	struct run_ages *runs;
	uint32_t run_count;
};

/* Sums over slots of one scan or comparison. */
struct scan_sum {
	uint64_t young;	      /* pages of the slots that were young */
	uint64_t entries;     /* entries read */
	uint64_t busy;
	uint64_t calls;
	uint64_t ns;
	uint64_t kvm_young;   /* comparison: by KVM */
	uint64_t kvm_ns;
	uint64_t differences; /* comparison: pages about which they disagree */
};

/*
 * Open the device and find the machine.
 * @vm_fd: its number in process `pid`; -1: the only one there
 * Returns 0, or -1 with a message on standard error.
 */
int guest_open(struct guest *g, int pid, int vm_fd);
void guest_close(struct guest *g);

/* Read the list of slots; ages begin anew if it has changed, and then *changed is set. */
int guest_slots(struct guest *g, bool *changed);

/* One epoch more: harvest all slots and age its pages. flags: enum kvm_age_flag. */
int guest_scan(struct guest *g, uint32_t flags, struct scan_sum *sum);

/* Look, clear nothing, and ask KVM the same page by page. */
int guest_compare(struct guest *g, struct scan_sum *sum);

/* Pages of all slots by age. */
void guest_histogram(const struct guest *g, uint64_t histogram[PTW_AGE_MAX + 1]);

#endif /* KVM_AGE_GUEST_H */
