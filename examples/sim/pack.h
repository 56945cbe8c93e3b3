/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* ptw-sim pack: any trace that ptw-sim reads, as page numbers under zstd. */
#ifndef PTW_SIM_PACK_H
#define PTW_SIM_PACK_H

/* argv[0] is "pack". Returns the exit status, or ends in sim_die(). */
int pack_main(int argc, char **argv);

#endif /* PTW_SIM_PACK_H */
