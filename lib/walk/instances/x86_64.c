/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The walker and the harvests for x86-64 paging. */
#include "arch/x86/x86_64.h"
#include "lib/walk/instances.h"
#include "lib/walk/instantiate.h"

PTW_INSTANTIATE_OWN(x86_64, x86_64_format, x86_64_layout);
PTW_INSTANTIATE_ATTACHED(x86_64_attached, x86_64_format);
