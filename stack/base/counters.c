/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/counters.h"

#include <stddef.h>

static const struct {
    const char *name, *help;
} descriptions[CNT_MAX] = {
#define COUNTER_DESCRIPTION(id, name, help) {name, help},
    COUNTERS(COUNTER_DESCRIPTION)
#undef COUNTER_DESCRIPTION
};

const char *counter_name(enum counter id)
{
    return (unsigned)id < CNT_MAX ? descriptions[id].name : NULL;
}

const char *counter_help(enum counter id)
{
    return (unsigned)id < CNT_MAX ? descriptions[id].help : NULL;
}
