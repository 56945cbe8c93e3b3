/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file entry.h
 * What a leaf says, apart from how its format encodes it.
 */
#ifndef PTW_ENTRY_H
#define PTW_ENTRY_H

#include <ptw/types.h>

/** Permissions of a leaf. Values combine. */
enum ptw_prot {
	PTW_PROT_READ = 1,
	PTW_PROT_WRITE = 2,
	PTW_PROT_EXEC = 4,
	PTW_PROT_USER = 8, /**< x86-64 user pages (always for nested paging), arm64 stage 1 EL0 */
};

/** Memory type of a leaf. */
enum ptw_memtype {
	PTW_MEM_NORMAL = 0, /**< write-back */
	PTW_MEM_UNCACHED,   /**< normal non-cacheable (x86: write-combining) */
	PTW_MEM_DEVICE,     /**< device or strong uncacheable */
};

/** State bits of a leaf. Values combine. */
enum ptw_leaf_flag {
	PTW_LEAF_YOUNG = 1,
	PTW_LEAF_DIRTY = 2,
	PTW_LEAF_MAY_WRITE = 4, /**< a write fault may give write permission back */
	PTW_LEAF_GROUP = 8,     /**< member of an arm64 contiguous group */
	PTW_LEAF_HELD = 16,     /**< owned by an operation that keeps it present */
	PTW_LEAF_USER_BIT = 32, /**< the software bit handed to the caller is set */
};

/** Decoded leaf. Shape: one leaf entry. */
struct ptw_leaf {
	uint64_t oa;      /**< output address in bytes */
	uint32_t prot;    /**< enum ptw_prot: what accesses are allowed once faults are fixed */
	uint32_t memtype; /**< enum ptw_memtype */
	uint32_t flags;   /**< enum ptw_leaf_flag */
};

#endif /* PTW_ENTRY_H */
