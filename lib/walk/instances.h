/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Every format, instantiated, and which one a page table uses. */
#ifndef PTW_LIB_INSTANCES_H
#define PTW_LIB_INSTANCES_H

#include "lib/walk/pgtable.h"

extern const struct ptw_instance ptw_ept, ptw_ept_tracked, ptw_ept_attached;
extern const struct ptw_instance ptw_x86_64, ptw_x86_64_attached;
extern const struct ptw_instance ptw_s2_4k, ptw_s2_4k_attached;
extern const struct ptw_instance ptw_s2_16k, ptw_s2_16k_attached;
extern const struct ptw_instance ptw_s2_64k, ptw_s2_64k_attached;
extern const struct ptw_instance ptw_s1_4k, ptw_s1_4k_attached;
extern const struct ptw_instance ptw_s1_16k, ptw_s1_16k_attached;
extern const struct ptw_instance ptw_s1_64k, ptw_s1_64k_attached;
extern const struct ptw_instance ptw_perverse, ptw_perverse_attached;

/*
 * Choose build, instance and layout for a configuration.
 * @attached: for tables that somebody else built
 * Returns PTW_OK, PTW_ERR_ARG (unknown format), PTW_ERR_CONFIG (no such granule), PTW_ERR_UNSUPPORTED
 * (a foreign layout for a page table of our own).
 */
int ptw_instance_choose(const struct ptw_config *config, bool attached, struct ptw_pgtable *p);

#endif /* PTW_LIB_INSTANCES_H */
