/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file version.h
 * Version of the library, and what it can do on this machine.
 */
#ifndef PTW_VERSION_H
#define PTW_VERSION_H

#include <ptw/types.h>

PTW_BEGIN_DECLS

/** Version of the headers: incompatible changes. */
#define PTW_VERSION_MAJOR 0
/** Version of the headers: additions. */
#define PTW_VERSION_MINOR 1
/** Version of the headers: corrections. */
#define PTW_VERSION_PATCH 0
/** The three together. */
#define PTW_VERSION_STRING "0.1.0"

/**
 * Version of the library in use, as major << 16 | minor << 8 | patch; compare with the
 * PTW_VERSION_* of the headers. Context: any. Ordering: none. Progress: wait-free. Errors: none.
 */
PTW_API uint32_t ptw_version(void);

/** Version as text, "0.1.0". Context: any. Ordering: none. Progress: wait-free. Errors: none. */
PTW_API const char *ptw_version_string(void);

/** What this build can do on this machine. */
struct ptw_capabilities {
	size_t size;           /**< sizeof(struct ptw_capabilities), so that it can grow */
	uint32_t cpu_features; /**< enum ptw_cpu_feature of the processor */
	uint32_t formats;      /**< bit n: enum ptw_format_id n is built in */
	const char *rcu;       /**< flavour of grace periods: "bp" in the released library */
	uint32_t max_levels;   /**< most levels of a page table */
	uint32_t and_clear_wait_free; /**< 1: clearing an accessed bit is one instruction here */
};

/**
 * Ask for the capabilities.
 * @param capabilities written whole; its size is the caller's
 * @return PTW_OK, PTW_ERR_ARG or PTW_ERR_SIZE
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: as returned.
 */
PTW_API int ptw_capabilities(struct ptw_capabilities *capabilities);

PTW_END_DECLS

#endif /* PTW_VERSION_H */
