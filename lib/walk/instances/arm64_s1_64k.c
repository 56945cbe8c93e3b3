/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The walker and the harvests for arm64 stage 1 with the 64K granule. */
#include "arch/arm64/stage1.h"
#include "lib/walk/instances.h"
#include "lib/walk/instantiate.h"

static const struct ptw_format s1_64k_format =
	S1_FORMAT("arm64-s1-64k", 16, ARM_GROUPS_64K);

PTW_INSTANTIATE_OWN(s1_64k, s1_64k_format, s1_layout);
PTW_INSTANTIATE_ATTACHED(s1_64k_attached, s1_64k_format);
