/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* ptw-sim make: a synthetic trace. */
#ifndef PTW_SIM_MAKE_H
#define PTW_SIM_MAKE_H

/* argv[0] is "make". Returns the exit status, or ends in sim_die(). */
int make_main(int argc, char **argv);

#endif /* PTW_SIM_MAKE_H */
