/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets, with the system's structures and constants, after the man pages of Linux.
 *
 * Each call works directly on the worker of the calling thread, without lock or system call. It may
 * only be used on a worker (inside plx_run's fn) and with its own descriptors; elsewhere every call
 * fails with EPERM, which is not repeated below. Errors are -1 with errno; EBADF (no such descriptor)
 * and ENOTSOCK (an epoll descriptor) may come from each and are not repeated either.
 * A call that waits runs the stack meanwhile; plx_stop ends it with EINTR, and so do the timers
 * SO_RCVTIMEO and SO_SNDTIMEO with EAGAIN. What is sent leaves at the worker's next round: the next
 * plx_epoll_wait, plx_poll or call that waits. A program that neither waits nor polls does not send.
 * Nothing here raises SIGPIPE: writing to a closed connection fails with EPIPE alone.
 * Descriptors are numbers of Pollux's own, unrelated to the kernel's: with one worker the lowest
 * free one from 3 on (0 to 2 are never given), with several workers the numbers are interleaved, so that
 * each means one socket in the process. A worker has at most 2,097,149. */
#ifndef PLX_SOCKET_H
#define PLX_SOCKET_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <plx_api.h>

PLX_BEGIN_DECLS

/* socket(2). AF_INET; SOCK_STREAM (protocol 0 or IPPROTO_TCP) or SOCK_DGRAM (0 or IPPROTO_UDP), with
 * SOCK_NONBLOCK and SOCK_CLOEXEC (accepted, means nothing). A new descriptor. EAFNOSUPPORT, EINVAL
 * (unknown type or flag), EPROTONOSUPPORT, ESOCKTNOSUPPORT (SOCK_RAW and the like), EMFILE, ENOBUFS. */
PLX_API int plx_socket(int domain, int type, int protocol);

/* bind(2). A struct sockaddr_in with one of the interfaces' addresses or INADDR_ANY (a multicast or
 * broadcast address for UDP too); port 0 takes an ephemeral one. EINVAL (already bound, len too small),
 * EAFNOSUPPORT, EADDRINUSE, EADDRNOTAVAIL, EFAULT. */
PLX_API int plx_bind(int fd, const struct sockaddr *addr, socklen_t len);

/* listen(2). backlog bounds the finished connections waiting for accept, capped by net.core.somaxconn;
 * half-open ones are bounded by net.ipv4.tcp_max_syn_backlog. May be called again to change it. With several
 * workers each opens its own listener on the same port, and a connection goes to the worker to which
 * its packets come. EOPNOTSUPP (UDP), EINVAL (connected), EADDRINUSE, ENOBUFS. */
PLX_API int plx_listen(int fd, int backlog);

/* accept4(2). flags: SOCK_NONBLOCK, SOCK_CLOEXEC. addr and *len may both be NULL; *len is in bytes, the
 * room on entry and the address's size on return, which may be more. A new descriptor; waits unless
 * the listener is non-blocking. EAGAIN, EINVAL (not listening, wrong flags), EOPNOTSUPP (UDP), EMFILE,
 * ECONNABORTED, ENOBUFS, EINTR. */
PLX_API int plx_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
PLX_API int plx_accept(int fd, struct sockaddr *addr, socklen_t *len);

/* connect(2). TCP: waits for the handshake unless non-blocking (EINPROGRESS; then EPOLLOUT and
 * SO_ERROR say the result). UDP: sets the peer; AF_UNSPEC takes it away. EISCONN, EALREADY,
 * ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, EADDRINUSE, EADDRNOTAVAIL, EACCES (broadcast
 * without SO_BROADCAST), EAFNOSUPPORT, EINVAL, EFAULT, EINTR (the handshake goes on). */
PLX_API int plx_connect(int fd, const struct sockaddr *addr, socklen_t len);

/* send(2), sendto(2), sendmsg(2), write(2), writev(2). The bytes are copied; the buffers are the caller's
 * again at return. TCP waits until everything is taken, or when non-blocking takes what fits and
 * returns how much. UDP sends one datagram of up to 65,507 bytes, or nothing.
 * flags: MSG_DONTWAIT, MSG_NOSIGNAL (always so), MSG_MORE, MSG_OOB, MSG_EOR, MSG_CONFIRM and
 * MSG_DONTROUTE (both ignored); others are EOPNOTSUPP. Ancillary data is ignored, as a socket without
 * use for it does; so is an address given for TCP. The number of bytes. EAGAIN, EPIPE, ENOTCONN, ECONNRESET,
 * ETIMEDOUT, EDESTADDRREQ, EMSGSIZE, EINVAL, EFAULT, EHOSTUNREACH, ENETUNREACH, EACCES, ECONNREFUSED (an
 * earlier datagram was refused), ENOBUFS (no packet buffer), EINTR. */
PLX_API ssize_t plx_send(int fd, const void *buf, size_t len, int flags);
PLX_API ssize_t plx_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
                           socklen_t alen);
PLX_API ssize_t plx_sendmsg(int fd, const struct msghdr *msg, int flags);
PLX_API ssize_t plx_write(int fd, const void *buf, size_t len);
PLX_API ssize_t plx_writev(int fd, const struct iovec *iov, int n);

/* recv(2), recvfrom(2), recvmsg(2), read(2), readv(2). Waits for the first bytes unless non-blocking.
 * flags: MSG_DONTWAIT, MSG_PEEK, MSG_WAITALL (TCP), MSG_TRUNC (UDP: the datagram's true length is
 * returned; TCP: the bytes are thrown away), MSG_OOB (TCP), MSG_ERRQUEUE (UDP: the oldest entry of the
 * error queue, with an IP_RECVERR control message), MSG_CMSG_CLOEXEC (ignored); others are EOPNOTSUPP.
 * The number of bytes; 0 when the peer has closed, or for an empty datagram. recvmsg sets
 * MSG_TRUNC in msg_flags when a datagram did not fit; msg_controllen is 0 without a control message. EAGAIN,
 * ENOTCONN, ECONNRESET, ETIMEDOUT, ECONNREFUSED, EINVAL, EFAULT, EINTR. */
PLX_API ssize_t plx_recv(int fd, void *buf, size_t len, int flags);
PLX_API ssize_t plx_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
                             socklen_t *alen);
PLX_API ssize_t plx_recvmsg(int fd, struct msghdr *msg, int flags);
PLX_API ssize_t plx_read(int fd, void *buf, size_t len);
PLX_API ssize_t plx_readv(int fd, const struct iovec *iov, int n);

/* close(2). The number is free at once, also inside an event loop: no event of the socket comes any more.
 * The last number of a TCP connection closes it: unread data makes it a reset, else it goes on
 * sending what was written and then FIN, without the program; SO_LINGER as in socket(7): time 0 resets,
 * another waits until all is acknowledged. Always 0 for a valid descriptor. EBADF. */
PLX_API int plx_close(int fd);

/* dup(2): another number, the lowest free one, for the same open file description. EMFILE. */
PLX_API int plx_dup(int fd);

/* shutdown(2). how: SHUT_RD, SHUT_WR, SHUT_RDWR. ENOTCONN, EINVAL. */
PLX_API int plx_shutdown(int fd, int how);

/* getsockname(2), getpeername(2). *len in bytes: room on entry, the size on return. ENOTCONN (peer), EFAULT,
 * EINVAL (negative room). */
PLX_API int plx_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
PLX_API int plx_getpeername(int fd, struct sockaddr *addr, socklen_t *len);

/* getsockopt(2), setsockopt(2). Values are ints unless said otherwise; times in seconds, sizes in bytes.
 * SOL_SOCKET: SO_REUSEADDR, SO_REUSEPORT, SO_BROADCAST, SO_KEEPALIVE, SO_OOBINLINE, SO_LINGER (struct
 * linger), SO_RCVBUF and SO_SNDBUF (doubled when set, as Linux does), SO_RCVLOWAT, SO_RCVTIMEO and
 * SO_SNDTIMEO (struct timeval); read only: SO_ERROR (and cleared), SO_TYPE, SO_PROTOCOL, SO_DOMAIN,
 * SO_ACCEPTCONN.
 * IPPROTO_IP: IP_TTL, IP_TOS, IP_FREEBIND, IP_MTU_DISCOVER (IP_PMTUDISC_DONT, _WANT, _DO),
 * IP_BIND_ADDRESS_NO_PORT and IP_LOCAL_PORT_RANGE (TCP), IP_RECVERR (ip(7): errors of a datagram socket, by
 * ICMP or its own EMSGSIZE, are kept for MSG_ERRQUEUE, the newest 32; a stream hears of soft errors at once).
 * IPPROTO_TCP: TCP_NODELAY, TCP_MAXSEG, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT and what else tcp(7) has and
 * the stack knows. ENOPROTOOPT (unknown, or read only), EINVAL (value or length), EDOM (a timeval out of
 * range), EFAULT. */
PLX_API int plx_getsockopt(int fd, int level, int name, void *val, socklen_t *len);
PLX_API int plx_setsockopt(int fd, int level, int name, const void *val, socklen_t len);

/* fcntl(2): F_GETFL (O_RDWR and O_NONBLOCK), F_SETFL (O_NONBLOCK; others are ignored), F_GETFD, F_SETFD
 * (FD_CLOEXEC, remembered for nothing), F_DUPFD, F_DUPFD_CLOEXEC. EINVAL, EMFILE. */
PLX_API int plx_fcntl(int fd, int cmd, ...);

/* ioctl(2) with an int *: FIONBIO sets non-blocking; FIONREAD, the same as SIOCINQ, bytes to read (UDP: of
 * the next datagram); SIOCOUTQ, bytes not yet acknowledged; SIOCOUTQNSD, of these not yet sent; SIOCATMARK,
 * whether the reader of a stream has come to the urgent mark (sockatmark(3)). ENOTTY, EINVAL (SIOCINQ,
 * SIOCOUTQ, SIOCOUTQNSD of a listener), EFAULT. */
PLX_API int plx_ioctl(int fd, unsigned long request, ...);

PLX_END_DECLS

#endif
