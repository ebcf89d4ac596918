/* SPDX-License-Identifier: BSD-3-Clause */
/* Which bug of tests/support/planting.py lives: PLX_PLANT, its number; 0: none. */
#include <stdlib.h>

extern int sim_plant;
int sim_plant;

__attribute__((constructor)) static void plant_choose(void)
{
    const char *number = getenv("PLX_PLANT");
    sim_plant = number != NULL ? atoi(number) : 0;
}
