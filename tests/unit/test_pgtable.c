/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Beginning and end of a page table, its memory, and what it says of itself. */
#include "tests/unit/pgtable_machine.h"
#include <ptw/port.h>

static struct machine m;

Test(version, numbers_and_text)
{
	char text[32];

	snprintf(text, sizeof(text), "%u.%u.%u", ptw_version() >> 16, ptw_version() >> 8 & 255,
		 ptw_version() & 255);
	cr_assert_str_eq(text, ptw_version_string());
	cr_assert_str_eq(text, PTW_VERSION_STRING);
}

Test(version, capabilities)
{
	struct ptw_capabilities c = { .size = sizeof(c) };

	cr_assert_eq(ptw_capabilities(&c), PTW_OK);
	cr_assert_eq(c.formats, 1u << PTW_FORMAT_EPT | 1u << PTW_FORMAT_X86_64 |
					1u << PTW_FORMAT_ARM64_S2 | 1u << PTW_FORMAT_ARM64_S1 |
					1u << PTW_FORMAT_PERVERSE);
	cr_assert_eq(c.max_levels, 5u);
	cr_assert_leq(c.and_clear_wait_free, 1u);
	cr_assert_not_null(c.rcu);
#if defined(__x86_64__)
#if defined(__OPTIMIZE__) && !defined(PTW_PORT_SANITIZED)
	cr_assert_eq(c.and_clear_wait_free, 1u);
#else
	cr_assert_eq(c.and_clear_wait_free, 0u);
#endif
#ifndef __KERNEL__ /* where vector registers are not used */
	cr_assert(c.cpu_features & 1);
#endif
#endif
	cr_assert_eq(ptw_capabilities(NULL), PTW_ERR_ARG);
	c.size--;
	cr_assert_eq(ptw_capabilities(&c), PTW_ERR_SIZE);
}

/* Every code has a text of its own, and nothing else has. */
Test(error, texts)
{
	for (int code = PTW_ERR_POLICY; code <= PTW_OK; code++) {
		const char *text = ptw_strerror(code);

		cr_assert_neq(text[0], '\0');
		cr_assert_neq(text[strlen(text) - 1], '.');
		cr_assert_str_neq(text, ptw_strerror(1));
		for (int other = code + 1; other <= PTW_OK; other++)
			cr_assert_str_neq(text, ptw_strerror(other));
	}
	cr_assert_str_eq(ptw_strerror(PTW_ERR_POLICY - 1), "unknown error");
	cr_assert_str_eq(ptw_strerror(12345), "unknown error");
}

Test(preset, names)
{
	struct ptw_config config, untouched;
	unsigned int n = 0;

	for (; ptw_preset_name(n); n++) {
		memset(&config, 0xa5, sizeof(config));
		cr_assert_eq(ptw_preset(ptw_preset_name(n), &config), PTW_OK);
		cr_assert_eq(config.size, sizeof(config));
		cr_assert_null(config.layout);
		cr_assert_null((void *)config.pool);
		cr_assert_eq(config.phys_offset, 0u);
	}
	cr_assert_geq(n, 20u);
	cr_assert_null(ptw_preset_name(n + 1000));
	memset(&config, 0xa5, sizeof(config));
	untouched = config;
	cr_assert_eq(ptw_preset("ept", &config), PTW_ERR_ARG);
	cr_assert_eq(ptw_preset("ept44", &config), PTW_ERR_ARG);
	cr_assert_eq(ptw_preset("", &config), PTW_ERR_ARG);
	cr_assert_eq(ptw_preset(NULL, &config), PTW_ERR_ARG);
	cr_assert_eq(ptw_preset("ept4", NULL), PTW_ERR_ARG);
	cr_assert_not(memcmp(&config, &untouched, sizeof(config)));
}

Test(pgtable, empty)
{
	const char *preset;

	for_each_preset(preset) {
		struct text *text;

		machine_open(&m, preset);
		cr_assert_eq(m.info.tables, 0u);
		cr_assert_eq(m.info.tables_retired, 0u);
		cr_assert_eq(m.info.attached, 0u);
		cr_assert_eq(m.info.exact, 1u);
		cr_assert(m.info.format && m.info.layout);
		cr_assert(m.info.leaf_levels & 1);
		cr_assert_eq(m.info.ia_bits <= m.info.granule_lg2 + m.info.root_lg2 +
						       m.info.index_lg2 * (m.info.levels - 1),
			     true);
		cr_assert_gt(m.info.bytes, 8u << m.info.root_lg2);
		assert_sound(&m);
		cr_assert_eq(query_error(&m, 0), PTW_ERR_HOLE);
		cr_assert_eq(query_error(&m, m.ia_end - 1), PTW_ERR_HOLE);
		cr_assert_eq(query_error(&m, m.ia_end), PTW_ERR_RANGE);
		cr_assert_eq(ptw_test_young(m.pgtable, 0), PTW_ERR_HOLE);
		text = dump_text(&m);
		cr_assert_eq(text->lines, 0u);
		free(text);
		cr_assert_neq(access_once(&m, 0, PTW_ACCESS_READ), PTW_SOFTMMU_OK);
		machine_close(&m);
	}
	cr_assert_eq(ptw_pgtable_destroy(NULL), PTW_OK);
}

/* Memory: bounded by what the issue promises, 64 bytes per table, 8 KiB, and the tables. */
Test(pgtable, info_counts_tables_and_bytes)
{
	uint64_t empty;

	machine_open(&m, "ept4");
	empty = m.info.bytes;
	map_levels(&m, 0, 512 * 512 * m.granule, 0, 1);
	machine_info(&m);
	cr_assert_eq(m.info.tables, 1u + 1 + 512);
	cr_assert_geq(m.info.bytes, (514u + 1) * 4096);
	cr_assert_leq(m.info.bytes, 515u * 4096 + 514u * 64 + 8192);
	cr_assert_eq(ptw_unmap(m.pgtable, 0, m.ia_end, NULL, NULL), PTW_OK);
	machine_info(&m);
	cr_assert_eq(m.info.tables, 0u);
	cr_assert_leq(empty, m.info.bytes);
	machine_close(&m);
}

Test(pgtable, dump)
{
	struct text *text;

	machine_open(&m, "x86-64");
	map_levels(&m, 0x200000, 0x400000, 0x800000, 2);
	map_levels(&m, 0x400000, 0x403000, 0x1000, 1);
	touch_write(&m, 0x402000);
	text = dump_text(&m);
	cr_assert_not_null(strstr(text->bytes, " 1 x 2M -> 000000800000 rwx user"));
	cr_assert_not_null(strstr(text->bytes, "000000400000-000000402000 2 x 4K -> 000000001000"));
	cr_assert_not_null(strstr(text->bytes, "000000402000-000000403000 1 x 4K -> 000000003000"));
	cr_assert_not_null(strstr(text->bytes, "young dirty"));
	cr_assert_eq(text->lines, 3u + 3);
	/* A part only. */
	memset(text, 0, sizeof(*text));
	cr_assert_eq(ptw_dump(m.pgtable, 0x401000, 0x402000, text_line, text), PTW_OK);
	cr_assert_eq(text->lines, 3u + 1);
	cr_assert_not_null(strstr(text->bytes, "000000401000-000000402000 1 x 4K -> 000000002000"));
	free(text);
	machine_close(&m);
}

static int created(const struct ptw_config *config)
{
	struct ptw_pgtable *pgtable = (struct ptw_pgtable *)&m;
	const int ret = ptw_pgtable_create(config, &pgtable);

	if (ret == PTW_OK)
		cr_assert_eq(ptw_pgtable_destroy(pgtable), PTW_OK);
	else
		cr_assert_eq((void *)pgtable, (void *)&m);
	return ret;
}

struct refused {
	const char *preset;
	uint32_t add, drop; /* features */
	uint32_t levels, ia_bits, oa_bits, granule_lg2;
	int error;
};

Test(pgtable, configurations_refused)
{
	static const struct refused all[] = {
		/* Modes that would be misread. */
		{ .preset = "arm64-s2-4k", .add = PTW_FEATURE_S2PIE, .error = PTW_ERR_CONFIG_MODE },
		{ .preset = "arm64-s2-4k", .add = PTW_FEATURE_S2POE, .error = PTW_ERR_CONFIG_MODE },
		{ .preset = "arm64-s1-4k", .add = PTW_FEATURE_D128, .error = PTW_ERR_CONFIG_MODE },
		{ .preset = "ept4", .add = PTW_FEATURE_MBEC, .error = PTW_ERR_CONFIG_MODE },
		/* Features of others, or without what they need. */
		{ .preset = "ept4", .add = PTW_FEATURE_NX, .error = PTW_ERR_CONFIG_FEATURE },
		{ .preset = "x86-64", .add = PTW_FEATURE_CONTIG, .error = PTW_ERR_CONFIG_FEATURE },
		{ .preset = "ept4", .drop = PTW_FEATURE_HW_DIRTY, .error = PTW_ERR_CONFIG_FEATURE },
		{ .preset = "ept4-tracked",
		  .add = PTW_FEATURE_HW_DIRTY,
		  .error = PTW_ERR_CONFIG_FEATURE },
		{ .preset = "arm64-s2-4k-swaf",
		  .add = PTW_FEATURE_HW_DIRTY,
		  .error = PTW_ERR_CONFIG_FEATURE },
		{ .preset = "arm64-s2-4k-lpa2",
		  .drop = PTW_FEATURE_LPA2,
		  .error = PTW_ERR_CONFIG_FEATURE },
		{ .preset = "arm64-s2-4k",
		  .add = PTW_FEATURE_LPA,
		  .error = PTW_ERR_CONFIG_FEATURE },
		{ .preset = "arm64-s2-64k",
		  .add = PTW_FEATURE_DS | PTW_FEATURE_LPA2,
		  .error = PTW_ERR_CONFIG_FEATURE },
		{ .preset = "perverse", .add = PTW_FEATURE_1G, .error = PTW_ERR_CONFIG_FEATURE },
		/* Levels against sizes. */
		{ .preset = "ept4", .levels = 3, .error = PTW_ERR_CONFIG_LEVELS },
		{ .preset = "ept4", .levels = 6, .error = PTW_ERR_CONFIG_LEVELS },
		{ .preset = "ept4", .levels = 4, .ia_bits = 49, .error = PTW_ERR_CONFIG_LEVELS },
		{ .preset = "x86-64", .levels = 5, .ia_bits = 58, .error = PTW_ERR_CONFIG_LEVELS },
		{ .preset = "arm64-s2-4k",
		  .levels = 2,
		  .ia_bits = 40,
		  .error = PTW_ERR_CONFIG_LEVELS },
		{ .preset = "arm64-s2-4k",
		  .levels = 4,
		  .ia_bits = 39,
		  .error = PTW_ERR_CONFIG_LEVELS },
		{ .preset = "arm64-s1-4k",
		  .levels = 3,
		  .ia_bits = 40,
		  .error = PTW_ERR_CONFIG_LEVELS },
		{ .preset = "perverse",
		  .levels = 2,
		  .ia_bits = 19,
		  .error = PTW_ERR_CONFIG_LEVELS },
		/* Sizes no hardware has. */
		{ .preset = "ept4", .oa_bits = 53, .error = PTW_ERR_CONFIG },
		{ .preset = "ept4", .oa_bits = 31, .error = PTW_ERR_CONFIG },
		{ .preset = "arm64-s2-4k", .oa_bits = 45, .error = PTW_ERR_CONFIG },
		{ .preset = "ept4", .granule_lg2 = 14, .error = PTW_ERR_CONFIG },
		{ .preset = "arm64-s2-4k", .granule_lg2 = 13, .error = PTW_ERR_CONFIG },
		{ .preset = "arm64-s2-4k",
		  .levels = 4,
		  .ia_bits = 48,
		  .oa_bits = 44,
		  .error = PTW_ERR_CONFIG },
		{ .preset = "x86-64", .add = 1u << 31, .error = PTW_ERR_ARG },
	};

	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct refused *r = &all[i];
		struct ptw_config config;
		int ret;

		cr_assert_eq(ptw_preset(r->preset, &config), PTW_OK);
		config.features = (config.features | r->add) & ~r->drop;
		if (r->levels)
			config.levels = r->levels;
		if (r->ia_bits)
			config.ia_bits = r->ia_bits;
		if (r->oa_bits)
			config.oa_bits = r->oa_bits;
		if (r->granule_lg2)
			config.granule_lg2 = r->granule_lg2;
		ret = created(&config);
		cr_assert_eq(ret, r->error, "refusal %u, %s: %s", i, r->preset, ptw_strerror(ret));
	}
}

Test(pgtable, create_arguments)
{
	struct ptw_config config;
	struct ptw_layout layout = ptw_layout_kvm_ept_6_1;
	struct {
		struct ptw_config config;
		uint8_t more[16];
	} grown = { .more = { 0 } };
	struct ptw_pgtable *out;

	cr_assert_eq(ptw_preset("ept4", &config), PTW_OK);
	config.phys_offset = PHYS_OFFSET;
	cr_assert_eq(created(NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_pgtable_create(&config, NULL), PTW_ERR_ARG);
	config.size--;
	cr_assert_eq(created(&config), PTW_ERR_SIZE);
	config.size++;
	/* A caller that knows more fields than we: fine while he uses none of them. */
	grown.config = config;
	grown.config.size = sizeof(grown);
	cr_assert_eq(created(&grown.config), PTW_OK);
	grown.more[3] = 1;
	cr_assert_eq(created(&grown.config), PTW_ERR_ARG);
	config.format = 77;
	cr_assert_eq(created(&config), PTW_ERR_ARG);
	config.format = 0;
	cr_assert_eq(created(&config), PTW_ERR_ARG);
	config.format = PTW_FORMAT_EPT;
	config.layout = &ptw_layout_kvm_ept_6_1;
	cr_assert_eq(created(&config), PTW_ERR_UNSUPPORTED);
	config.layout = &layout;
	layout.size = 8;
	cr_assert_eq(created(&config), PTW_ERR_SIZE);
	layout.size = sizeof(layout);
	layout.kinds = 0;
	cr_assert_eq(created(&config), PTW_ERR_ARG);
	layout.kinds = PTW_LAYOUT_KINDS + 1;
	cr_assert_eq(created(&config), PTW_ERR_ARG);
	/* Another layout for the formats of others. */
	config.layout = NULL;
	cr_assert_eq(ptw_pgtable_create(&config, &out), PTW_OK);
	cr_assert_eq(ptw_pgtable_destroy(out), PTW_OK);
}

static void *some_alloc(void *context, size_t size, size_t align)
{
	unsigned int *calls = context;
	void *memory = aligned_alloc(align, size);

	cr_assert_eq(align & (align - 1), 0u);
	++*calls;
	return memory ? memset(memory, 0, size) : NULL;
}

static void some_free(void *context, void *memory, size_t size)
{
	unsigned int *calls = context;

	(void)size;
	--*calls;
	free(memory);
}

Test(pool, arguments)
{
	unsigned int calls = 0;
	struct ptw_pool_config pool = { .size = sizeof(pool), .context = &calls };
	struct ptw_config config;

	cr_assert_eq(ptw_preset("ept4", &config), PTW_OK);
	config.phys_offset = PHYS_OFFSET;
	config.pool = &pool;
	cr_assert_eq(created(&config), PTW_OK);
	pool.size--;
	cr_assert_eq(created(&config), PTW_ERR_SIZE);
	pool.size++;
	pool.chunk_alloc = some_alloc;
	cr_assert_eq(created(&config), PTW_ERR_ARG);
	pool.chunk_free = some_free;
	cr_assert_eq(created(&config), PTW_OK);
	pool.chunk_alloc = NULL;
	cr_assert_eq(created(&config), PTW_ERR_ARG);
	pool.chunk_alloc = some_alloc;
	/* Of somebody else's memory they are his business. */
	pool.flags = PTW_POOL_HUGE_ALWAYS;
	cr_assert_eq(created(&config), PTW_ERR_ARG);
	pool.flags = PTW_POOL_HUGE_NEVER;
	cr_assert_eq(created(&config), PTW_OK);
	for (pool.flags = 3; pool.flags; pool.flags <<= 1)
		cr_assert_eq(created(&config), PTW_ERR_ARG, "flags %#x", pool.flags);
	pool.chunk_lg2 = 60;
	cr_assert_eq(created(&config), PTW_ERR_ARG);
	cr_assert_eq(calls, 0u);
}

/* Chunks of every size, for tables of every size. */
Test(pool, chunk_sizes)
{
	static const char *const presets[] = { "ept4", "arm64-s2-16k", "arm64-s2-64k", "perverse" };

	for (unsigned int i = 0; i < 4; i++) {
		for (uint32_t lg2 = 1; lg2 <= 24; lg2 += lg2 < 11 ? 5 : 1) {
			unsigned int calls = 0;
			const struct ptw_pool_config pool = {
				.size = sizeof(pool),
				.context = &calls,
				.chunk_alloc = some_alloc,
				.chunk_free = some_free,
				.chunk_lg2 = lg2,
			};

			machine_preset(&m, presets[i]);
			m.config.pool = &pool;
			machine_start(&m, 0);
			for (uint64_t n = 0; n < 12; n++) {
				const uint64_t ia = n * 2 * entry_size(&m, 1);

				map_levels(&m, ia, ia + m.granule, n * m.granule, 1);
				touch_write(&m, ia);
			}
			assert_sound(&m);
			cr_assert_geq(calls, 2u);
			machine_close(&m);
			cr_assert_eq(calls, 0u);
		}
	}
}

Test(pool, max_tables)
{
	const struct ptw_pool_config pool = { .size = sizeof(pool), .max_tables = 4 };
	struct ptw_map map;
	uint64_t before, block;

	machine_preset(&m, "ept4");
	m.config.pool = &pool;
	machine_start(&m, 0);
	map = full_access(&m);
	map.page_levels = 1;
	block = entry_size(&m, 1);
	map_levels(&m, 0, 2 * block, 0, 1);
	machine_info(&m);
	cr_assert_eq(m.info.tables, 4u);
	before = fingerprint(&m);
	cr_assert_eq(ptw_map(m.pgtable, 2 * block, 2 * block + m.granule, 0, &map, NULL),
		     PTW_ERR_NOMEM);
	cr_assert_eq(fingerprint(&m), before);
	/* Where there is a table already, there is room. */
	cr_assert_eq(ptw_unmap(m.pgtable, 0, m.granule, NULL, NULL), PTW_OK);
	map_levels(&m, 0, m.granule, 0, 1);
	/* A table that went back is there again after its grace period. */
	cr_assert_eq(ptw_unmap(m.pgtable, 0, block, NULL, NULL), PTW_OK);
	cr_assert_eq(ptw_barrier(), PTW_OK);
	map_levels(&m, 2 * block, 2 * block + m.granule, 0, 1);
	assert_sound(&m);
	machine_close(&m);
}

Test(context, destroy_in_a_section)
{
	machine_open(&m, "ept4");
	map_levels(&m, 0, m.granule, 0, 1);
	ptw_read_lock();
	cr_assert_eq(ptw_pgtable_destroy(m.pgtable), PTW_ERR_CONTEXT);
	ptw_read_lock();
	ptw_read_unlock();
	cr_assert_eq(ptw_pgtable_destroy(m.pgtable), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	/* Nothing was done. */
	touch(&m, 0);
	assert_sound(&m);
	machine_close(&m);
}

/* Handed to the callback with release: ThreadSanitizer does not know what call_rcu orders. */
static struct ptw_pgtable *victim;
#ifndef PTW_URCU
static struct ptw_port_rcu_head head;
#define callback_head ptw_port_rcu_head
#define call_later ptw_port_rcu_call
#else
/* A callback of the program's own: the library must know that one too. */
static struct rcu_head head;
#define callback_head rcu_head
#define call_later PTW_URCU(call_rcu)
#endif
static int destroyed = 1, waited = 1;
static unsigned int called;

static void destroy_in_callback(struct callback_head *rcu)
{
	(void)rcu;
	destroyed = ptw_pgtable_destroy(__atomic_load_n(&victim, __ATOMIC_ACQUIRE));
	waited = ptw_barrier();
	__atomic_store_n(&called, 1, __ATOMIC_RELEASE);
}

/* An error, not a deadlock. */
Test(context, destroy_in_a_callback, .timeout = 120)
{
	machine_open(&m, "arm64-s2-4k");
	map_levels(&m, 0, m.granule, 0, 1);
	__atomic_store_n(&victim, m.pgtable, __ATOMIC_RELEASE);
	call_later(&head, destroy_in_callback);
	cr_assert_eq(ptw_barrier(), PTW_OK);
	cr_assert_eq(__atomic_load_n(&called, __ATOMIC_ACQUIRE), 1u);
	cr_assert_eq(destroyed, PTW_ERR_CONTEXT);
	cr_assert_eq(waited, PTW_ERR_CONTEXT);
	touch(&m, 0);
	assert_sound(&m);
	machine_close(&m);
}
