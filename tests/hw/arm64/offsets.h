/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What start.S and the C files both know. */
#ifndef PTW_TESTS_HW_ARM64_OFFSETS_H
#define PTW_TESTS_HW_ARM64_OFFSETS_H

#define HW_STACK_BYTES 0x10000

/* struct hw_vcpu */
#define VCPU_X	   0
#define VCPU_LR	   64
#define VCPU_PC	   72
#define VCPU_ESR   80
#define VCPU_FAR   88
#define VCPU_HPFAR 96

/* What the guest does: enum hw_op */
#define HW_LOAD	 0
#define HW_STORE 1
#define HW_FETCH 2
#define HW_ADD	 3
#define HW_SWEEP 4 /* store to as many pages of 4K as x3 says */

#endif /* PTW_TESTS_HW_ARM64_OFFSETS_H */
