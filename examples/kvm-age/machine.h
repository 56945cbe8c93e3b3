/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A virtual machine that is looked at, and what differs between architectures. */
#ifndef KVM_AGE_MACHINE_H
#define KVM_AGE_MACHINE_H

#include <linux/kvm_host.h>
#include <linux/mutex.h>
#include <linux/version.h>
#include <ptw/port/linux.h>
#include <ptw/ptw.h>

#include "kvm_age.h"

/*
 * KVM moves its bits, locks and structures between versions, so this list is of those that were
 * tried. To add one: layout and root in tables_*.c, and the locks under which KVM drops a root.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0) || LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#error "kvm-age knows the KVM of Linux 6.1 only: see examples/kvm-age/README.md, Other kernels"
#endif

/* A root table, and what its own description says of its shape. */
struct age_root {
	uint64_t address; /* physical */
	unsigned int levels;
	unsigned int ia_bits; /* of a guest physical address */
};

static inline bool age_same_root(const struct age_root *a, const struct age_root *b)
{
	return a->address == b->address && a->levels == b->levels && a->ia_bits == b->ia_bits;
}

/* One open file on one machine. */
struct age_machine {
	struct file *file; /* of the machine: keeps `kvm` alive */
	struct kvm *kvm;
	struct ptw_pgtable *pgtable; /* attached to the root that was seen last; null: none yet */
	struct age_root root;	     /* that root */
};

/*
 * Architecture. A section keeps the tables that can be reached from the root readable.
 */

/* Do harvests do without locks of KVM's while they walk? */
extern const bool age_lockless;

/*
 * Format of the page table below `root`.
 * @config: written on success, but for phys_offset
 * Returns 0, or -EOPNOTSUPP.
 */
int age_shape(const struct age_root *root, struct ptw_config *config);

/*
 * Begin a section and find the root table.
 * @root: valid until the section ends
 * Returns 0, or a negative errno, and no section has begun: -EAGAIN if there is no page table at the
 * moment, -EOPNOTSUPP for machines that cannot be aged by their tables.
 */
int age_enter(struct kvm *kvm, struct age_root *root);
void age_leave(struct kvm *kvm);

/* Guest pages, in chunks and sections, into `bitmap`. */
int age_harvest(struct age_machine *m, struct kvm_age_scan *scan, uint64_t *bitmap);
/* The same by KVM's own calls. */
int age_ask_kvm(struct age_machine *m, struct kvm_age_scan *scan, uint64_t *bitmap);
/* Find what is not exported; what is missing answers -EOPNOTSUPP later. */
void age_ask_kvm_init(void);

/* Make every vCPU forget cached translations. */
int age_flush_guest(struct age_machine *m);

/* Attach to the page table that the machine has now. -EAGAIN: it has none. */
int age_attach(struct age_machine *m);

#endif /* KVM_AGE_MACHINE_H */
