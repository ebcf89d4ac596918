/* SPDX-License-Identifier: BSD-3-Clause */
/* The other end of a benchmark: many clients that speak just enough Ethernet, ARP, IPv4 and TCP (with
 * timestamps, as Linux would) to keep a server busy on a wire that loses nothing. It costs little, shares
 * no code with the stack, and is never part of what is counted. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdbool.h>
#include <stdint.h>

#define PEER_SERVER_IP    0x0a000001u /* 10.0.0.1, host order */
#define PEER_FIRST_IP     0x0a000100u /* clients from 10.0.1.0 on */
#define PEER_PORT         7
#define PEER_PORTS_PER_IP 32768u
#define PEER_HEADERS      (14 + 20 + 32) /* of a segment with timestamps */
#define PEER_FRAME_MAX    1514

enum { PEER_FIN = 0x01, PEER_SYN = 0x02, PEER_RST = 0x04, PEER_PSH = 0x08, PEER_ACK = 0x10 };

/* One connection as the client has it. Host order. */
struct peer_conn {
    uint32_t snd_nxt, rcv_nxt;
    uint32_t ts_recent;
    uint32_t received; /* payload bytes in order since it was last cleared */
    uint8_t flags;     /* of every segment that came since it was last cleared */
};

struct peer {
    uint8_t server_mac[6];
    uint8_t mac[6];
    uint8_t server_shift; /* of the windows that the server announces */
    bool checksum;        /* fill in the TCP checksum; else the receiver is told that it is good */
    uint32_t ts;          /* what TSval says, ms */
    uint32_t n;
    struct peer_conn *conn; /* index <-> address and port */
};

/* Writes a segment of connection i and advances its sequence number. The payload is not written but
 * left as it is in the frame: clear it once. Returns the frame's length. */
uint16_t peer_segment(struct peer *p, uint32_t i, uint8_t flags, uint16_t payload, uint8_t *frame);

/* Makes a segment with data that peer_segment has written the one at sequence number `seq`. */
void peer_segment_at(uint8_t *frame, uint32_t seq);

/* What the server sent. A TCP segment: true and the connection's index; its acknowledgement and data
 * are noted there. Else false: an ARP request (then peer_arp_reply answers it) or something unknown. */
bool peer_input(struct peer *p, const uint8_t *frame, uint16_t len, uint32_t *i);
/* A segment of the server's without data, for a client that streams: what it acknowledges and how much it
 * lets come from there. False, and nothing noted, for anything else. */
bool peer_window(const struct peer *p, const uint8_t *frame, uint16_t len, uint32_t *una, uint32_t *wnd);
/* Turns an ARP request of the server into our answer: its length, 0 when it is none. */
uint16_t peer_arp_reply(const struct peer *p, const uint8_t *request, uint16_t len, uint8_t *frame);
/* Who has the server's address? The other way round: for a wire whose server answers. */
uint16_t peer_arp_request(const struct peer *p, uint8_t *frame);
/* The server's answer to that: learns its address. */
bool peer_arp_learn(struct peer *p, const uint8_t *frame, uint16_t len);

#endif
