/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The walker and the harvests for arm64 stage 1 with the 4K granule. */
#include "arch/arm64/stage1.h"
#include "lib/walk/instances.h"
#include "lib/walk/instantiate.h"

static const struct ptw_format s1_4k_format =
	S1_FORMAT("arm64-s1-4k", 12, ARM_GROUPS_4K);

PTW_INSTANTIATE_OWN(s1_4k, s1_4k_format, s1_layout);
PTW_INSTANTIATE_ATTACHED(s1_4k_attached, s1_4k_format);
