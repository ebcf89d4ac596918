/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames as they are: [link kind] ([length, 2 bytes] [wait] [bytes])*. Bit 0 of a frame's wait byte has the
 * IPv4 and transport checksums filled in, so that mutations get past them. */
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_sum(uint8_t *p, uint16_t sum)
{
    p[0] = (uint8_t)(sum >> 8);
    p[1] = (uint8_t)sum;
}

static void transport_checksum(uint8_t *ip, size_t ihl, size_t total)
{
    uint8_t *l4 = ip + ihl, tail[4] = {0, ip[9], (uint8_t)((total - ihl) >> 8), (uint8_t)(total - ihl)};
    size_t len = total - ihl, at = ip[9] == 6 ? 16 : ip[9] == 17 ? 6 : ip[9] == 1 ? 2 : SIZE_MAX;
    if (at == SIZE_MAX || len < at + 2)
        return;
    put_sum(l4 + at, 0);
    uint32_t pseudo = ip[9] == 1 ? 0 : inet_sum(inet_sum(0, ip + 12, 8), tail, 4);
    put_sum(l4 + at, inet_fold(inet_sum(pseudo, l4, len)));
}

static void fill_checksums(uint8_t *ip, size_t n)
{
    if (n < 20 || ip[0] >> 4 != 4)
        return;
    size_t ihl = (size_t)(ip[0] & 15) * 4, total = (size_t)ip[2] << 8 | ip[3];
    if (ihl < 20 || ihl > n)
        return;
    bool fragment = ((ip[6] & 0x3f) | ip[7]) != 0;
    if (!fragment && total >= ihl && total <= n)
        transport_checksum(ip, ihl, total);
    put_sum(ip + 10, 0);
    put_sum(ip + 10, inet_fold(inet_sum(0, ip, ihl)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t frame[4096];
    static struct fixture f;
    struct input in = {data, size};
    struct segment ignored;
    bool ether = (input_u8(&in) & 1) != 0;
    size_t off = ether ? 14 : 0;
    fixture_init(&f, ether ? NETDEV_LINK_ETHER : NETDEV_LINK_NONE);
    while (in.left != 0) {
        size_t n = input_u16(&in) % sizeof(frame);
        uint8_t wait = input_u8(&in);
        n = n > in.left ? in.left : n;
        memcpy(frame, in.p, n);
        in.p += n;
        in.left -= n;
        if ((wait & 1) && n > off)
            fill_checksums(frame + off, n - off);
        fixture_frame(&f, frame, n);
        fixture_step(&f, (nsec_t)(wait >> 1) * (wait >> 1) * NSEC_PER_MSEC);
        fixture_last_sent(&f, &ignored);
    }
    fixture_fini(&f);
    return 0;
}
