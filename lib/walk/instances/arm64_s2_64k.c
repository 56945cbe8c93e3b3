/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The walker and the harvests for arm64 stage 2 with the 64K granule. */
#include "arch/arm64/stage2.h"
#include "lib/walk/instances.h"
#include "lib/walk/instantiate.h"

static const struct ptw_format s2_64k_format =
	S2_FORMAT("arm64-s2-64k", 16, ARM_GROUPS_64K);

PTW_INSTANTIATE_OWN(s2_64k, s2_64k_format, s2_layout);
PTW_INSTANTIATE_ATTACHED(s2_64k_attached, s2_64k_format);
