/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The formats that processors have: tables of 512 entries, groups, flags that software keeps. */
#include "tests/schedule/scenarios.h"

#define EPT .preset = "ept4", .reclaim_delay = PTW_RECLAIM_NEVER
#define ARM .preset = "arm64-s2-4k", .reclaim_delay = PTW_RECLAIM_NEVER
#define GROUPS \
	.preset = "arm64-s2-4k-contig", .reclaim_delay = PTW_RECLAIM_NEVER, .sizes_change = true

const struct scenario scenarios_formats[] = {
	{
		.name = "ept: map, unmap, harvest",
		EPT,
		.bound = 2,
		.setup = {MAP_DIRTY(0, 2)},
		.thread = {{MAP_SMALL(2, 1)}, {UNMAP(0, 1)}, {BOTH(0, 8)}},
	},
	{
		.name = "ept: unmap, dirty harvest, writing processor",
		EPT,
		.bound = 2,
		.setup = {MAP_DIRTY(0, 1)},
		.thread = {{UNMAP(0, 1)}, {DIRTY(0, 8)}, {WRITE_PAGE(0), WRITE_PAGE(0)}},
	},
	{
		.name = "ept, access-tracked: harvest, processor, unmap",
		.preset = "ept4-tracked",
		.reclaim_delay = PTW_RECLAIM_NEVER,
		.conserve = CONSERVE_KEPT,
		.bound = 2,
		.setup = {MAP_SMALL(0, 1)},
		.thread = {{BOTH(0, 8)}, {WRITE_PAGE(0), WRITE_PAGE(0)}, {UNMAP(0, 1)}},
	},
	{
		.name = "arm64: write protection, writing processor, dirty harvest",
		ARM,
		.bound = 2,
		.setup = {MAP_SMALL(0, 1)},
		.thread = {{WRITE_PROTECT(0, 1)}, {WRITE_PAGE(0), WRITE_PAGE(0)}, {DIRTY(0, 8)}},
	},
	{
		.name = "arm64: unmap, map of the page, processor",
		ARM,
		.bound = 2,
		.setup = {MAP_DIRTY(0, 1)},
		.thread = {{UNMAP(0, 1)}, {MAP_SMALL(0, 1)}, {WRITE_PAGE(0), WRITE_PAGE(0)}},
	},
	{
		.name = "arm64, software's flags: harvest, processor, unmap",
		.preset = "arm64-s2-4k-swaf",
		.reclaim_delay = PTW_RECLAIM_NEVER,
		.conserve = CONSERVE_KEPT,
		.bound = 2,
		.setup = {MAP_SMALL(0, 1)},
		.thread = {{BOTH(0, 8)}, {WRITE_PAGE(0), WRITE_PAGE(0)}, {UNMAP(0, 1)}},
	},
	{
		.name = "group: harvest, processor",
		GROUPS,
		.conserve = CONSERVE_KEPT,
		.bound = 2,
		.setup = {MAP(0, 16)},
		.thread = {{BOTH(0, 16)}, {WRITE_PAGE(3)}, {READ_PAGE(9)}},
	},
	{
		.name = "group: protection, write fault",
		GROUPS,
		.features_off = PTW_FEATURE_HW_DIRTY,
		.conserve = CONSERVE_KEPT,
		.bound = 1,
		.setup = {MAP(0, 16)},
		.thread = {{PROTECT(0, 16, PTW_PROT_READ)}, {WRITE_PAGE(3)}},
	},
	{
		.name = "group: map, map of a page of it",
		GROUPS,
		.bound = 2,
		.setup = {MAP(40, 1)},
		.thread = {{MAP(0, 16)}, {MAP(5, 1)}},
	},
	{
		.name = "group: unmap, harvest, processor",
		GROUPS,
		.conserve = CONSERVE_KEPT,
		.bound = 1,
		.setup = {MAP(0, 16), MAP(40, 1)},
		.thread = {{UNMAP(0, 16)}, {BOTH(0, 16)}, {WRITE_PAGE(3)}},
	},
	{
		.name = "group made in place, harvests, processor",
		GROUPS,
		.bbm_level = 2,
		.conserve = CONSERVE_MERGED,
		.bound = 1,
		.setup = {MAP(0, 16), SPLIT(0, 16)},
		.thread = {{GROUP(0, 16)}, {WRITE_PAGE(3), BOTH(0, 16), BOTH(0, 16)}},
	},
	{
		.name = "group made, harvest, processor",
		GROUPS,
		.conserve = CONSERVE_MERGED,
		.bound = 1,
		.setup = {MAP(0, 16), SPLIT(0, 16)},
		.thread = {{GROUP(0, 16)}, {WRITE_PAGE(3), BOTH(0, 16), BOTH(0, 16)}},
	},
	{
		.name = "group made in place, unmap",
		GROUPS,
		.bbm_level = 2,
		.conserve = CONSERVE_KEPT,
		.bound = 1,
		.setup = {MAP(0, 16), SPLIT(0, 16)},
		.thread = {{GROUP(0, 16)}, {UNMAP(0, 16)}},
	},
	{
		.name = "group: split, harvest",
		GROUPS,
		.conserve = CONSERVE_KEPT,
		.bound = 1,
		.setup = {MAP(0, 16)},
		.thread = {{SPLIT(0, 16)}, {BOTH(0, 16)}, {WRITE_PAGE(3)}},
	},
	{.name = NULL},
};
