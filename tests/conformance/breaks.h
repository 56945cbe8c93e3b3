/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Break-before-make: which levels of FEAT_BBM a configuration may name, and between which values an
 * entry must be invalid, against the oracle and by rows.
 */
#ifndef PTW_TESTS_BREAKS_H
#define PTW_TESTS_BREAKS_H

#include "conformance.h"

#define BBM_LEVELS 3

/* The geometry of each level; every other level is refused and changes nothing. */
static inline void check_bbm_levels(struct subject *s)
{
	static const uint32_t levels[] = {0, 1, 2, 3, 4, 255, 256, 257, 258, 0x80000000, ~0u};
	const struct ptw_geometry *plain = &s->p.geometry;

	for (unsigned int i = 0; i < COUNT(levels); i++) {
		struct ptw_config config = subject_config(s);
		struct ptw_geometry g;
		int error;

		config.bbm_level = levels[i];
		error = s->p.build->configure(&config, &g);
		if (levels[i] > s->oracle->bbm_most) {
			cr_assert_eq(error, PTW_ERR_CONFIG_FEATURE, "%s, level %#x: error %d",
				     s->name, levels[i], error);
			continue;
		}
		cr_assert_eq(error, PTW_OK, "%s, level %#x: error %d", s->name, levels[i], error);
		same(s, levels[i], 0, "level of FEAT_BBM", g.bbm_level, levels[i]);
		same(s, levels[i], 0, "break before make", g.break_before_make,
		     levels[i] < s->oracle->bbm_never);
		/* Nothing else depends on it. */
		same(s, levels[i], 0, "features", g.features, plain->features);
		same(s, levels[i], 0, "leaf levels", g.leaf_levels, plain->leaf_levels);
		for (unsigned int level = 0; level < PTW_MAX_LEVELS; level++) {
			same(s, levels[i], level, "reserved bits of leaves", g.leaf_reserved[level],
			     plain->leaf_reserved[level]);
			same(s, levels[i], level, "reserved bits of tables",
			     g.table_reserved[level], plain->table_reserved[level]);
		}
	}
}

static inline struct ptw_geometry bbm_geometry(const struct subject *s, uint32_t bbm)
{
	struct ptw_config config = subject_config(s);
	struct ptw_geometry g;

	config.bbm_level = bbm;
	cr_assert_eq(s->p.build->configure(&config, &g), PTW_OK, "%s", s->name);
	return g;
}

/* Would hardware accept it, if it is present at all? */
static inline bool acceptable(const struct subject *s, uint64_t e, unsigned int level)
{
	struct reading r = {0};

	s->oracle->read(s, e, level, &r);
	return !r.refused;
}

/* From `base` to what differs from it in one bit or two, and back; at every level of FEAT_BBM. */
static inline void check_breaks(struct subject *s, unsigned int level, uint64_t base)
{
	for (uint32_t bbm = 0; bbm <= s->oracle->bbm_most; bbm++) {
		const struct ptw_geometry g = bbm_geometry(s, bbm);

		/* 64 * 64: no bit. n / 64 == n % 64: one. */
		for (unsigned int n = 0; n <= 64 * 64; n++) {
			const uint64_t flips = n < 64 * 64 ? BIT(n / 64) | BIT(n % 64) : 0;
			const uint64_t e = base ^ flips;

			if (n / 64 > n % 64 && flips)
				continue;
			/* Of the pairs of bits a share where tests are slow. */
			if (n / 64 != n % 64 && !takes_value(s, e + bbm, level))
				continue;
			if (!acceptable(s, e, level))
				continue;
			s->values++;
			values_checked++;
			same(s, e, level, "break on the way there",
			     s->p.build->must_break(&g, s->p.layout, base, e, level),
			     s->oracle->breaks(s, base, e, level, bbm));
			same(s, e, level, "break on the way back",
			     s->p.build->must_break(&g, s->p.layout, e, base, level),
			     s->oracle->breaks(s, e, base, level, bbm));
		}
	}
}

/* One change of an entry; the oracle is not asked. */
struct break_row {
	unsigned int subject, level;
	uint64_t from, to;
	const char *there, *back; /* for each level of FEAT_BBM: 'b' if it breaks, '-' if not */
};

static inline void check_break_rows(struct subject *subjects, const struct break_row *rows,
				    unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		const struct break_row *row = &rows[i];
		struct subject *s = &subjects[row->subject];

		subject_start(s);
		cr_assert(acceptable(s, row->from, row->level) &&
				  acceptable(s, row->to, row->level),
			  "row %u: hardware refuses one of the values", i);
		for (uint32_t bbm = 0; bbm < BBM_LEVELS && row->there[bbm]; bbm++) {
			const struct ptw_geometry g = bbm_geometry(s, bbm);
			const struct ptw_build *b = s->p.build;
			const struct ptw_layout *l = s->p.layout;

			cr_assert_eq(b->must_break(&g, l, row->from, row->to, row->level),
				     row->there[bbm] == 'b', "row %u, FEAT_BBM %u, there", i, bbm);
			cr_assert_eq(b->must_break(&g, l, row->to, row->from, row->level),
				     row->back[bbm] == 'b', "row %u, FEAT_BBM %u, back", i, bbm);
		}
	}
}

#endif /* PTW_TESTS_BREAKS_H */
