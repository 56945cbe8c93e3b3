/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The walker and the harvests for arm64 stage 2 with the 4K granule. */
#include "arch/arm64/stage2.h"
#include "lib/walk/instances.h"
#include "lib/walk/instantiate.h"

static const struct ptw_format s2_4k_format =
	S2_FORMAT("arm64-s2-4k", 12, ARM_GROUPS_4K);

PTW_INSTANTIATE_OWN(s2_4k, s2_4k_format, s2_layout);
PTW_INSTANTIATE_ATTACHED(s2_4k_attached, s2_4k_format);
