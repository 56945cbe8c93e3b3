/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Format conformance: every function of a format against an oracle written from the manual.
 *
 * An oracle answers the same questions as a format does, from bit numbers as the manual prints
 * them; neither it nor any expectation in this folder uses a macro of arch/. Values come from
 * counting an integer up over the bits that matter, and from turning over every bit and every pair
 * of bits of a few entries, so that a field that is one bit off is met whichever way it is off.
 */
#ifndef PTW_TESTS_CONFORMANCE_H
#define PTW_TESTS_CONFORMANCE_H

#include "tests/harness/harness.h"

#include <inttypes.h>
#include <string.h>

#include <ptw/ptw.h>

#include "lib/walk/instances.h"

#define BIT(n) ((uint64_t)1 << (n))
/* Bits high..low, both included. */
#define BITS(high, low) ((BIT(high) - 1 + BIT(high)) & ~(BIT(low) - 1))
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

#define HW_AD		(PTW_FEATURE_HW_ACCESSED | PTW_FEATURE_HW_DIRTY)
#define DS		(PTW_FEATURE_LPA2 | PTW_FEATURE_DS)
#define HAFT		(PTW_FEATURE_HW_ACCESSED | PTW_FEATURE_HAFT)

/* A set of error codes: several rules may be broken at once, and any of them may be named. */
#define ERROR(code) BIT(-(code))

/* What the manual says of one entry value. */
struct reading {
	bool present;
	bool leaf;
	bool refused; /* reserved bits, or a combination no hardware accepts */
	bool young;
	bool dirty;
	uint32_t prot;
	uint32_t memtype;
	uint32_t flags; /* young and dirty not among them */
	uint64_t address;
};

struct subject;

struct oracle {
	void (*read)(const struct subject *s, uint64_t e, unsigned int level, struct reading *r);
	uint64_t (*old)(const struct subject *s, uint64_t e, unsigned int level);
	uint64_t (*clean)(const struct subject *s, uint64_t e, unsigned int level);
	bool (*fix)(const struct subject *s, uint64_t e, unsigned int level, uint32_t access,
		    uint64_t *fixed);
	uint64_t (*protect)(const struct subject *s, uint64_t e, unsigned int level, bool forever);
	/* The bit handed to the library's caller; 0: none. */
	uint64_t (*user)(const struct subject *s, unsigned int level);
	/* Errors a leaf may be refused with; none: *e is its entry. The format's own rules only. */
	uint64_t (*make)(const struct subject *s, const struct ptw_leaf *leaf, unsigned int level,
			 uint64_t *e);
	uint64_t (*table)(const struct subject *s, uint64_t pa, unsigned int level);
	/* The bit of a table entry that records accesses through it. */
	uint64_t (*table_accessed)(const struct subject *s, unsigned int level);
	/* The bit that marks a leaf as held; 0: none. */
	uint64_t (*held)(const struct subject *s, unsigned int level);
	/* The same leaf at another level, built up from the fields that it keeps. */
	uint64_t (*relevel)(const struct subject *s, uint64_t e, unsigned int from, unsigned int to,
			    uint64_t oa, bool group);
	/* Bits of a leaf, held apart, that say nothing at its level, or only there. */
	uint64_t (*level_only)(const struct subject *s, unsigned int level);
	/* Must the entry be broken between two values that hardware accepts? */
	bool (*breaks)(const struct subject *s, uint64_t from, uint64_t to, unsigned int level,
		       unsigned int bbm);
	unsigned int bbm_most;	/* levels of FEAT_BBM the configuration may name: up to this */
	unsigned int bbm_never; /* the first one at which nothing is ever broken */
};

/* A configuration under test, as the test means it, and what the library makes of it. */
struct subject {
	const char *name;
	uint32_t format;
	unsigned int granule;
	unsigned int levels;
	unsigned int oa_bits;
	uint32_t features;
	unsigned int leaf_levels; /* bit n: leaves at level n */
	const struct oracle *oracle;
	const void *software;		 /* the oracle's idea of the software bits */
	const struct ptw_layout *layout; /* foreign, for attached page tables; null: our own */
	unsigned int ia_bits;		 /* 0: by levels */

	struct ptw_pgtable p;
	uint64_t values; /* checked since */
};

static uint64_t values_checked;

/* The end of a test: how much it has looked at. */
static inline void log_values(void)
{
	cr_log_info("%" PRIu64 " entry values", values_checked);
}

static inline struct ptw_config subject_config(const struct subject *s)
{
	return (struct ptw_config){
		.size = sizeof(struct ptw_config),
		.format = s->format,
		.granule_lg2 = s->granule,
		.levels = s->levels,
		.ia_bits = s->ia_bits,
		.oa_bits = s->oa_bits,
		.features = s->features,
		.layout = s->layout,
	};
}

static inline void subject_start(struct subject *s)
{
	const struct ptw_config config = subject_config(s);

	memset(&s->p, 0, sizeof(s->p));
	s->values = 0;
	cr_assert_eq(ptw_instance_choose(&config, s->layout != NULL, &s->p), PTW_OK, "%s", s->name);
	cr_assert_eq(s->p.build->configure(&config, &s->p.geometry), PTW_OK, "%s", s->name);
	cr_assert_eq(s->p.geometry.leaf_levels, s->leaf_levels, "%s: leaf levels %#x", s->name,
		     s->p.geometry.leaf_levels);
}

/* No assertion per comparison: there are millions of them. */
static inline void same(const struct subject *s, uint64_t e, unsigned int level, const char *what,
			uint64_t got, uint64_t expected)
{
	if (got == expected)
		return;
	cr_assert_fail("%s, level %u, entry %#" PRIx64 ": %s is %#" PRIx64 ", expected %#" PRIx64,
		       s->name, level, e, what, got, expected);
}

static const uint32_t accesses[] = {
	0,
	PTW_ACCESS_READ,
	PTW_ACCESS_WRITE,
	PTW_ACCESS_READ | PTW_ACCESS_WRITE,
	PTW_ACCESS_FETCH,
	PTW_ACCESS_READ | PTW_ACCESS_FETCH,
	PTW_ACCESS_WRITE | PTW_ACCESS_FETCH,
	PTW_ACCESS_USER,
	PTW_ACCESS_USER | PTW_ACCESS_WRITE,
	PTW_ACCESS_USER | PTW_ACCESS_FETCH,
	PTW_ACCESS_USER | PTW_ACCESS_READ | PTW_ACCESS_FETCH,
	PTW_ACCESS_GUEST_PT | PTW_ACCESS_READ,
	PTW_ACCESS_GUEST_PT | PTW_ACCESS_USER | PTW_ACCESS_READ,
};

static inline void check_fixes(struct subject *s, uint64_t e, unsigned int level,
			       const struct reading *r)
{
	const struct ptw_build *b = s->p.build;
	const struct ptw_format *f = s->p.instance->format;
	const struct ptw_layout *l = s->p.layout;

	for (unsigned int i = 0; i < COUNT(accesses); i++) {
		uint64_t fixed = 0x5a5a, expected = 0x5a5a;
		bool can = s->oracle->fix(s, e, level, accesses[i], &expected);
		struct reading after = {0};

		same(s, e, level, "whether a fault can be fixed",
		     b->fix(&s->p.geometry, l, e, level, accesses[i], &fixed), can);
		same(s, e, level, "the fixed entry", fixed, expected);
		if (!can)
			continue;
		/* Hardware goes on with it, and it stays the same mapping. */
		s->oracle->read(s, fixed, level, &after);
		same(s, e, level, "a fixed entry: refused", after.refused, false);
		same(s, e, level, "a fixed entry: address", after.address, r->address);
		same(s, e, level, "a fixed entry: permissions", after.prot, r->prot);
		same(s, e, level, "a fixed entry: present", f->present(l, fixed, level), true);
		same(s, e, level, "a fixed entry: young", f->young(l, fixed, level), true);
		same(s, e, level, "a fixed entry: dirty", f->dirty_leaf(l, fixed, level),
		     after.dirty);
		/* Stage 1 knows dirty only of leaves whose writability is a promise (DBM). */
		if (accesses[i] & PTW_ACCESS_WRITE &&
		    (s->format != PTW_FORMAT_ARM64_S1 || r->flags & PTW_LEAF_MAY_WRITE))
			same(s, e, level, "a fixed entry: dirty after a write", after.dirty, true);
	}
}

static inline void same_leaf(const struct subject *s, uint64_t e, unsigned int level,
			     const struct ptw_leaf *leaf, const struct ptw_leaf *expected)
{
	same(s, e, level, "releveled: output address", leaf->oa, expected->oa);
	same(s, e, level, "releveled: permissions", leaf->prot, expected->prot);
	same(s, e, level, "releveled: memory type", leaf->memtype, expected->memtype);
	same(s, e, level, "releveled: flags", leaf->flags, expected->flags);
}

/* A leaf to level `to` and back: the same but for the address, held and membership in a group. */
static inline void check_relevel(struct subject *s, uint64_t e, unsigned int level,
				 const struct reading *r, unsigned int to, uint64_t oa, bool group)
{
	const struct ptw_geometry *g = &s->p.geometry;
	const struct ptw_build *b = s->p.build;
	const struct ptw_layout *l = s->p.layout;
	const bool member = r->flags & PTW_LEAF_GROUP;
	const uint64_t lost = s->oracle->level_only(s, level) | s->oracle->held(s, level);
	struct ptw_leaf leaf, expected;
	struct reading moved = {0};
	uint64_t there, back;

	there = b->relevel(g, l, e, level, to, oa, group);
	same(s, e, level, "releveled", there, s->oracle->relevel(s, e, level, to, oa, group));
	s->oracle->read(s, there, to, &moved);
	same(s, there, to, "releveled: present", moved.present, true);
	same(s, there, to, "releveled: leaf", moved.leaf, true);
	same(s, there, to, "releveled: refused", moved.refused, false);
	same(s, there, to, "releveled: reserved", there & g->leaf_reserved[to], 0);

	b->decode(g, l, e, level, &expected);
	expected.oa = oa;
	expected.flags &= ~(uint32_t)(PTW_LEAF_HELD | PTW_LEAF_GROUP);
	expected.flags |= group ? PTW_LEAF_GROUP : 0;
	b->decode(g, l, there, to, &leaf);
	same_leaf(s, there, to, &leaf, &expected);

	back = b->relevel(g, l, there, to, level, r->address, member);
	same(s, e, level, "there and back", back, e & ~lost);
}

static inline void check_sizes(struct subject *s, uint64_t e, unsigned int level,
			       const struct reading *r)
{
	const unsigned int index_lg2 = s->p.instance->format->index_lg2;
	const uint64_t held = s->oracle->held(s, level);
	struct reading owned = {0};

	s->oracle->read(s, e | held, level, &owned);
	same(s, e, level, "held: flags", owned.flags, r->flags | (held ? PTW_LEAF_HELD : 0));
	same(s, e, level, "held: permissions", owned.prot, r->prot);
	same(s, e, level, "held: address", owned.address, r->address);
	same(s, e, level, "held: refused", owned.refused, false);

	for (unsigned int to = 0; to < s->levels; to++) {
		const unsigned int span = s->granule + to * index_lg2;
		const bool groups = s->p.instance->format->group_lg2[to];
		uint64_t top;

		if (!(s->leaf_levels >> to & 1) || span >= s->oa_bits)
			continue;
		top = BITS(s->oa_bits - 1, span);
		check_relevel(s, e, level, r, to, 0, false);
		check_relevel(s, e, level, r, to, top, groups);
		check_relevel(s, e, level, r, to, top & 0x5555555555555555, false);
		check_relevel(s, e, level, r, to, top & 0xaaaaaaaaaaaaaaaa, groups);
	}
}

static inline void check_leaf(struct subject *s, uint64_t e, unsigned int level,
			      const struct reading *r)
{
	const struct ptw_format *f = s->p.instance->format;
	const struct ptw_build *b = s->p.build;
	const struct ptw_layout *l = s->p.layout;
	const uint64_t user = s->oracle->user(s, level);
	const uint64_t old = f->make_old(l, e, level);
	const uint64_t clean = f->make_clean(l, e, level);
	struct ptw_leaf leaf;

	same(s, e, level, "young", f->young(l, e, level), r->young);
	same(s, e, level, "dirty", f->dirty_leaf(l, e, level), r->dirty);
	memset(&leaf, 0x5a, sizeof(leaf));
	b->decode(&s->p.geometry, l, e, level, &leaf);
	same(s, e, level, "output address", leaf.oa, r->address);
	same(s, e, level, "permissions", leaf.prot, r->prot);
	same(s, e, level, "memory type", leaf.memtype, r->memtype);
	same(s, e, level, "flags", leaf.flags,
	     r->flags | (r->young ? PTW_LEAF_YOUNG : 0) | (r->dirty ? PTW_LEAF_DIRTY : 0));

	same(s, e, level, "old", old, s->oracle->old(s, e, level));
	same(s, e, level, "older", f->make_old(l, old, level), old);
	same(s, e, level, "old is young", f->young(l, old, level), false);
	same(s, e, level, "old is present", f->present(l, old, level), true);
	same(s, e, level, "address of old", f->address(&s->p.geometry, old, level), r->address);
	/* W comes back by a write alone, so only if something promises that. */
	b->decode(&s->p.geometry, l, old, level, &leaf);
	same(s, e, level, "permissions of old", leaf.prot | PTW_PROT_WRITE,
	     r->prot | PTW_PROT_WRITE);
	if (r->flags & PTW_LEAF_MAY_WRITE)
		same(s, e, level, "permissions of old", leaf.prot, r->prot);

	same(s, e, level, "clean", clean, s->oracle->clean(s, e, level));
	same(s, e, level, "cleaner", f->make_clean(l, clean, level), clean);
	same(s, e, level, "clean is dirty", f->dirty_leaf(l, clean, level), false);
	same(s, e, level, "clean is present", f->present(l, clean, level), true);
	same(s, e, level, "address of clean", f->address(&s->p.geometry, clean, level), r->address);

	same(s, e, level, "write-protected", b->write_protect(l, e, level, false),
	     s->oracle->protect(s, e, level, false));
	same(s, e, level, "write-protected for ever", b->write_protect(l, e, level, true),
	     s->oracle->protect(s, e, level, true));
	same(s, e, level, "with the user bit", b->set_user(l, e, level, true), e | user);
	same(s, e, level, "without the user bit", b->set_user(l, e, level, false), e & ~user);
	check_fixes(s, e, level, r);
	check_sizes(s, e, level, r);
}

/* One entry value, whatever it may be. */
static inline void check_value(struct subject *s, uint64_t e, unsigned int level)
{
	const struct ptw_geometry *g = &s->p.geometry;
	const struct ptw_format *f = s->p.instance->format;
	const struct ptw_layout *l = s->p.layout;
	struct reading r = {0};
	bool refused;

	s->values++;
	values_checked++;
	s->oracle->read(s, e, level, &r);
	same(s, e, level, "present", f->present(l, e, level), r.present);
	if (!r.present)
		return;
	same(s, e, level, "leaf", f->leaf(e, level), r.leaf);
	refused = e & (r.leaf ? g->leaf_reserved[level] : g->table_reserved[level]);
	refused = refused || s->p.build->malformed(g, l, e, level);
	same(s, e, level, "refused", refused, r.refused);
	if (refused)
		return;
	same(s, e, level, "address", f->address(g, e, level), r.address);
	if (r.leaf)
		check_leaf(s, e, level, &r);
}

/* Where tests are slow, a share of the values; a share of its own for each configuration and level. */
static inline bool takes_value(const struct subject *s, uint64_t e, unsigned int level)
{
	return test_takes(e + ((uint64_t)s->features << 20 | s->granule << 8 | level));
}

/* So many values have been checked, or their share. */
static inline void check_count(const struct subject *s, uint64_t all)
{
	if (test_share() == 1)
		cr_assert_eq(s->values, all);
	else
		cr_assert_gt(s->values, all / test_share() / 2);
}

/* Every choice of `count` bits of `base`, in the order of a Gray code. */
static inline void check_choices(struct subject *s, unsigned int level, uint64_t base,
				 const uint8_t *bits, unsigned int count)
{
	uint64_t e = base;

	check_value(s, e, level);
	for (uint32_t i = 1; i < (uint32_t)1 << count; i++) {
		e ^= BIT(bits[__builtin_ctz(i)]);
		if (takes_value(s, e, level))
			check_value(s, e, level);
	}
}

/* Every bit of `base` turned over, and every pair of bits. */
static inline void check_flips(struct subject *s, unsigned int level, uint64_t base)
{
	check_value(s, base, level);
	for (unsigned int i = 0; i < 64; i++) {
		check_value(s, base ^ BIT(i), level);
		for (unsigned int j = i + 1; j < 64; j++)
			if (takes_value(s, base ^ BIT(i) ^ BIT(j), level))
				check_value(s, base ^ BIT(i) ^ BIT(j), level);
	}
}

/* The entry of a leaf that can be made. */
static inline uint64_t make(const struct subject *s, const struct ptw_leaf *leaf,
			    unsigned int level)
{
	uint64_t e = 0;
	int error = s->p.build->make_leaf(&s->p.geometry, s->p.layout, leaf, level, &e);

	cr_assert_eq(error, PTW_OK, "%s, level %u, leaf %#" PRIx64 ": error %d", s->name, level,
		     leaf->oa, error);
	return e;
}

/* Rules of a leaf that every format has; the rest is the oracle's. */
static inline uint64_t common_leaf_errors(const struct subject *s, const struct ptw_leaf *leaf,
					  unsigned int level)
{
	const unsigned int span = s->granule + level * (s->p.instance->format->index_lg2);
	uint64_t errors = 0;

	if (leaf->prot > 15 || leaf->memtype > PTW_MEM_DEVICE || leaf->flags > 63)
		errors |= ERROR(PTW_ERR_ARG);
	if (level >= s->levels || !(s->leaf_levels >> level & 1))
		errors |= ERROR(PTW_ERR_UNSUPPORTED);
	if (leaf->oa & (BIT(span) - 1))
		errors |= ERROR(PTW_ERR_ALIGN);
	if (leaf->oa >> s->oa_bits)
		errors |= ERROR(PTW_ERR_OUTPUT);
	return errors;
}

static inline void check_make_one(struct subject *s, const struct ptw_leaf *leaf,
				  unsigned int level)
{
	const struct ptw_geometry *g = &s->p.geometry;
	uint64_t e = 0xa5a5, expected = 0xa5a5;
	uint64_t errors = common_leaf_errors(s, leaf, level);
	struct reading r = {0};
	int error;

	s->values++;
	values_checked++;
	errors |= s->oracle->make(s, leaf, level, &expected);
	error = s->p.build->make_leaf(g, s->p.layout, leaf, level, &e);
	if (errors) {
		if (error == PTW_OK || !(errors & ERROR(error)))
			cr_assert_fail("%s, level %u: leaf %#" PRIx64
				       ", prot %#x, type %u, flags %#x: error %d of %#" PRIx64,
				       s->name, level, leaf->oa, leaf->prot, leaf->memtype,
				       leaf->flags, error, errors);
		same(s, leaf->oa, level, "a leaf that was refused", e, 0xa5a5);
		return;
	}
	if (error != PTW_OK || e != expected)
		cr_assert_fail("%s, level %u: leaf %#" PRIx64
			       ", prot %#x, type %u, flags %#x: error %d, entry %#" PRIx64
			       ", expected %#" PRIx64,
			       s->name, level, leaf->oa, leaf->prot, leaf->memtype, leaf->flags,
			       error, e, expected);

	/* What was made says what was asked for. */
	s->oracle->read(s, e, level, &r);
	same(s, e, level, "made: present", r.present, true);
	same(s, e, level, "made: leaf", r.leaf, true);
	same(s, e, level, "made: refused", r.refused, false);
	same(s, e, level, "made: address", r.address, leaf->oa);
	same(s, e, level, "made: memory type", r.memtype, leaf->memtype);
	same(s, e, level, "made: young", r.young, !!(leaf->flags & PTW_LEAF_YOUNG));
	same(s, e, level, "made: dirty", r.dirty, !!(leaf->flags & PTW_LEAF_DIRTY));
	same(s, e, level, "made: permissions", r.prot,
	     leaf->prot | (leaf->flags & PTW_LEAF_MAY_WRITE ? PTW_PROT_WRITE : 0));
	same(s, e, level, "made: flags", r.flags,
	     (leaf->flags | (leaf->prot & PTW_PROT_WRITE ? PTW_LEAF_MAY_WRITE : 0)) &
		     ~(uint32_t)(PTW_LEAF_YOUNG | PTW_LEAF_DIRTY));
	check_value(s, e, level);
}

/* Every permission, memory type and flag at every level, at a few addresses; wrong ones too. */
static inline void check_make(struct subject *s)
{
	for (unsigned int level = 0; level <= s->levels; level++) {
		const unsigned int span = s->granule + level * s->p.instance->format->index_lg2;
		const uint64_t top = BIT(s->oa_bits) - 1;
		const uint64_t addresses[] = {
			0,
			BIT(span < s->oa_bits ? span : 0),
			span < s->oa_bits ? top & ~(BIT(span) - 1) : 0,
			BIT(s->oa_bits),
			BIT(span - 1),
		};

		for (unsigned int a = 0; a < COUNT(addresses); a++) {
			for (uint32_t i = 0; i < 17 * 4 * 65; i++) {
				const struct ptw_leaf leaf = {
					.oa = addresses[a],
					.prot = i % 17,
					.memtype = i / 17 % 4,
					.flags = i / 17 / 4,
				};

				/* The wrong addresses need not go with everything. */
				if (a > 1 && i % 7 != a)
					continue;
				if (!takes_value(s, addresses[a] + i, level))
					continue;
				check_make_one(s, &leaf, level);
			}
		}
	}
}

static inline void check_tables(struct subject *s)
{
	const struct ptw_format *f = s->p.instance->format;
	const struct ptw_geometry *g = &s->p.geometry;
	const unsigned int table_lg2 = 3 + f->index_lg2;

	for (unsigned int level = 1; level < s->levels; level++) {
		same(s, 0, level, "accessed bits of a table", s->p.build->table_accessed(g, level),
		     s->oracle->table_accessed(s, level));
		for (unsigned int bit = table_lg2; bit <= s->oa_bits; bit++) {
			/* One address bit; and last, all of them. */
			uint64_t pa = bit < s->oa_bits ? BIT(bit) : BITS(s->oa_bits - 1, table_lg2);
			uint64_t e = s->p.build->make_table(g, s->p.layout, pa, level);
			struct reading r = {0};

			same(s, pa, level, "a table entry", e, s->oracle->table(s, pa, level));
			s->oracle->read(s, e, level, &r);
			same(s, e, level, "a table entry: present", r.present, true);
			same(s, e, level, "a table entry: leaf", r.leaf, false);
			same(s, e, level, "a table entry: refused", r.refused, false);
			same(s, e, level, "a table entry: address", r.address, pa);
			check_value(s, e, level);
			check_value(s, e | s->oracle->table_accessed(s, level), level);
		}
	}
}

/* The entry of a table, and the bits in it that record accesses, written out. */
struct table_row {
	unsigned int subject, level;
	uint64_t pa, entry, accessed;
};

static inline void check_table_rows(struct subject *subjects, const struct table_row *rows,
				    unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		const struct table_row *row = &rows[i];
		struct subject *s = &subjects[row->subject];
		const struct ptw_build *b;
		const struct ptw_geometry *g = &s->p.geometry;
		uint64_t e;

		subject_start(s);
		b = s->p.build;
		e = b->make_table(g, s->p.layout, row->pa, row->level);
		same(s, i, row->level, "row", e, row->entry);
		same(s, i, row->level, "accessed bits of a table", b->table_accessed(g, row->level),
		     row->accessed);
		/* Accessed, it is the same table, and no hardware refuses it. */
		e |= row->accessed;
		same(s, e, row->level, "an accessed table: reserved", e & g->table_reserved[row->level],
		     0);
		same(s, e, row->level, "an accessed table: refused",
		     b->malformed(g, s->p.layout, e, row->level), false);
		same(s, e, row->level, "an accessed table: address",
		     s->p.instance->format->address(g, e, row->level), row->pa);
	}
}

/* What a format says of itself. */
static inline void check_constants(const struct subject *s, unsigned int index_lg2,
				   uint64_t accessed, bool and_clear, bool bbm)
{
	const struct ptw_format *f = s->p.instance->format;

	same(s, 0, 0, "granule", f->granule_lg2, s->granule);
	same(s, 0, 0, "index bits", f->index_lg2, index_lg2);
	same(s, 0, 0, "accessed", f->accessed, accessed);
	same(s, 0, 0, "clearing by AND", f->and_clear, and_clear);
	same(s, 0, 0, "break before make", s->p.geometry.break_before_make, bbm);
	same(s, 0, 0, "format", s->p.build->id, s->format);
	for (unsigned int level = 0; level < PTW_MAX_LEVELS; level++)
		same(s, 0, level, "the held bit", s->p.build->held(s->p.layout, level),
		     s->oracle->held(s, level));
}

#endif /* PTW_TESTS_CONFORMANCE_H */
