/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the module answers on /dev/kvm-age, for user space and for the module itself.
 *
 * One open file looks at one virtual machine: KVM_AGE_ATTACH first, then the others. Pages are
 * those of the guest: guest physical address >> page_lg2.
 */
#ifndef KVM_AGE_H
#define KVM_AGE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/** Which machine, and what was found. */
struct kvm_age_attach {
	__s32 vm_fd;        /**< in: what KVM_CREATE_VM returned */
	__u32 page_lg2;     /**< out: bytes of a page, as a power of two */
	__u32 levels;       /**< out: levels of the page table */
	__u32 ia_bits;      /**< out: width of a guest physical address */
	__u32 lockless;     /**< out: 1: harvests take no lock of KVM's; 0: mmu_lock for read */
	__u32 reserved;     /**< out: 0 */
	__u64 root;         /**< out: physical address of the root table, at this moment */
	char format[24];    /**< out: name of the format */
	char layout[24];    /**< out: name of the layout of software bits */
};

/** A memory slot of the machine. */
struct kvm_age_slot {
	__u64 page;  /**< first guest page */
	__u64 pages; /**< how many */
	__u64 hva;   /**< where the owner of the machine has mapped them */
};

/** All memory slots, ascending by page. */
struct kvm_age_slots {
	__u64 slots;    /**< in: pointer to an array of struct kvm_age_slot */
	__u32 room;     /**< in: its size; out: how many slots there are, maybe more */
	__u32 reserved; /**< 0 */
};

/** How a scan is made. Values combine. */
enum kvm_age_flag {
	KVM_AGE_PEEK = 1,  /**< only look: clear nothing */
	KVM_AGE_EXACT = 2, /**< flush the guest's TLB afterwards: the next scan misses nothing */
};

/** A scan of guest pages, by the library or by KVM itself. */
struct kvm_age_scan {
	__u64 page;     /**< in: first guest page, a multiple of 64 */
	__u64 pages;    /**< in: how many, 1 to 2^32 */
	__u64 bitmap;   /**< in: pointer to (pages + 63) / 64 words, overwritten; bit i: page + i */
	__u32 flags;    /**< in: enum kvm_age_flag */
	__u32 calls;    /**< out: how many calls the scan took */
	__u64 young;    /**< out: young pages */
	__u64 extents;  /**< out: young leaf entries; a block counts once (library only) */
	__u64 entries;  /**< out: entries read (library only) */
	__u64 busy;     /**< out: leaf entries left alone after 8 lost races (library only) */
	__u64 reroots;  /**< out: how often the root table was found exchanged (library only) */
	__u64 ns;       /**< out: time for reading and clearing, without copying and the flush */
};

#define KVM_AGE_ATTACH  _IOWR(0xb7, 0x60, struct kvm_age_attach)
#define KVM_AGE_SLOTS   _IOWR(0xb7, 0x61, struct kvm_age_slots)
#define KVM_AGE_HARVEST _IOWR(0xb7, 0x62, struct kvm_age_scan)
/* The same question put to KVM page by page, through the notifiers that memory reclaim uses. */
#define KVM_AGE_ASK_KVM _IOWR(0xb7, 0x63, struct kvm_age_scan)

#endif /* KVM_AGE_H */
