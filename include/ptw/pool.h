/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file pool.h
 * Where tables come from: chunks of memory with the metadata of their tables. A kernel's port asks for
 * each table, or page of small tables, and pays no attention to chunk_lg2.
 */
#ifndef PTW_POOL_H
#define PTW_POOL_H

#include <ptw/types.h>

PTW_BEGIN_DECLS

/**
 * Source of memory; the default is mmap. Each page table has a pool of its own, made from a copy of
 * this. Chunks go back when the page table is destroyed. Both calls may come from any thread that
 * maps or creates, one at a time.
 */
struct ptw_pool_config {
	size_t size;   /**< sizeof(struct ptw_pool_config), so that it can grow */
	void *context; /**< first argument of both functions */
	/** `bytes` of memory aligned to `align` (a power of two), or null. Asked for chunks, and for the
	 *  root table (concatenated ones in one piece). Memory that is not aligned goes back at once and
	 *  counts as none. */
	void *(*chunk_alloc)(void *context, size_t bytes, size_t align);
	/** Takes back what chunk_alloc gave. */
	void (*chunk_free)(void *context, void *memory, size_t bytes);
	/** Chunk size as a power of two; 0: 2 MiB, or what holds 512 tables if that is more. Rounded
	 *  up to what holds one table; such small chunks ask chunk_alloc for each table. */
	uint32_t chunk_lg2;
	uint32_t reserved; /**< 0 */
	uint64_t max_tables; /**< budget in tables, roots not counted; 0: none. Beyond it: PTW_ERR_NOMEM */
};

PTW_END_DECLS

#endif /* PTW_POOL_H */
