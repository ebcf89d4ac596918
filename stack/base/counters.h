/* SPDX-License-Identifier: BSD-3-Clause */
/* Every counter and drop reason of an engine, one list, per worker. A name is `room.what`; those that
 * count dropped packets start their enum with DROP_. Nothing is dropped or refused without one. */
#ifndef PLX_BASE_COUNTERS_H
#define PLX_BASE_COUNTERS_H

#include <stdint.h>

/* clang-format off */
/* COUNTER(enum, "name", "what it counts"). Add yours to your room's part. */
#define COUNTERS(COUNTER)                                                                            \
    /* link */                                                                                       \
    COUNTER(RX_PACKETS, "rx.packets", "packets received from the wire")                              \
    COUNTER(RX_BYTES, "rx.bytes", "bytes received from the wire")                                    \
    COUNTER(TX_PACKETS, "tx.packets", "packets handed to the wire")                                  \
    COUNTER(TX_BYTES, "tx.bytes", "bytes handed to the wire")                                        \
    COUNTER(TX_QUEUED, "tx.queued", "packets that waited because the wire took no more")             \
    COUNTER(DROP_TX_FULL, "drop.tx.full", "the wire took no more packets, and their queue was full") \
    COUNTER(DROP_TX_LINK_DOWN, "drop.tx.link_down", "packets for a wire whose link is down")         \
    COUNTER(DROP_NO_MBUF, "drop.no_mbuf", "a packet pool was empty")                                 \
    COUNTER(DROP_ETHER_SHORT, "drop.ether.short", "frame shorter than its header")                   \
    COUNTER(DROP_ETHER_NOT_OURS, "drop.ether.not_ours", "frame for another station")                 \
    COUNTER(DROP_ETHER_TYPE, "drop.ether.type", "ethertype not handled")                             \
    COUNTER(DROP_ETHER_SOURCE, "drop.ether.source", "multicast source address")                      \
    COUNTER(DROP_VLAN, "drop.vlan", "VLAN-tagged frame")                                             \
    COUNTER(DROP_SCATTERED, "drop.scattered", "headers spread over segments that cannot be joined")  \
    COUNTER(DROP_RING_FULL, "drop.ring.full", "ring to the owning worker full")                      \
    COUNTER(FORWARDED_TO_OWNER, "worker.forwarded", "packets passed to the worker that owns them")   \
    /* arp */                                                                                        \
    COUNTER(DROP_ARP_MALFORMED, "drop.arp.malformed", "ARP packet with wrong format")                \
    COUNTER(DROP_ARP_NOT_OURS, "drop.arp.not_ours", "ARP for addresses that are not ours")           \
    COUNTER(DROP_ARP_QUEUE, "drop.arp.queue_full", "packet behind an unresolved neighbour gave way to a newer one")\
    COUNTER(DROP_ARP_UNREACHABLE, "drop.arp.unreachable", "packet for a neighbour that does not answer")\
    COUNTER(DROP_ARP_TABLE, "drop.arp.table_full", "neighbour table full of busy entries")           \
    COUNTER(ARP_CONFLICT, "arp.conflict", "another station uses an address of ours")                 \
    /* ip */                                                                                         \
    COUNTER(DROP_IP_SHORT, "drop.ip.short", "shorter than its header or its total length")           \
    COUNTER(DROP_IP_VERSION, "drop.ip.version", "version is not 4")                                  \
    COUNTER(DROP_IP_HEADER, "drop.ip.header", "header length or options invalid")                    \
    COUNTER(DROP_IP_CHECKSUM, "drop.ip.checksum", "header checksum wrong")                           \
    COUNTER(DROP_IP_MARTIAN, "drop.ip.martian", "address that cannot be on this wire")               \
    COUNTER(DROP_IP_NOT_OURS, "drop.ip.not_ours", "destination is not one of our addresses")         \
    COUNTER(DROP_IP_PROTOCOL, "drop.ip.protocol", "protocol not handled")                            \
    COUNTER(DROP_IP_LINK_BROADCAST, "drop.ip.link_broadcast", "unicast packet in a link broadcast")  \
    COUNTER(DROP_IP_TOO_BIG, "drop.ip.too_big", "larger than the path and not to be fragmented")     \
    COUNTER(DROP_IP_SEGMENTS, "drop.ip.segments", "does not fit the one buffer that the wire takes") \
    COUNTER(DROP_IP_NO_PATH, "drop.ip.no_path", "no way to the destination of a reply")              \
    COUNTER(DROP_LOOPBACK_FULL, "drop.loopback.full", "too many packets to ourselves in one round")  \
    COUNTER(IP_FRAGMENTS_OUT, "ip.fragments_out", "fragments sent")                                  \
    COUNTER(IP_REASSEMBLED, "ip.reassembled", "datagrams put together from fragments")               \
    COUNTER(DROP_FRAG_MALFORMED, "drop.frag.malformed", "fragment with impossible length or offset") \
    COUNTER(DROP_FRAG_OVERLAP, "drop.frag.overlap", "fragments of a datagram whose fragments overlap")\
    COUNTER(DROP_FRAG_DUPLICATE, "drop.frag.duplicate", "fragment that is there already")            \
    COUNTER(DROP_FRAG_MANY, "drop.frag.many", "fragments of a datagram cut into too many")           \
    COUNTER(DROP_FRAG_MEMORY, "drop.frag.memory", "fragments that gave way because reassembly is at its bound")\
    COUNTER(DROP_FRAG_TIMEOUT, "drop.frag.timeout", "fragments whose datagram never got complete")   \
    COUNTER(DROP_FRAG_ECN, "drop.frag.ecn", "fragments that disagree about ECN")                     \
    /* icmp */                                                                                       \
    COUNTER(DROP_ICMP_SHORT, "drop.icmp.short", "ICMP message shorter than its header")              \
    COUNTER(DROP_ICMP_CHECKSUM, "drop.icmp.checksum", "ICMP checksum wrong")                         \
    COUNTER(DROP_ICMP_QUOTE, "drop.icmp.quote", "ICMP error quoting what is no valid packet")   \
    COUNTER(DROP_ICMP_BROADCAST, "drop.icmp.broadcast", "ICMP to broadcast or multicast, not answered")\
    COUNTER(DROP_ICMP_IGNORED, "drop.icmp.ignored", "ICMP type that we do not act on")               \
    COUNTER(ICMP_ECHO, "icmp.echo", "echo requests answered")                                        \
    COUNTER(ICMP_ERRORS_OUT, "icmp.errors_out", "ICMP errors sent")                                  \
    COUNTER(ICMP_ERRORS_LIMITED, "icmp.errors_limited", "ICMP errors not sent because of the rate limit")\
    /* udp */                                                                                        \
    COUNTER(UDP_IN, "udp.in", "datagrams delivered to sockets")                                      \
    COUNTER(UDP_OUT, "udp.out", "datagrams sent")                                                    \
    COUNTER(UDP_BYTES_RECEIVED, "udp.bytes_received", "bytes that applications have read")           \
    COUNTER(UDP_BYTES_SENT, "udp.bytes_sent", "bytes that applications have given to send")          \
    COUNTER(DROP_UDP_MALFORMED, "drop.udp.malformed", "UDP header invalid")                          \
    COUNTER(DROP_UDP_CHECKSUM, "drop.udp.checksum", "UDP checksum wrong")                            \
    COUNTER(DROP_UDP_NO_PORT, "drop.udp.no_port", "no socket on that port")                          \
    COUNTER(DROP_UDP_QUEUE_FULL, "drop.udp.queue_full", "receive queue of the socket full")          \
    COUNTER(UDP_ERRORS_IN, "udp.errors_in", "ICMP errors passed to a socket")                        \
    COUNTER(UDP_ERRORS_LOST, "udp.errors_lost", "ICMP errors for which an error queue had no room")    \
    /* tcp */                                                                                        \
    COUNTER(TCP_IN, "tcp.in", "segments received")                                                   \
    COUNTER(TCP_OUT, "tcp.out", "segments sent, retransmissions included")                           \
    COUNTER(TCP_OUTPUT_WAITED, "tcp.output_waited", "rounds in which connections waited for the queue of an interface") \
    COUNTER(TCP_RETRANS, "tcp.retrans", "segments retransmitted")                                    \
    COUNTER(TCP_SYNCOOKIES_SENT, "tcp.syncookies_sent", "SYNs answered with a cookie")               \
    COUNTER(TCP_SYNCOOKIES_RECV, "tcp.syncookies_recv", "final ACKs that brought a good cookie")     \
    COUNTER(TCP_SYNCOOKIES_FAILED, "tcp.syncookies_failed", "ACKs at a listener that brought none, or an old one")\
    COUNTER(TCP_SYN_EXPIRED, "tcp.syn_expired", "half-open connections whose final ACK never came")  \
    COUNTER(DROP_TCP_SYN, "drop.tcp.syn", "SYN in a synchronized state")                             \
    COUNTER(DROP_TCP_SEQUENCE, "drop.tcp.sequence", "segments outside of the window")                \
    COUNTER(TCP_DEFERRED, "tcp.deferred", "final ACKs that TCP_DEFER_ACCEPT let wait for data")      \
    COUNTER(DROP_TCP_SYN_FULL, "drop.tcp.syn_full", "SYN refused: SYN queue full")                   \
    COUNTER(DROP_TCP_NO_ACK, "drop.tcp.no_ack", "segments without ACK where one has to be")          \
    COUNTER(DROP_TCP_PAWS, "drop.tcp.paws", "old duplicates by their timestamp (RFC 7323)")          \
    COUNTER(DROP_TCP_RST, "drop.tcp.rst", "resets that were not believed")                           \
    COUNTER(DROP_TCP_ACCEPT_FULL, "drop.tcp.accept_full", "SYN or final ACK refused: accept queue full")\
    COUNTER(DROP_TCP_ACK, "drop.tcp.ack", "acknowledgement of what was never sent, or missing")      \
    COUNTER(DROP_TCP_BROADCAST, "drop.tcp.broadcast", "segments to a broadcast or multicast address")\
    COUNTER(DROP_TCP_NO_PORT, "drop.tcp.no_port", "segments for no connection and no listener")      \
    COUNTER(DROP_TCP_RCVBUF, "drop.tcp.rcvbuf", "payload refused: receive buffer or memory full")    \
    COUNTER(TCP_RST_IN, "tcp.rst_in", "resets that ended a connection")                              \
    COUNTER(TCP_CHALLENGE_LIMITED, "tcp.challenge_limited", "challenge ACKs not sent: rate limit")   \
    COUNTER(TCP_CHALLENGE, "tcp.challenge_acks", "challenge ACKs sent (RFC 5961)")                   \
    COUNTER(TCP_ESTABLISHED, "tcp.established", "connections established")                           \
    COUNTER(TCP_FIN_TIMEOUT, "tcp.fin_timeout", "orphans that FIN-WAIT-2 ended")                     \
    COUNTER(TCP_SACK_RENEGED, "tcp.sack_reneged", "peers that dropped what they had SACKed")                  \
    COUNTER(TCP_SACK_CUT, "tcp.sack_cut", "ACKs whose SACK blocks were not followed to the end, for their cost")\
    COUNTER(TCP_SACK_DISCARDED, "tcp.sack_discarded", "SACK blocks beyond or across what is outstanding")\
    COUNTER(TCP_DSACK, "tcp.dsack", "segments that a peer has reported as duplicates")               \
    COUNTER(TCP_DSACK_IGNORED, "tcp.dsack_ignored", "such reports about more than was sent again")   \
    COUNTER(TCP_REORDERED, "tcp.reordered", "times that the network was seen to reorder")            \
    COUNTER(TCP_TLP, "tcp.tlp", "tail loss probes sent (RFC 8985)")                                  \
    COUNTER(TCP_TLP_RECOVERY, "tcp.tlp_recovery", "losses that a tail loss probe has repaired")      \
    COUNTER(TCP_RACK_TIMEOUT, "tcp.rack_timeout", "times that the reordering timer found losses")    \
    COUNTER(TCP_RESCUE, "tcp.rescue", "rescue retransmissions (RFC 6675)")                           \
    COUNTER(TCP_UNDO_FULL, "tcp.undo_full", "fast recoveries taken back at their end")               \
    COUNTER(TCP_UNDO_PARTIAL, "tcp.undo_partial", "fast recoveries taken back at a partial ACK")     \
    COUNTER(TCP_UNDO_DSACK, "tcp.undo_dsack", "reductions taken back because all that was sent again was duplicate")\
    COUNTER(TCP_UNDO_LOSS, "tcp.undo_loss", "time-outs taken back by timestamps or DSACK")           \
    COUNTER(TCP_SPURIOUS_RTO, "tcp.spurious_rto", "time-outs taken back by F-RTO (RFC 5682)")        \
    COUNTER(TCP_RTO, "tcp.rto", "retransmission time-outs")                                          \
    COUNTER(TCP_TIMEOUTS_FATAL, "tcp.timeouts_fatal", "connections given up after too many time-outs")\
    COUNTER(TCP_FAST_RECOVERY, "tcp.fast_recovery", "times that fast recovery began")                \
    COUNTER(TCP_ECN_CE, "tcp.ecn_ce", "segments with data that arrived with a mark of congestion")   \
    COUNTER(TCP_ECN_REDUCED, "tcp.ecn_reduced", "reductions of the window because the peer echoed a mark")\
    COUNTER(TCP_HYSTART_CSS, "tcp.hystart_css", "slow starts that went on slower because round trips rose")\
    COUNTER(TCP_HYSTART_EXIT, "tcp.hystart_exit", "slow starts that HyStart++ ended")                \
    COUNTER(TCP_IDLE_RESTART, "tcp.idle_restart", "windows reduced because nothing was sent for an RTO")\
    COUNTER(TCP_APP_LIMITED, "tcp.app_limited", "windows reduced because the application did not use them")\
    COUNTER(TCP_OOO_SHED, "tcp.ooo_shed", "out-of-order ranges given up because memory was short")   \
    COUNTER(TCP_OOO, "tcp.out_of_order", "segments queued out of order")                             \
    COUNTER(TCP_PROBES, "tcp.probes", "zero-window and keepalive probes sent")                       \
    COUNTER(TCP_BYTES_RECEIVED, "tcp.bytes_received", "bytes that applications have read")           \
    COUNTER(TCP_BYTES_SENT, "tcp.bytes_sent", "bytes that applications have given to send")          \
    COUNTER(TCP_ACCEPTED, "tcp.accepted", "connections that accept has returned")                    \
    COUNTER(TCP_CONNECTS, "tcp.connects", "connections that we began to open")                       \
    COUNTER(TCP_ICMP_IGNORED, "tcp.icmp_ignored", "ICMP errors about TCP not believed: no such connection or sequence number")\
    COUNTER(TCP_PMTU_REDUCED, "tcp.pmtu_reduced", "connections whose path MTU an ICMP error has lowered")\
    COUNTER(DROP_TCP_TIME_WAIT, "drop.tcp.time_wait", "segments for a connection in TIME-WAIT")      \
    COUNTER(TCP_TIME_WAIT_RECYCLED, "tcp.time_wait_recycled", "TIME-WAIT entries ended early by a newer SYN")\
    COUNTER(TCP_TIME_WAIT_REUSED, "tcp.time_wait_reused", "TIME-WAIT entries that connect took over from")\
    COUNTER(TCP_ORPHANS_REFUSED, "tcp.orphans_refused", "connections reset at close: too many orphans")\
    COUNTER(TCP_TIME_WAIT_OVERFLOW, "tcp.time_wait_overflow", "connections ended without TIME-WAIT: too many entries")\
    COUNTER(TCP_NO_MEMORY, "tcp.no_memory", "connections or entries refused for want of memory or at a limit")\
    COUNTER(TCP_RST_OUT, "tcp.rst_out", "resets sent")                                               \
    COUNTER(DROP_TCP_MALFORMED, "drop.tcp.malformed", "TCP header or options invalid")               \
    COUNTER(DROP_TCP_CHECKSUM, "drop.tcp.checksum", "TCP checksum wrong")                            \
    /* sockets */                                                                                    \
    COUNTER(SOCK_CONNECTED, "sock.connected", "connections opened by connect")
/* clang-format on */

enum counter {
#define COUNTER_ENUM(id, name, help) CNT_##id,
    COUNTERS(COUNTER_ENUM)
#undef COUNTER_ENUM
        CNT_MAX
};

struct counters {
    uint64_t v[CNT_MAX];
};

static inline void count(struct counters *c, enum counter id)
{
    c->v[id]++;
}

static inline void count_add(struct counters *c, enum counter id, uint64_t n)
{
    c->v[id] += n;
}

const char *counter_name(enum counter id);
const char *counter_help(enum counter id);

#endif
