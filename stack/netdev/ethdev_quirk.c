/* SPDX-License-Identifier: BSD-3-Clause */
/* What drivers of DPDK are known to say wrongly, or to mean by what they say. */
#include <string.h>

#include "netdev/ethdev.h"

static const struct ethdev_quirk quirks[] = {
    /* It announces two queues for a whole family. The older members (82540 to 82546) have one, and what is
     * sent by the other never leaves; the younger ones have one context for checksums, which two senders
     * would overwrite for each other. None spreads what it receives. */
    {.driver = "net_e1000_em", .one_queue = true},
    /* It says that it takes several buffers for a frame, but tells the device 0 as the number that a frame
     * may take, which QEMU's takes for one. */
    {.driver = "net_vmxnet3", .one_buffer = true},
    /* It unmaps the rings on another thread. */
    {.driver = "net_memif", .memory_goes = true},
    /* Paravirtual: L4_CKSUM_NONE is a packet that never left memory. */
    {.driver = "net_vhost", .none_is_good = true},
    {.driver = "net_virtio", .none_is_good = true},
    {.driver = "net_virtio_user", .none_is_good = true},
};

const struct ethdev_quirk *ethdev_quirk(const char *driver)
{
    static const struct ethdev_quirk none;
    for (unsigned i = 0; i < RTE_DIM(quirks); i++)
        if (strcmp(quirks[i].driver, driver) == 0)
            return &quirks[i];
    return &none;
}
