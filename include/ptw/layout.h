/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file layout.h
 * Software's side of an entry: which bits software uses, and what entries that are not present mean.
 *
 * Hardware's bits are fixed by the format; these differ between kernels and hosts, so they are
 * data. The library's own layouts are exact: accessed and dirty positions are zero in every
 * non-present value, so that one atomic AND may clear an accessed bit whatever the entry has become.
 * A foreign layout (`exact` false) describes tables that somebody else writes by his own rules.
 */
#ifndef PTW_LAYOUT_H
#define PTW_LAYOUT_H

#include <ptw/types.h>

PTW_BEGIN_DECLS

/** How one kind of entry keeps young and dirty; a layout has up to three kinds. */
struct ptw_layout_kind {
	uint64_t value;    /**< the kind's value under ptw_layout.kind_mask */
	uint64_t accessed; /**< young while any of these is set; 0: young unless access-tracked */
	uint64_t dirty;    /**< dirty while any of these is set; 0: dirty while writable */
	bool tracked;      /**< clearing young takes the permissions away (access tracking) */
	bool clean_write;  /**< clearing dirty takes the write permission away */
};

/** Most kinds of entries one layout can tell apart. */
#define PTW_LAYOUT_KINDS 3

/**
 * A layout. All masks are over stored entry values. Pass by pointer; must outlive every page table
 * that uses it.
 */
struct ptw_layout {
	size_t size;       /**< sizeof(struct ptw_layout), so that it can grow */
	const char *name;  /**< for people */
	bool exact;        /**< conservation of accessed and dirty bits is guaranteed */
	uint64_t present;  /**< software's present marker: present while all of these are set; 0: hardware's rule */
	uint64_t empty;    /**< value of an entry nobody uses; need not be zero */
	uint64_t frozen;   /**< value of an entry owned by one operation; not the same as empty */
	uint64_t held;     /**< bit in a present entry: writers other than the owner keep off */
	uint64_t user;     /**< software bits handed to the library's caller; at least one in own layouts */
	uint64_t may_write; /**< all set: write permission may be given back by a write fault */
	uint64_t saved_mask; /**< permissions an access-tracked entry keeps */
	uint32_t saved_shift; /**< how far to the left they are kept, below 64 */
	uint32_t kinds;    /**< entries of `kind` in use, at least 1 */
	uint64_t kind_mask; /**< which bits tell the kind; 0: there is one kind */
	struct ptw_layout_kind kind[PTW_LAYOUT_KINDS]; /**< the first one is for entries no other matches */
};

/** KVM on x86: EPT entries of Linux 6.1. For attached tables only, as all of these. */
extern PTW_API const struct ptw_layout ptw_layout_kvm_ept_6_1;
/** KVM on x86: EPT entries of Linux 6.12. */
extern PTW_API const struct ptw_layout ptw_layout_kvm_ept_6_12;
/** KVM on x86: EPT entries of Linux 7.3. */
extern PTW_API const struct ptw_layout ptw_layout_kvm_ept_7_3;

/** KVM on x86: nested paging (the x86-64 format) of Linux 6.1. */
extern PTW_API const struct ptw_layout ptw_layout_kvm_npt_6_1;
/** KVM on x86: nested paging of Linux 6.12. */
extern PTW_API const struct ptw_layout ptw_layout_kvm_npt_6_12;
/** KVM on x86: nested paging of Linux 7.3. */
extern PTW_API const struct ptw_layout ptw_layout_kvm_npt_7_3;

/** KVM on arm64: stage 2 of Linux 6.1. */
extern PTW_API const struct ptw_layout ptw_layout_kvm_stage2_6_1;
/** KVM on arm64: stage 2 of Linux 6.12. */
extern PTW_API const struct ptw_layout ptw_layout_kvm_stage2_6_12;
/** KVM on arm64: stage 2 of Linux 7.3. */
extern PTW_API const struct ptw_layout ptw_layout_kvm_stage2_7_3;

PTW_END_DECLS

#endif /* PTW_LAYOUT_H */
