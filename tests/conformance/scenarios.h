/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Page tables word by word, as the manuals print them, for test_attach.c: what is in memory, what a
 * query answers, and what a harvest reports and leaves behind.
 */
#ifndef PTW_TESTS_SCENARIOS_H
#define PTW_TESTS_SCENARIOS_H

#include "conformance.h"

#define BASE   0x100000000ull
#define Y      PTW_EXTENT_YOUNG
#define D      PTW_EXTENT_DIRTY
#define NORMAL PTW_MEM_NORMAL
#define DEVICE PTW_MEM_DEVICE
#define GIB    0x40000000ull
#define MIB    0x100000ull
#define KIB    0x400ull

/* Entries from `index` on; each next one is larger by `step`. */
struct cell {
	unsigned int table, index;
	uint64_t before, after; /* a harvest of young and dirty */
	unsigned int count;
	uint64_t step;
};

struct answer {
	uint64_t ia;
	int error;
	struct ptw_leaf leaf;
	unsigned int level;
	uint64_t start, size;
};

struct scenario {
	const char *name, *preset;
	unsigned int levels, ia_bits;
	const struct ptw_layout *layout;
	unsigned int table_lg2;
	uint64_t empty;
	uint64_t start, end; /* to harvest */
	struct cell cells[12];
	struct answer answers[10];
	struct ptw_extent runs[6];
	/* A bit that makes the entry for an address one that hardware refuses. */
	unsigned int table, index, bit;
	uint64_t ia;
};

static const struct scenario scenarios[] = {
	{
		.name = "ept",
		.preset = "ept4",
		.table_lg2 = 12,
		.start = 512 * GIB,
		.end = 516 * GIB,
		.cells = {
			{0, 1, 0x0000000100001807, 0x0000000100001807, 1, 0},
			{1, 0, 0x00200000800009b7, 0x00200000800008b7, 1, 0},
			{1, 2, 0x0000000100002907, 0x0000000100002907, 1, 0},
			{2, 0, 0x0020000040200ab3, 0x00200000402008b3, 1, 0},
			{2, 1, 0x0000000100003807, 0x0000000100003807, 1, 0},
			{3, 0, 0x0020000000005b37, 0x0020000000005837, 1, 0},
			{3, 1, 0x0100000000006805, 0x0100000000006805, 1, 0},
			{3, 3, 0x0000000000007931, 0x0000000000007831, 1, 0},
			{3, 4, 0x4000000000000000, 0x4000000000000000, 1, 0},
		},
		.answers = {
			{0x8001234567, PTW_OK, {0x81234567, 7, NORMAL, 5}, 2, 512 * GIB, GIB},
			{0x80801fffff, PTW_OK, {0x403fffff, 3, NORMAL, 6}, 1, 0x8080000000,
			 2 * MIB},
			{0x8080200000, PTW_OK, {0x5000, 7, NORMAL, 7}, 0, 0x8080200000, 4 * KIB},
			{0x8080201000, PTW_OK, {0x6000, 5, DEVICE, 32}, 0, 0x8080201000, 4 * KIB},
			{0x8080202000, PTW_ERR_HOLE, {0}, 0, 0, 0},
			{0x8080204000, PTW_ERR_AGAIN, {0}, 0, 0, 0},
			{0, PTW_ERR_HOLE, {0}, 0, 0, 0},
		},
		.runs = {
			{512 * GIB, GIB, 2, Y},
			{514 * GIB, 2 * MIB, 1, D},
			{0x8080200000, 4 * KIB, 0, Y | D},
			{0x8080203000, 4 * KIB, 0, Y},
		},
		.table = 1, .index = 0, .bit = 12, .ia = 512 * GIB,
	},
	{
		.name = "ept, tracked",
		.preset = "ept4-tracked",
		.table_lg2 = 12,
		.start = 512 * GIB,
		.end = 516 * GIB,
		.cells = {
			{0, 1, 0x0000000100001807, 0x0000000100001807, 1, 0},
			{1, 2, 0x0000000100002807, 0x0000000100002807, 1, 0},
			{2, 0, 0x0020000040200bb3, 0x00300000402008b0, 1, 0},
			{2, 1, 0x0000000100003807, 0x0000000100003807, 1, 0},
			{3, 0, 0x0020000000005b37, 0x0070000000005830, 1, 0},
			{3, 1, 0x0050000000006830, 0x0050000000006830, 1, 0},
		},
		.answers = {
			{0x8080000000, PTW_OK, {0x40200000, 3, NORMAL, 7}, 1, 0x8080000000,
			 2 * MIB},
			{0x8080200000, PTW_OK, {0x5000, 7, NORMAL, 7}, 0, 0x8080200000, 4 * KIB},
			{0x8080201000, PTW_OK, {0x6000, 5, NORMAL, 0}, 0, 0x8080201000, 4 * KIB},
		},
		.runs = {
			{514 * GIB, 2 * MIB, 1, Y | D},
			{0x8080200000, 4 * KIB, 0, Y | D},
		},
		.table = 2, .index = 1, .bit = 3, .ia = 0x8080200000,
	},
	{
		.name = "KVM EPT 6.12",
		.preset = "ept4",
		.layout = &ptw_layout_kvm_ept_6_12,
		.table_lg2 = 12,
		.empty = 0x8000000000000000,
		.start = 512 * GIB,
		.end = 516 * GIB,
		.cells = {
			{0, 1, 0x0000000100001907, 0x0000000100001907, 1, 0},
			{1, 2, 0x0000000100002907, 0x0000000100002907, 1, 0},
			{2, 0, 0x0620000040200bf7, 0x06200000402008f5, 1, 0},
			{2, 1, 0x0000000100003907, 0x0000000100003907, 1, 0},
			{3, 0, 0x0600000000005b77, 0x0600000000005877, 1, 0},
			{3, 4, 0x80000000000005a0, 0x80000000000005a0, 1, 0},
		},
		.answers = {
			{0x8080000000, PTW_OK, {0x40200000, 7, NORMAL, 7}, 1, 0x8080000000,
			 2 * MIB},
			{0x8080200000, PTW_OK, {0x5000, 7, NORMAL, 7}, 0, 0x8080200000, 4 * KIB},
			{0x8080201000, PTW_ERR_HOLE, {0}, 0, 0, 0},
			{0x8080204000, PTW_ERR_AGAIN, {0}, 0, 0, 0},
		},
		.runs = {
			{514 * GIB, 2 * MIB, 1, Y | D},
			{0x8080200000, 4 * KIB, 0, Y | D},
		},
		.table = 2, .index = 0, .bit = 20, .ia = 0x8080000000,
	},
	{
		.name = "KVM EPT 7.3, A/D off",
		.preset = "ept4-tracked",
		.layout = &ptw_layout_kvm_ept_7_3,
		.table_lg2 = 12,
		.empty = 0x8000000000000000,
		.start = 512 * GIB,
		.end = 516 * GIB,
		.cells = {
			{0, 1, 0x0000000100001f07, 0x0000000100001f07, 1, 0},
			{1, 2, 0x0000000100002f07, 0x0000000100002f07, 1, 0},
			{2, 1, 0x0000000100003f07, 0x0000000100003f07, 1, 0},
			{3, 0, 0x10a0000000005f77, 0x50f0000000005a70, 1, 0},
			{3, 1, 0x50f0000000006a70, 0x50f0000000006a70, 1, 0},
			{3, 3, 0x0000000012345006, 0x0000000012345006, 1, 0}, /* MMIO */
			{3, 4, 0x80000000000001a0, 0x80000000000001a0, 1, 0},
		},
		.answers = {
			{0x8080200000, PTW_OK, {0x5000, 7, NORMAL, 7}, 0, 0x8080200000, 4 * KIB},
			{0x8080201000, PTW_OK, {0x6000, 7, NORMAL, 4}, 0, 0x8080201000, 4 * KIB},
			{0x8080202000, PTW_ERR_HOLE, {0}, 0, 0, 0},
			{0x8080203000, PTW_ERR_HOLE, {0}, 0, 0, 0},
			{0x8080204000, PTW_ERR_AGAIN, {0}, 0, 0, 0},
		},
		.runs = {{0x8080200000, 4 * KIB, 0, Y | D}},
		.table = 1, .index = 2, .bit = 6, .ia = 0x8080200000,
	},
	{
		/* The upper half: bits 63:48 repeat bit 47. */
		.name = "x86-64",
		.preset = "x86-64",
		.table_lg2 = 12,
		.start = 0xffff800000000000,
		.end = 0xffff8000c0000000,
		.cells = {
			{0, 256, 0x0000000100001007, 0x0000000100001007, 1, 0},
			{1, 0, 0x00000000800012e7, 0x0000000080001287, 1, 0}, /* bit 12 is PAT */
			{1, 1, 0x0000000100002027, 0x0000000100002027, 1, 0},
			{2, 0, 0x80000000402000a1, 0x8000000040200081, 1, 0},
			{2, 1, 0x0000000100003067, 0x0000000100003067, 1, 0},
			{3, 0, 0x0000000000005267, 0x0000000000005207, 1, 0},
			{3, 1, 0x8000000000006885, 0x8000000000006885, 1, 0}, /* bit 7 is PAT */
			{3, 2, 0x4000000000000000, 0x4000000000000000, 1, 0},
		},
		.answers = {
			{0xffff800000001000, PTW_OK, {0x80001000, 15, NORMAL, 7}, 2,
			 0x800000000000, GIB},
			{0xffff800040000000, PTW_OK, {0x40200000, 1, NORMAL, 1}, 1,
			 0x800040000000, 2 * MIB},
			{0xffff800040200000, PTW_OK, {0x5000, 15, NORMAL, 7}, 0,
			 0x800040200000, 4 * KIB},
			{0xffff800040201000, PTW_OK, {0x6000, 9, NORMAL, 32}, 0,
			 0x800040201000, 4 * KIB},
			{0xffff800040202000, PTW_ERR_AGAIN, {0}, 0, 0, 0},
			{0xffff800080000000, PTW_ERR_HOLE, {0}, 0, 0, 0},
			{0x0001000000000000, PTW_ERR_RANGE, {0}, 0, 0, 0},
		},
		.runs = {
			{0x800000000000, GIB, 2, Y | D},
			{0x800040000000, 2 * MIB, 1, Y},
			{0x800040200000, 4 * KIB, 0, Y | D},
		},
		.table = 2, .index = 0, .bit = 13, .ia = 0xffff800040000000,
	},
	{
		.name = "KVM NPT 6.1",
		.preset = "x86-64",
		.layout = &ptw_layout_kvm_npt_6_1,
		.table_lg2 = 12,
		.start = 0,
		.end = GIB,
		.cells = {
			{0, 0, 0x0000000100001827, 0x0000000100001827, 1, 0},
			{1, 0, 0x0000000100002827, 0x0000000100002827, 1, 0},
			{2, 1, 0x0000000100003827, 0x0000000100003827, 1, 0},
			{3, 0, 0x0000000000005e67, 0x0000000000005e07, 1, 0},
			{3, 1, 0x0000000000006067, 0x0000000000006067, 1, 0}, /* no marker */
			{3, 2, 0x00000000000005a0, 0x00000000000005a0, 1, 0},
		},
		.answers = {
			{0x200000, PTW_OK, {0x5000, 15, NORMAL, 7}, 0, 0x200000, 4 * KIB},
			{0x201000, PTW_ERR_HOLE, {0}, 0, 0, 0},
			{0x202000, PTW_ERR_AGAIN, {0}, 0, 0, 0},
		},
		.runs = {{0x200000, 4 * KIB, 0, Y | D}},
		.table = 2, .index = 1, .bit = 7, .ia = 0x200000,
	},
	{
		/* 40 bits in three levels: two tables at the root. A contiguous group of 16. */
		.name = "stage 2, 4K",
		.preset = "arm64-s2-4k",
		.levels = 3,
		.ia_bits = 40,
		.table_lg2 = 12,
		.start = 512 * GIB,
		.end = 1024 * GIB,
		.cells = {
			{1, 0, 0x00080000800007fd, 0x000800008000037d, 1, 0},
			{1, 511, 0x0000000100002003, 0x0000000100002003, 1, 0},
			{2, 0, 0x004000004021077d, 0x004000004021037d, 1, 0}, /* bit 16 is nT */
			{2, 1, 0x0000000100003003, 0x0000000100003003, 1, 0},
			{3, 0, 0x001800000004037f, 0x001800000004037f, 16, 0x1000},
			{3, 5, 0x001800000004577f, 0x001800000004537f, 1, 0},
			{3, 9, 0x00180000000493ff, 0x001800000004937f, 1, 0},
			{3, 16, 0x0040000000070447, 0x0040000000070047, 1, 0},
			{3, 17, 0x000000000007177d, 0x000000000007177d, 1, 0}, /* a block */
		},
		.answers = {
			{0x8000000005, PTW_OK, {0x80000005, 7, NORMAL, 7}, 2, 512 * GIB, GIB},
			{0xffc0001000, PTW_OK, {0x40201000, 1, NORMAL, 1}, 1, 0xffc0000000,
			 2 * MIB},
			{0xffc0203123, PTW_OK, {0x43123, 7, NORMAL, 15}, 0, 0xffc0200000,
			 64 * KIB},
			{0xffc0210000, PTW_OK, {0x70000, 1, DEVICE, 1}, 0, 0xffc0210000, 4 * KIB},
			{0xffc0211000, PTW_ERR_HOLE, {0}, 0, 0, 0},
			{0x4000000000, PTW_ERR_HOLE, {0}, 0, 0, 0},
		},
		.runs = {
			{512 * GIB, GIB, 2, Y | D},
			{0xffc0000000, 2 * MIB, 1, Y},
			{0xffc0200000, 64 * KIB, 0, Y | D},
			{0xffc0210000, 4 * KIB, 0, Y},
		},
		.table = 1, .index = 0, .bit = 50, .ia = 512 * GIB,
	},
	{
		/* Address bits 49:48 where they belong, 51:50 in 9:8. A root of 32 entries. */
		.name = "stage 2, 16K LPA2",
		.preset = "arm64-s2-16k-lpa2",
		.table_lg2 = 14,
		.start = 0x800000000000,
		.end = 0x802000000000,
		.cells = {
			{0, 1, 0x0000000100004003, 0x0000000100004003, 1, 0},
			{1, 0, 0x000000100000077d, 0x000000100000037d, 1, 0},
			{1, 1, 0x0000000100008003, 0x0000000100008003, 1, 0},
			{2, 0, 0x000a0000020004fd, 0x000a00000200007d, 1, 0},
			{2, 1, 0x000000010000c003, 0x000000010000c003, 1, 0},
			{3, 0, 0x000000000000847f, 0x000000000000807f, 1, 0},
		},
		.answers = {
			{0x800000000000, PTW_OK, {0x000c001000000000, 5, NORMAL, 1}, 2,
			 0x800000000000, 64 * GIB},
			{0x801000000000, PTW_OK, {0x0002000002000000, 7, NORMAL, 7}, 1,
			 0x801000000000, 32 * MIB},
			{0x801002000000, PTW_OK, {0x8000, 5, NORMAL, 1}, 0, 0x801002000000,
			 16 * KIB},
			{0x801002004000, PTW_ERR_HOLE, {0}, 0, 0, 0},
		},
		.runs = {
			{0x800000000000, 64 * GIB, 2, Y},
			{0x801000000000, 32 * MIB, 1, Y | D},
			{0x801002000000, 16 * KIB, 0, Y},
		},
		.table = 1, .index = 0, .bit = 52, .ia = 0x800000000000,
	},
	{
		/* Address bits 51:48 in 15:12. */
		.name = "stage 2, 64K LPA",
		.preset = "arm64-s2-64k-lpa",
		.table_lg2 = 16,
		.start = 0x40000000000,
		.end = 0x80040000000,
		.cells = {
			{0, 1, 0x000004000000577d, 0x000004000000537d, 1, 0},
			{0, 2, 0x0000000100010003, 0x0000000100010003, 1, 0},
			{1, 0, 0x000000002000a77d, 0x000000002000a37d, 1, 0},
			{1, 1, 0x0000000100020003, 0x0000000100020003, 1, 0},
			{2, 0, 0x00080000000307ff, 0x000800000003037f, 1, 0},
		},
		.answers = {
			{0x40000000000, PTW_OK, {0x0005040000000000, 5, NORMAL, 1}, 2,
			 0x40000000000, 4096 * GIB},
			{0x80000000000, PTW_OK, {0x000a000020000000, 5, NORMAL, 1}, 1,
			 0x80000000000, 512 * MIB},
			{0x80020000000, PTW_OK, {0x30000, 7, NORMAL, 7}, 0, 0x80020000000,
			 64 * KIB},
			{0x80020010000, PTW_ERR_HOLE, {0}, 0, 0, 0},
		},
		.runs = {
			{0x40000000000, 4096 * GIB, 2, Y},
			{0x80000000000, 512 * MIB, 1, Y},
			{0x80020000000, 64 * KIB, 0, Y | D},
		},
		.table = 1, .index = 0, .bit = 28, .ia = 0x80000000000,
	},
	{
		/* No marker; a descriptor with an owner's number in 9:2 is a hole, too. */
		.name = "KVM stage 2 6.1",
		.preset = "arm64-s2-4k-swaf",
		.layout = &ptw_layout_kvm_stage2_6_1,
		.table_lg2 = 12,
		.start = 0,
		.end = GIB,
		.cells = {
			{0, 0, 0x0000000100001003, 0x0000000100001003, 1, 0},
			{1, 0, 0x0000000100002003, 0x0000000100002003, 1, 0},
			{2, 0, 0x0000000100003003, 0x0000000100003003, 1, 0},
			{2, 1, 0x00c00000402007bd, 0x00c000004020033d, 1, 0},
			{3, 0, 0x00c000000000577f, 0x00c000000000537f, 1, 0},
			{3, 1, 0x0000000000000404, 0x0000000000000404, 1, 0},
		},
		.answers = {
			{0x200000, PTW_OK, {0x40200000, 2, NORMAL, 3}, 1, 0x200000, 2 * MIB},
			{0x0, PTW_OK, {0x5000, 1, NORMAL, 1}, 0, 0, 4 * KIB},
			{0x1000, PTW_ERR_HOLE, {0}, 0, 0, 0},
			{0x2000, PTW_ERR_HOLE, {0}, 0, 0, 0},
			{0x40000000, PTW_ERR_HOLE, {0}, 0, 0, 0},
		},
		.runs = {
			{0, 4 * KIB, 0, Y},
			{0x200000, 2 * MIB, 1, Y | D},
		},
		.table = 2, .index = 1, .bit = 63, .ia = 0x200000,
	},
	{
		/* KVM's marker of an entry that is being replaced. */
		.name = "KVM stage 2 7.3",
		.preset = "arm64-s2-4k",
		.layout = &ptw_layout_kvm_stage2_7_3,
		.table_lg2 = 12,
		.start = 0,
		.end = GIB,
		.cells = {
			{0, 0, 0x0000000100001003, 0x0000000100001003, 1, 0},
			{1, 0, 0x0000000100002003, 0x0000000100002003, 1, 0},
			{2, 0, 0x0000000100003003, 0x0000000100003003, 1, 0},
			{3, 0, 0x00800000000057ff, 0x008000000000537f, 1, 0},
			{3, 1, 0x1000000000000000, 0x1000000000000000, 1, 0},
			{3, 2, 0x2000000000000000, 0x2000000000000000, 1, 0}, /* annotation */
		},
		.answers = {
			{0x0, PTW_OK, {0x5000, 7, NORMAL, 3}, 0, 0, 4 * KIB},
			{0x1000, PTW_ERR_AGAIN, {0}, 0, 0, 0},
			{0x2000, PTW_ERR_HOLE, {0}, 0, 0, 0},
		},
		.runs = {{0, 4 * KIB, 0, Y | D}},
		.table = 2, .index = 0, .bit = 59, .ia = 0,
	},
	{
		.name = "stage 1, 4K",
		.preset = "arm64-s1-4k",
		.table_lg2 = 12,
		.start = 512 * GIB,
		.end = 514 * GIB,
		.cells = {
			{0, 1, 0x0000000100001003, 0x0000000100001003, 1, 0},
			{1, 0, 0x0048000080000701, 0x0048000080000381, 1, 0},
			{1, 1, 0x0000000100002003, 0x0000000100002003, 1, 0},
			{2, 0, 0x0020000040200fc1, 0x0020000040200bc1, 1, 0},
			{2, 1, 0x0000000100003003, 0x0000000100003003, 1, 0},
			{3, 0, 0x006000000000548b, 0x006000000000508b, 1, 0},
		},
		.answers = {
			{0x8000000000, PTW_OK, {0x80000000, 7, NORMAL, 7}, 2, 512 * GIB, GIB},
			{0x8040000000, PTW_OK, {0x40200000, 13, NORMAL, 1}, 1, 513 * GIB, 2 * MIB},
			{0x8040200000, PTW_OK, {0x5000, 1, DEVICE, 1}, 0, 0x8040200000, 4 * KIB},
			{0x8040201000, PTW_ERR_HOLE, {0}, 0, 0, 0},
		},
		.runs = {
			{512 * GIB, GIB, 2, Y | D},
			{513 * GIB, 2 * MIB, 1, Y},
			{0x8040200000, 4 * KIB, 0, Y},
		},
		.table = 1, .index = 1, .bit = 50, .ia = 513 * GIB,
	},
	{
		/* Three levels, rotated by 27, 16 and 5. */
		.name = "perverse",
		.preset = "perverse",
		.levels = 3,
		.table_lg2 = 12,
		.empty = 0x0000004000010000,
		.start = 0,
		.end = 0x200000,
		.cells = {
			{0, 1, 0x0000200008000002, 0x0000200008000002, 1, 0},
			{0, 2, 0x0008000338000000, 0x0008000238000000, 1, 0},
			{1, 0, 0x00000020022c0000, 0x00000020024c0000, 1, 0},
			{1, 1, 0x0040000800020000, 0x0040000800020000, 1, 0},
			{2, 0, 0x00000000008047a0, 0x0000000000804ba0, 1, 0},
			{2, 1, 0x00000000008008a0, 0x00000000008008a0, 1, 0},
			{2, 2, 0x1000004000010000, 0x1000004000010000, 1, 0},
		},
		.answers = {
			{0x41234, PTW_OK, {0x9234, 3, NORMAL, 7}, 1, 0x40000, 32 * KIB},
			{0x48010, PTW_OK, {0x1010, 7, NORMAL, 7}, 0, 0x48000, 4 * KIB},
			{0x49000, PTW_OK, {0x1000, 1, NORMAL, 0}, 0, 0x49000, 4 * KIB},
			{0x4a000, PTW_ERR_AGAIN, {0}, 0, 0, 0},
			{0x4b000, PTW_ERR_HOLE, {0}, 0, 0, 0},
			{0x80000, PTW_OK, {0x40000, 1, NORMAL, 1}, 2, 0x80000, 256 * KIB},
		},
		.runs = {
			{0x40000, 32 * KIB, 1, Y | D},
			{0x48000, 4 * KIB, 0, Y | D},
			{0x80000, 256 * KIB, 2, Y},
		},
		.table = 1, .index = 0, .bit = 26, .ia = 0x40000,
	},
};

#endif /* PTW_TESTS_SCENARIOS_H */
