/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* One byte of epoch per page: beginning, and counting by age. */
#include <ptw/age.h>
#include <ptw/error.h>

#include "lib/age/bytes.h"
#include "lib/age/kernel.h"

int ptw_age_init(struct ptw_age *age, uint8_t *bytes, uint64_t pages)
{
	if (!age || !bytes || !pages)
		return PTW_ERR_ARG;
	age->last = bytes;
	age->pages = pages;
	age->epoch = 0;
	age->due = NULL;
	age->now = 1;
	age->kernel = ptw_age_best_kernel();
	age->marked = 0;
	for (unsigned int i = 0; i <= PTW_AGE_MAX; i++)
		age->count[i] = 0;
	age->count[0] = pages;
	for (uint64_t i = 0; i < pages; i++)
		bytes[i] = 0;
	return PTW_OK;
}

/* Bytes 1 to `now` are ages `now` - 1 to 0; those above are older, the last of them 254. */
static void ptw_age_histogram_all(const struct ptw_age *age, uint64_t *histogram)
{
	histogram[PTW_AGE_MAX] = age->count[0];
	for (unsigned int byte = 1; byte <= PTW_AGE_MAX; byte++)
		histogram[byte <= age->now ? age->now - byte : age->now + PTW_AGE_MAX - byte] =
			age->count[byte];
}

void ptw_age_histogram(const struct ptw_age *age, const uint64_t *member,
		       uint64_t histogram[PTW_AGE_MAX + 1])
{
	const uint64_t pages = age->pages;

	if (!member) {
		ptw_age_histogram_all(age, histogram);
		return;
	}
	for (unsigned int i = 0; i <= PTW_AGE_MAX; i++)
		histogram[i] = 0;
	for (uint64_t page = 0; page < pages; page += PTW_AGE_WORD) {
		uint64_t v = member[page / PTW_AGE_WORD];

		if (pages - page < PTW_AGE_WORD)
			v &= ((uint64_t)1 << (pages - page)) - 1;
		for (; v; v &= v - 1)
			histogram[ptw_age_of(age, page + (unsigned int)__builtin_ctzll(v))]++;
	}
}
