/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Version and capabilities. */
#include <ptw/config.h>
#include <ptw/error.h>
#include <ptw/port.h>
#include <ptw/version.h>

#ifndef PTW_PORT_RCU_NAME
#define PTW_PORT_RCU_NAME "port"
#endif

uint32_t ptw_version(void)
{
	return PTW_VERSION_MAJOR << 16 | PTW_VERSION_MINOR << 8 | PTW_VERSION_PATCH;
}

const char *ptw_version_string(void)
{
	return PTW_VERSION_STRING;
}

int ptw_capabilities(struct ptw_capabilities *c)
{
	if (!c)
		return PTW_ERR_ARG;
	if (c->size < sizeof(*c))
		return PTW_ERR_SIZE;
	c->cpu_features = ptw_port_cpu_features();
	c->formats = 1u << PTW_FORMAT_EPT | 1u << PTW_FORMAT_X86_64 | 1u << PTW_FORMAT_ARM64_S2 |
		     1u << PTW_FORMAT_ARM64_S1 | 1u << PTW_FORMAT_PERVERSE;
	c->rcu = PTW_PORT_RCU_NAME;
	c->max_levels = PTW_MAX_LEVELS;
	c->and_clear_wait_free = !!(PTW_PORT_CLEAR_WAIT_FREE);
	return PTW_OK;
}
