/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The walker and the harvests for the perverse test format. */
#include "arch/perverse/perverse.h"
#include "lib/walk/instances.h"
#include "lib/walk/instantiate.h"

PTW_INSTANTIATE_OWN(perverse, perverse_format, perverse_layout);
PTW_INSTANTIATE_ATTACHED(perverse_attached, perverse_format);
