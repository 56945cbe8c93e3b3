/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Areas of the input address space, and the ranges that operations pick: mostly few pages that all
 * go for, so that races are lost, but also whole tables, and tables of tables.
 */
#include "stress.h"

#define HOT 8 /* pages */
#define HOT_ROUND 64 /* pages of a hot round: what one word of output tells of */

/* Two output addresses for each page, so that a stale translation and a torn leaf show. */
#define OA_OFFSET ((uint64_t)1 << 32)
#define OA_OTHER  ((uint64_t)1 << 33)

static void place(struct stress *s, enum area_id id, const char *name, uint64_t base,
		  uint64_t regions, uint64_t region, uint64_t quiet, bool odd)
{
	struct area *area = &s->areas[id];

	*area = (struct area){
		.name = name,
		.base = base,
		.pages = regions * region,
		.first = s->pages,
		.region = region,
		.busy = (regions - quiet) * region,
		.odd = odd,
	};
	s->pages += area->pages;
}

void space_lay_out(struct stress *s, const struct ptw_info *info, uint64_t *random)
{
	const uint64_t table = (uint64_t)1 << info->index_lg2;
	const bool small = table < 64;
	/* Of the mixed area: the largest leaf extent. Groups of blocks are 16 blocks. */
	bool groups = (s->config.features & PTW_FEATURE_CONTIG) && (next_random(random) & 1);
	uint64_t largest = small ? table * table : groups ? 16 * table : table;
	uint64_t pages = small ? 8 * table : 2 * table;

	s->upper = s->granule << (small ? 3 : 2) * info->index_lg2;
	place(s, AREA_PAGES, "pages", 0, pages, 1, 0, true);
	/* In the same table of tables. */
	place(s, AREA_PROTECTED, "protected", pages * s->granule, small ? pages : table, 1, 0,
	      true);
	place(s, AREA_MIXED, "mixed", s->upper, groups ? 2 : 4, largest, 1, false);
	place(s, AREA_BLOCKS, "blocks", 2 * s->upper, small ? 8 : 2, table, 0, false);
	s->bitmap_words = ptw_bitmap_words(0, 3 * s->upper, s->granule_lg2);
}

struct area *space_area(struct stress *s, uint64_t ia)
{
	for (unsigned int i = 0; i < AREAS; i++) {
		struct area *area = &s->areas[i];

		if (ia >= area->base && ia < area->base + area->pages * s->granule)
			return area;
	}
	return NULL;
}

struct span space_all(const struct stress *s)
{
	return (struct span){ 0, 3 * s->upper };
}

bool space_oa_right(struct stress *s, uint64_t ia, uint64_t oa)
{
	const struct area *area = space_area(s, ia);
	uint64_t offset;

	if (!area)
		return false;
	offset = oa - ia - (area->odd ? s->granule : 0);
	return offset == OA_OFFSET || offset == OA_OFFSET + OA_OTHER;
}

uint64_t space_oa(struct worker *w, uint64_t ia)
{
	const struct area *area = space_area(w->stress, ia);
	/* Mostly the same, or hardly any table could be collapsed. */
	uint64_t other = !w->want && below(w, 8) == 0 ? OA_OTHER : 0;

	return ia + OA_OFFSET + other + (area->odd ? w->stress->granule : 0);
}

struct span space_hot(const struct stress *s)
{
	const struct area *area = &s->areas[AREA_PAGES];
	uint64_t pages = area->busy < HOT_ROUND ? area->busy : HOT_ROUND;

	return (struct span){ area->base, area->base + pages * s->granule };
}

struct span space_pick(struct worker *w)
{
	struct stress *s = w->stress;
	/* The mixed area has most kinds of races. */
	static const enum area_id ids[] = { AREA_PAGES, AREA_PROTECTED, AREA_MIXED, AREA_MIXED,
					    AREA_MIXED, AREA_BLOCKS };
	const struct area *area = &s->areas[ids[below(w, sizeof(ids) / sizeof(ids[0]))]];
	uint64_t table = s->areas[AREA_BLOCKS].region;
	uint64_t first = 0, count = area->pages;

	switch (below(w, 32)) {
	case 0:
		return space_all(s);
	case 1: /* a table of tables */
		return (struct span){ area->base / s->upper * s->upper,
				      (area->base / s->upper + 1) * s->upper };
	case 2:
		break;
	case 3 ... 6:
		first = below(w, area->pages);
		count = 1 + below(w, area->pages - first);
		break;
	case 7 ... 9:
		first = below(w, area->pages);
		count = 1;
		break;
	case 10 ... 15:
		first = below(w, area->pages / table) * table;
		count = table;
		break;
	case 16 ... 19:
		count = HOT;
		break;
	case 20 ... 21:
		count = table;
		break;
	default:
		first = below(w, HOT);
		count = 1 + below(w, HOT - first);
	}
	return (struct span){ area->base + first * s->granule,
			      area->base + (first + count) * s->granule };
}

/* The part of `span` that lies in one area; at random if it is in none, or in several. */
static struct span into_area(struct worker *w, struct span span, const struct area **in)
{
	struct stress *s = w->stress;
	const struct area *area = space_area(s, span.start);

	if (!area || span.end - span.start > s->upper / 2)
		area = &s->areas[below(w, AREAS)];
	if (span.start < area->base)
		span.start = area->base;
	if (span.end > area->base + area->pages * s->granule)
		span.end = area->base + area->pages * s->granule;
	if (span.start >= span.end)
		span = (struct span){ area->base, area->base + area->region * s->granule };
	*in = area;
	return span;
}

static struct span widen(struct span span, uint64_t bytes)
{
	span.start -= span.start % bytes;
	span.end += bytes - 1;
	span.end -= span.end % bytes;
	return span;
}

struct span space_fit(struct worker *w, enum stress_role role, struct span span)
{
	struct stress *s = w->stress;
	const struct area *area;

	switch (role) {
	case ROLE_K:
	case ROLE_X:
		return space_all(s);
	case ROLE_F: /* without a fault before it: only where transitions are not counted */
		area = &s->areas[AREA_MIXED];
		if (space_area(s, span.start) != area ||
		    span.start >= area->base + area->busy * s->granule)
			span.start = area->base + below(w, HOT) * s->granule;
		span.end = span.start + s->granule;
		return span;
	case ROLE_M:
		span = into_area(w, span, &area);
		return area == &s->areas[AREA_BLOCKS] ? widen(span, area->region * s->granule)
						      : span;
	case ROLE_P:
		/* The dirty state of what lies outside the range of a cut extent would be told to
		 * nobody. */
		area = space_area(s, span.start);
		if (s->write_is_dirty &&
		    !(area && area->region == 1 && area == space_area(s, span.end - 1)))
			span = widen(span, s->areas[AREA_MIXED].region * s->granule);
		return span;
	case ROLE_S:
	case ROLE_C:
		/* Not of the blocks; where groups would be made of their pages, no split either. */
		if (role == ROLE_S && !(s->config.features & PTW_FEATURE_CONTIG))
			return span;
		if (span.start >= 2 * s->upper)
			return (struct span){ s->upper,
					      s->upper + s->areas[AREA_MIXED].region * s->granule };
		if (span.end > 2 * s->upper)
			span.end = 2 * s->upper;
		return span;
	default:
		return span;
	}
}
