/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The walker and the harvests for arm64 stage 1 with the 16K granule. */
#include "arch/arm64/stage1.h"
#include "lib/walk/instances.h"
#include "lib/walk/instantiate.h"

static const struct ptw_format s1_16k_format =
	S1_FORMAT("arm64-s1-16k", 14, ARM_GROUPS_16K);

PTW_INSTANTIATE_OWN(s1_16k, s1_16k_format, s1_layout);
PTW_INSTANTIATE_ATTACHED(s1_16k_attached, s1_16k_format);
