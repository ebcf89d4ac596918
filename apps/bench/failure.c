/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "bench/bench.h"

const char *const failure_name[FAILURES] = {
    [FAIL_REFUSED] = "refused",
    [FAIL_CONNECT_TIMEOUT] = "connect_timeout",
    [FAIL_UNREACHABLE] = "unreachable",
    [FAIL_NO_PORT] = "no_local_port",
    [FAIL_NO_MEMORY] = "no_memory",
    [FAIL_RESET] = "reset",
    [FAIL_CLOSED] = "closed",
    [FAIL_TIMEOUT] = "timeout",
    [FAIL_LOST] = "lost",
    [FAIL_WRONG] = "wrong_answer",
    [FAIL_UNEXPECTED] = "unexpected",
    [FAIL_HTTP_SYNTAX] = "http_syntax",
    [FAIL_HTTP_4XX] = "http_4xx",
    [FAIL_HTTP_5XX] = "http_5xx",
    [FAIL_OTHER] = "other",
};

const char *const failure_help[FAILURES] = {
    [FAIL_REFUSED] = "connections refused: nobody listens",
    [FAIL_CONNECT_TIMEOUT] = "connections that were not answered in time",
    [FAIL_UNREACHABLE] = "no way to the host, or nobody there has its address",
    [FAIL_NO_PORT] = "no local port was free: more server ports (PORT-PORT), hosts or --source would help",
    [FAIL_NO_MEMORY] = "out of descriptors or memory on this side",
    [FAIL_RESET] = "connections reset by the server",
    [FAIL_CLOSED] = "connections closed by the server before it was asked to",
    [FAIL_TIMEOUT] = "requests not answered within --timeout",
    [FAIL_LOST] = "datagrams without an answer",
    [FAIL_WRONG] = "answers that are not what was sent",
    [FAIL_UNEXPECTED] = "connections on which more came than was asked for",
    [FAIL_HTTP_SYNTAX] = "answers that are not HTTP",
    [FAIL_HTTP_4XX] = "answers with a status of 4xx",
    [FAIL_HTTP_5XX] = "answers with a status of 5xx",
    [FAIL_OTHER] = "other errors",
};

enum failure failure_of(int err, bool connecting)
{
    switch (err) {
    case ECONNREFUSED:
        return FAIL_REFUSED;
    case ETIMEDOUT:
        return connecting ? FAIL_CONNECT_TIMEOUT : FAIL_TIMEOUT;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
        return FAIL_UNREACHABLE;
    case EADDRNOTAVAIL:
    case EADDRINUSE:
        return FAIL_NO_PORT;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
        return FAIL_NO_MEMORY;
    case ECONNRESET:
    case EPIPE:
        return FAIL_RESET;
    default:
        return FAIL_OTHER;
    }
}
