/* SPDX-License-Identifier: BSD-3-Clause */
/* The little languages of --impair, --dev and --set. First byte: which. */
#include <stdlib.h>
#include <string.h>

#include "base/tunables.h"
#include "netdev/impair.h"
#include "netdev/open.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_impair(const char *text)
{
    struct impair_config cfg;
    char why[NETDEV_WHY] = "";
    memset(&cfg, 0, sizeof(cfg));
    int rc = impair_parse(text, &cfg, why, sizeof(why));
    if (rc != 0 && why[0] == 0)
        abort();
    bool sane = cfg.loss >= 0 && cfg.loss <= 1 && cfg.dup >= 0 && cfg.dup <= 1 && cfg.reorder >= 0 &&
                cfg.reorder <= 1 && cfg.corrupt >= 0 && cfg.corrupt <= 1;
    if (rc == 0 && !sane)
        abort();
}

static void check_tunable(char *text)
{
    static struct tunables t;
    char why[NETDEV_WHY] = "", back[200];
    char *value = strchr(text, '=');
    if (value == NULL)
        return;
    *value++ = 0;
    tunables_init(&t);
    int rc = tunables_set(&t, text, value, why, sizeof(why));
    if (rc != 0 && why[0] == 0)
        abort();
    /* What was taken can be read, and set again to itself. */
    if (rc == 0 && (tunables_get(&t, text, back, sizeof(back)) != 0 ||
                    tunables_set(&t, text, back, why, sizeof(why)) != 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    char why[NETDEV_WHY] = "", *text = malloc(size);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    if (data[0] % 3 == 0)
        check_impair(text);
    else if (data[0] % 3 == 1)
        check_tunable(text);
    else if (netdev_dev_check(text, why, sizeof(why)) != 0 && why[0] == 0)
        abort();
    free(text);
    return 0;
}
