/* SPDX-License-Identifier: BSD-3-Clause */
/* Options as text, one a line "NAME VALUE" or a whole PLX_OPTS: accepted, or refused with a message. */
#include <stdlib.h>
#include <string.h>

#include "posix/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void outcome(const struct options *o, int rc)
{
    if (rc != 0 && o->why[0] == 0)
        abort(); /* a refusal without a word */
    if (memchr(o->why, 0, sizeof(o->why)) == NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct options o;
    char *text = malloc(size + 1), *save;
    memcpy(text, data, size);
    text[size] = 0;
    options_init(&o);
    /* --config would read files. */
    if (strstr(text, "config") == NULL) {
        int rc = options_parse_text(&o, text);
        outcome(&o, rc);
        if (rc == 0)
            outcome(&o, options_finish(&o));
        options_init(&o);
        for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
            char *value = strchr(line, ' ');
            if (value == NULL)
                continue;
            *value++ = 0;
            rc = options_set(&o, line, value);
            outcome(&o, rc);
            if (rc != 0)
                options_init(&o);
        }
    }
    free(text);
    return 0;
}
