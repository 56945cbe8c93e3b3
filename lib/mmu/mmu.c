/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the MMUs that come with the library share, and their end. */
#include "lib/mmu/mmu.h"

int ptw_mmu_check(const struct ptw_mmu *mmu)
{
	int ret;

	if (!mmu)
		return PTW_ERR_ARG;
	ret = ptw_size_check(mmu, mmu->size, sizeof(*mmu));
	if (ret)
		return ret;
	if (!mmu->ops)
		return PTW_ERR_ARG;
	ret = ptw_size_check(mmu->ops, mmu->ops->size, sizeof(*mmu->ops));
	if (ret)
		return ret;
	if (!mmu->ops->harvest && (mmu->ops->harvest_fast_only || !mmu->ops->harvest_dirty))
		return PTW_ERR_ARG;
	return PTW_OK;
}

int ptw_mmu_refuse(struct ptw_mmu_ask *ask, int error)
{
	ask->resume = ask->start;
	return error;
}

int ptw_mmu_ask_check(struct ptw_mmu_ask *ask, uint32_t known)
{
	int ret;

	if (!ask)
		return PTW_ERR_ARG;
	ret = ptw_size_check(ask, ask->size, sizeof(*ask));
	/* Who knows where `resume` is in a struct of another size? */
	if (ret == PTW_ERR_SIZE)
		return ret;
	if (!ret && known &&
	    ((ask->flags & ~known) || !(ask->flags & (PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY))))
		ret = PTW_ERR_ARG;
	if (!ret && ask->start >= ask->end)
		ret = PTW_ERR_RANGE;
	return ret ? ptw_mmu_refuse(ask, ret) : PTW_OK;
}

void ptw_mmu_not_asked(struct ptw_mmu_ask *ask, uint64_t start, uint64_t end)
{
	ask->not_asked_pages += end - start;
	if (ask->not_asked)
		ptw_bits_set(ask->not_asked, ptw_mmu_bit(ask->start, start), end - start);
}

void ptw_mmu_destroy(struct ptw_mmu *mmu)
{
	const struct ptw_mmu_ops *ops = mmu ? mmu->ops : NULL;

	if (!ops)
		return;
	/* The operations of a wrapper lie in what is freed. */
	mmu->ops = NULL;
	if (ops->destroy)
		ops->destroy(mmu->context);
	mmu->context = NULL;
}
