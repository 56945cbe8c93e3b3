/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The walker and the harvests for Intel EPT: with A/D bits, access-tracked, and attached. */
#include "arch/x86/ept.h"
#include "lib/walk/instances.h"
#include "lib/walk/instantiate.h"

PTW_INSTANTIATE_OWN(ept, ept_format, ept_layout);
PTW_INSTANTIATE_OWN(ept_tracked, ept_tracked_format, ept_tracked_layout);
PTW_INSTANTIATE_ATTACHED(ept_attached, ept_attached_format);
