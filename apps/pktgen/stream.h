/* SPDX-License-Identifier: BSD-3-Clause */
/* What is sent: for each stream a protocol, its fields, sizes, payload and share of the frames. From options,
 * or from a file:
 *
 *     # comment
 *     [web]
 *     proto = tcp
 *     dst   = 10.9.0.1
 *     dport = 80,443
 *     share = 3
 *     [rest]
 *     size  = imix
 */
#ifndef PKTGEN_STREAM_H
#define PKTGEN_STREAM_H

#include <plx_frame.h>

#include "pktgen/field.h"

#define STREAMS_MAX     64
#define STREAM_NAME     32
#define STREAM_WHY      640
#define STREAM_SIZE_MAX 9216
#define STREAM_HEADERS  64 /* at most: link 18, IP 20, TCP 20 */

enum stream_proto { PROTO_UDP, PROTO_TCP, PROTO_ICMP, PROTO_IP, PROTO_ARP, PROTO_ETHER, PROTOS };

enum stream_field {
    F_SIZE,
    F_DST_MAC,
    F_SRC_MAC,
    F_VLAN,
    F_VLAN_PRIO,
    F_ETHERTYPE,
    F_SRC,
    F_DST,
    F_TTL,
    F_TOS,
    F_IP_ID,
    F_FRAGMENT,
    F_IP_PROTO,
    F_SPORT,
    F_DPORT,
    F_SEQ,
    F_ACK,
    F_FLAGS,
    F_WINDOW,
    F_URGENT,
    F_ICMP_TYPE,
    F_ICMP_CODE,
    F_ICMP_ID,
    F_ICMP_SEQ,
    F_ARP_OP,
    F_ARP_SHA,
    F_ARP_THA,
    STREAM_FIELDS
};

enum stream_layer { LAYER_NONE, LAYER_LINK, LAYER_NET, LAYER_TRANSPORT };
enum { SUM_IP = 1, SUM_TRANSPORT = 2 };

/* How a field is written and where it stands. */
struct stream_field_info {
    const char *name, *value, *help;
    struct field_type type;
    uint8_t protos; /* bits of 1 << enum stream_proto */
    uint8_t layer;  /* enum stream_layer */
    int8_t off;     /* of its 16-bit word, or first one, from the layer's start */
    uint8_t width;  /* bytes: 2, 4, 6 */
    uint16_t mask;  /* of width 2: the bits that are it */
    uint8_t shift;
    uint8_t sums;      /* SUM_* */
    uint64_t standard; /* when it is not given */
};

extern const struct stream_field_info stream_fields[STREAM_FIELDS];

/* The keys of a stream that are not fields. */
struct stream_key {
    const char *name, *value, *help;
};
extern const struct stream_key stream_keys[]; /* ends with a name of NULL */

enum stream_checksum { CHECKSUM_GOOD, CHECKSUM_BAD, CHECKSUM_BAD_IP, CHECKSUM_NONE };

struct stream {
    char name[STREAM_NAME];
    enum stream_proto proto;
    enum stream_checksum checksum;
    uint32_t share;
    struct field field[STREAM_FIELDS];
    bool given[STREAM_FIELDS];
    bool imix;
    bool no_probe;    /* probe = off */
    uint8_t *payload; /* owned; a pattern that is repeated */
    uint32_t payload_len;
};

/* All as when nothing is given. */
void stream_init(struct stream *s);
bool stream_copy(struct stream *to, const struct stream *from);
void stream_free(struct stream *s);
/* One key or field. False: `why` is "NAME VALUE: what is allowed". */
bool stream_set(struct stream *s, const char *name, const char *value, char why[STREAM_WHY]);
/* Contradictions that show when all is known, before a wire is. */
bool stream_check(const struct stream *s, char why[STREAM_WHY]);
/* What is left to the wire: our addresses, the largest size. `mac` is where frames go (stream_needs_mac). */
bool stream_bind(struct stream *s, const struct plx_wire *wire, const uint8_t mac[6], char why[STREAM_WHY]);
/* Must the link address of the first `dst` be found out? */
bool stream_needs_mac(const struct stream *s);
/* Bytes of a frame's headers. */
uint32_t stream_headers(const struct stream *s);
/* The mean size of its frames. */
double stream_mean_size(const struct stream *s);
const char *stream_proto_name(enum stream_proto p);

/* The streams of a file, each beginning as a copy of `base`. How many, or -1: `why` is the message
 * "FILE:LINE: ...". */
int streams_load(struct stream *streams, int room, const char *path, const struct stream *base,
                 char why[STREAM_WHY]);

#endif
