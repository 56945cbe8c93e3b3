/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* One byte of epoch per page. */
#include <ptw/age.h>
#include <ptw/error.h>

int ptw_age_init(struct ptw_age *age, uint8_t *bytes, uint64_t pages)
{
	if (!age || !bytes || !pages)
		return PTW_ERR_ARG;
	age->last = bytes;
	age->pages = pages;
	age->epoch = PTW_AGE_MAX;
	for (uint64_t i = 0; i < pages; i++)
		bytes[i] = 0;
	return PTW_OK;
}

void ptw_age_mark(struct ptw_age *age, uint64_t page, uint64_t young)
{
	if (page >= age->pages)
		return;
	if (age->pages - page < 64)
		young &= ((uint64_t)1 << (age->pages - page)) - 1;
	for (; young; young &= young - 1)
		age->last[page + (unsigned int)__builtin_ctzll(young)] = (uint8_t)age->epoch;
}

uint64_t ptw_age_mark_bitmap(struct ptw_age *age, uint64_t first_page, const uint64_t *young,
			     uint64_t words)
{
	uint64_t marked = 0;

	for (uint64_t w = 0; w < words; w++) {
		uint64_t page = first_page + w * 64;

		if (!young[w] || page >= age->pages)
			continue;
		for (uint64_t v = young[w]; v; v &= v - 1)
			marked += page + (unsigned int)__builtin_ctzll(v) < age->pages;
		ptw_age_mark(age, page, young[w]);
	}
	return marked;
}

void ptw_age_advance(struct ptw_age *age)
{
	uint8_t next = (uint8_t)(age->epoch + 1);

	/* A byte equal to the coming epoch is 255 epochs old now; left alone it would read as 0. */
	for (uint64_t i = 0; i < age->pages; i++)
		age->last[i] = (uint8_t)(age->last[i] + (age->last[i] == next));
	age->epoch++;
}

void ptw_age_histogram(const struct ptw_age *age, const uint64_t *member,
		       uint64_t histogram[PTW_AGE_MAX + 1])
{
	for (unsigned int i = 0; i <= PTW_AGE_MAX; i++)
		histogram[i] = 0;
	for (uint64_t page = 0; page < age->pages; page++)
		if (!member || (member[page >> 6] >> (page & 63) & 1))
			histogram[ptw_age_of(age, page)]++;
}
