/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file types.h
 * Integer types and compiler attributes, and the refusal of hosts the library cannot run on.
 *
 * The core is compiled with -ffreestanding -nostdinc, where no <stdint.h> exists, so the types come
 * from here. A host environment with its own definitions (a kernel) names a header that provides
 * them: -DPTW_TYPES_HEADER='<linux/types.h>'.
 */
#ifndef PTW_TYPES_H
#define PTW_TYPES_H

#if !defined(__SIZEOF_POINTER__) || __SIZEOF_POINTER__ != 8
#error "libptw needs a 64-bit host: entries are 64-bit words that are read and changed atomically"
#endif
#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "libptw needs a little-endian host: entries and bitmaps are little-endian 64-bit words"
#endif

#if defined(PTW_TYPES_HEADER)
#include PTW_TYPES_HEADER
#elif defined(__has_include)
#if __has_include(<stdint.h>) && __has_include(<stddef.h>) && __has_include(<stdbool.h>)
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#define PTW_HAVE_STD_TYPES 1
#endif
#endif

#if !defined(PTW_TYPES_HEADER) && !defined(PTW_HAVE_STD_TYPES)
typedef __UINT8_TYPE__ uint8_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __INT8_TYPE__ int8_t;
typedef __INT16_TYPE__ int16_t;
typedef __INT32_TYPE__ int32_t;
typedef __INT64_TYPE__ int64_t;
typedef __UINTPTR_TYPE__ uintptr_t;
typedef __SIZE_TYPE__ size_t;
#ifndef __cplusplus
#define bool _Bool
#define true 1
#define false 0
#endif
#define NULL ((void *)0)
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif

#ifndef UINT64_MAX
#define UINT64_MAX (~(uint64_t)0)
#endif

/*
 * Structs that callers fill in or get filled begin with their size, so that they can grow: a library
 * accepts larger ones than it knows if what it does not know is zero.
 */

/** A symbol of the public interface. */
#define PTW_API __attribute__((visibility("default")))

/** @def PTW_BEGINS_SECTION
 * A function that returns inside a read-side section, for checkers that count them (sparse). */
/** @def PTW_ENDS_SECTION
 * Its counterpart. */
#ifdef __CHECKER__
#define PTW_BEGINS_SECTION __attribute__((context(RCU, 0, 1)))
#define PTW_ENDS_SECTION __attribute__((context(RCU, 1, 0)))
#else
#define PTW_BEGINS_SECTION
#define PTW_ENDS_SECTION
#endif

/** @def PTW_BEGIN_DECLS
 * Declarations with C linkage begin. */
/** @def PTW_END_DECLS
 * They end. */
#ifdef __cplusplus
#define PTW_BEGIN_DECLS extern "C" {
#define PTW_END_DECLS }
#else
#define PTW_BEGIN_DECLS
#define PTW_END_DECLS
#endif

/** Levels a page table can have at most: arm64 with LPA2 and x86 with LA57 have five. */
#define PTW_MAX_LEVELS 5

#endif /* PTW_TYPES_H */
