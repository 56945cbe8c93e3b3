/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Loaded before libptw.so: an unmap of several pages does a half of them, and then answers as if
 * another operation owned the next entry, or with the error that PTW_PLANTED_ERROR is.
 * PTW_PLANTED_TIMES: so often, in the life of the process or since it last changed.
 * PTW_PLANTED_MAP=1: a map does, too; PTW_PLANTED_HARVEST=1: a harvest. PTW_PLANTED_NOTHING: not
 * even the half is done, of one page, too. PTW_PLANTED_BLOCK=1: the last time an unmap does
 * nothing, as its end would cut a block.
 */
#define _GNU_SOURCE
#include <ptw/ptw.h>

#include <dlfcn.h>
#include <stdlib.h>

#define PAGE 4096u

static long number(const char *name, long otherwise)
{
	const char *value = getenv(name);

	return value ? atol(value) : otherwise;
}

/* Is this call to end half-way? 0: no; 1: the last one. */
static long planted(uint64_t start, uint64_t end)
{
	static long times, used;

	if (number("PTW_PLANTED_TIMES", 0) != times) {
		times = number("PTW_PLANTED_TIMES", 0);
		used = 0;
	}
	if ((end - start < 2 * PAGE && !number("PTW_PLANTED_NOTHING", 0)) || used >= times)
		return 0;
	return times - used++;
}

static int planted_error(void)
{
	return (int)number("PTW_PLANTED_ERROR", PTW_ERR_AGAIN);
}

static uint64_t middle(uint64_t start, uint64_t end)
{
	return start + ((end - start) / 2 & ~(uint64_t)(PAGE - 1));
}

int ptw_unmap(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end,
	      const struct ptw_unmap *unmap, struct ptw_change_result *result)
{
	int (*const real)(struct ptw_pgtable *, uint64_t, uint64_t, const struct ptw_unmap *,
			  struct ptw_change_result *) = dlsym(RTLD_NEXT, "ptw_unmap");
	const long left = planted(start, end);
	int ret;

	if (!left)
		return real(pgtable, start, end, unmap, result);
	if (left == 1 && number("PTW_PLANTED_BLOCK", 0)) {
		*result = (struct ptw_change_result){ .size = result->size,
						      .reached = end - PAGE };
		return PTW_ERR_BLOCK;
	}
	if (number("PTW_PLANTED_NOTHING", 0)) {
		if (result)
			*result = (struct ptw_change_result){ .size = result->size,
							      .reached = start };
		return planted_error();
	}
	ret = real(pgtable, start, middle(start, end), unmap, result);
	return ret ? ret : planted_error();
}

int ptw_map(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end, uint64_t oa,
	    const struct ptw_map *map, struct ptw_change_result *result)
{
	int (*const real)(struct ptw_pgtable *, uint64_t, uint64_t, uint64_t,
			  const struct ptw_map *,
			  struct ptw_change_result *) = dlsym(RTLD_NEXT, "ptw_map");
	int ret;

	if (!number("PTW_PLANTED_MAP", 0) || !planted(start, end))
		return real(pgtable, start, end, oa, map, result);
	ret = real(pgtable, start, middle(start, end), oa, map, result);
	return ret ? ret : planted_error();
}

int ptw_harvest(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end,
		const struct ptw_harvest *harvest, struct ptw_harvest_result *result)
{
	int (*const real)(struct ptw_pgtable *, uint64_t, uint64_t, const struct ptw_harvest *,
			  struct ptw_harvest_result *) = dlsym(RTLD_NEXT, "ptw_harvest");
	int ret;

	if (!number("PTW_PLANTED_HARVEST", 0) || !planted(start, end))
		return real(pgtable, start, end, harvest, result);
	ret = real(pgtable, start, middle(start, end), harvest, result);
	return ret ? ret : planted_error();
}
