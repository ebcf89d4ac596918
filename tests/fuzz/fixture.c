/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "posix/socket.h"

#define STACK_ADDR "10.0.0.2"

uint8_t input_u8(struct input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->p++;
}

uint16_t input_u16(struct input *in)
{
    uint8_t high = input_u8(in);
    return (uint16_t)(high << 8 | input_u8(in));
}

static void broken(const char *what)
{
    fprintf(stderr, "fuzz: %s\n", what);
    abort();
}

static int fixture_socket(struct fixture *f, int type)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(FIXTURE_PORT)};
    int fd = sock_open(&f->h->engine, AF_INET, type | SOCK_NONBLOCK, 0);
    if (fd < 0 || sock_bind(&f->h->engine, fd, (struct sockaddr *)&a, sizeof(a)) != 0)
        broken("a socket cannot be opened");
    return fd;
}

/* Echoes what comes, accepts who comes, closes whoever has ended. */
static unsigned fixture_app(struct host *h, void *arg)
{
    static uint8_t buf[2048];
    struct fixture *f = arg;
    unsigned done = 0;
    int fd;
    while (f->n_conns < FIXTURE_CONNS &&
           (fd = sock_accept(&h->engine, f->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        f->conn[f->n_conns++] = fd;
        done++;
    }
    for (unsigned i = 0; i < f->n_conns && !f->stalled; i++) {
        ssize_t n = sock_recv(&h->engine, f->conn[i], buf, sizeof(buf), MSG_DONTWAIT);
        if (n == -EAGAIN)
            continue;
        done++;
        if (n > 0) {
            sock_send(&h->engine, f->conn[i], buf, (size_t)n, MSG_DONTWAIT);
            continue;
        }
        sock_close(&h->engine, f->conn[i]);
        f->conn[i] = f->conn[--f->n_conns];
    }
    struct sockaddr_in a;
    socklen_t len = sizeof(a);
    ssize_t n =
        sock_recvfrom(&h->engine, f->udp, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&a, &len);
    if (n >= 0)
        sock_sendto(&h->engine, f->udp, buf, (size_t)n > sizeof(buf) ? sizeof(buf) : (size_t)n, MSG_DONTWAIT,
                    (struct sockaddr *)&a, len);
    return done + (n >= 0);
}

void fixture_init(struct fixture *f, enum netdev_link link)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 2};
    char why[WORLD_WHY];
    memset(f, 0, sizeof(*f));
    world_init(&f->w, 1);
    f->h = world_add_host(&f->w);
    f->h->quiet = true;
    f->wire = wiretap_create(link, 1500, mac, f->h->rx_pool);
    if (f->wire == NULL || !world_start(&f->w, f->h, f->wire, STACK_ADDR, why))
        broken("the engine does not start");
    f->listener = fixture_socket(f, SOCK_STREAM);
    f->udp = fixture_socket(f, SOCK_DGRAM);
    if (sock_listen(&f->h->engine, f->listener, 4) != 0)
        broken("no listener");
    f->h->app = fixture_app;
    f->h->app_arg = f;
}

void fixture_step(struct fixture *f, nsec_t more)
{
    char why[WORLD_WHY];
    if (!world_run(&f->w, f->w.now + more, NULL, NULL))
        broken("one moment never ends");
    if (world_check(&f->w, why) != NULL)
        broken(why);
}

bool fixture_last_sent(struct fixture *f, struct segment *out)
{
    bool found = false;
    struct segment seg;
    for (struct wiretap_frame *frame; (frame = wiretap_take(f->wire)) != NULL; free(frame)) {
        unsigned off = f->wire->caps.link == NETDEV_LINK_ETHER ? 14 : 0;
        if (frame->len <= off || segment_parse(frame->bytes + off, frame->len - off, &seg) != NULL)
            continue;
        if (seg.bad_checksum)
            broken("a checksum of the stack is wrong");
        seg.data = NULL;
        *out = seg;
        found = true;
    }
    return found;
}

void fixture_frame(struct fixture *f, const uint8_t *p, size_t n)
{
    if (n != 0)
        wiretap_inject(f->wire, p, (uint32_t)n);
}

void fixture_fini(struct fixture *f)
{
    char why[WORLD_WHY];
    if (world_fini(&f->w, false, why) != NULL)
        broken(why);
}
