/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef PTW_SIM_COMPARE_MERGE_H
#define PTW_SIM_COMPARE_MERGE_H

/* ptw-sim merge. argv[0] is "merge". Returns the exit status, or ends in sim_die(). */
int compare_merge_main(int argc, char **argv);

#endif /* PTW_SIM_COMPARE_MERGE_H */
