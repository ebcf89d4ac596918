/* SPDX-License-Identifier: BSD-3-Clause */
#include "posix/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "netdev/open.h"
#include "worker.h"

#define CLAUSE  512
#define MTU_MIN 68 /* RFC 791: every host takes a datagram of 68 octets unfragmented */
#define MTU_MAX 9000

struct option {
    const char *name, *arg, *help;
    /* 0 or negative errno, with a clause that says what is allowed. */
    int (*set)(struct options *o, const char *value, char *clause);
};

static int clause_set(char *clause, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int clause_set(char *clause, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(clause, CLAUSE, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

/* ---- values ---- */

static bool parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    unsigned long v = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || v < min || v > max)
        return false;
    *out = (uint32_t)v;
    return true;
}

static bool parse_addr(const char *text, struct ip_addr *out)
{
    struct in_addr in;
    if (inet_pton(AF_INET, text, &in) != 1)
        return false;
    *out = ip_addr_v4(in.s_addr);
    return true;
}

static uint32_t mask_of(uint8_t prefix_len)
{
    return prefix_len == 0 ? 0 : htonl(UINT32_MAX << (32 - prefix_len));
}

/* ADDR/PREFIX with a prefix of at least min. */
static bool parse_prefix(const char *text, uint32_t min, struct ip_addr *addr, uint8_t *prefix_len)
{
    char head[INET_ADDRSTRLEN];
    uint32_t n;
    const char *slash = strchr(text, '/');
    if (slash == NULL || (size_t)(slash - text) >= sizeof(head))
        return false;
    memcpy(head, text, (size_t)(slash - text));
    head[slash - text] = '\0';
    if (!parse_addr(head, addr) || !parse_number(slash + 1, min, 32, &n))
        return false;
    *prefix_len = (uint8_t)n;
    return true;
}

/* May a host have it? RFC1122-3.2.1.3. */
static bool is_unicast(const struct ip_addr *a)
{
    uint32_t v = ntohl(ip_addr_get_v4(a)), net = v >> 24;
    return net != 0 && net != 127 && net < 224;
}

/* The wire that --ip and its kin speak of: the last one named, or the first before any is. */
static struct option_dev *current_dev(struct options *o)
{
    return &o->dev[o->n_devs > 0 ? o->n_devs - 1 : 0];
}

static int set_dev(struct options *o, const char *value, char *clause)
{
    if (o->n_devs == OPTIONS_DEVS)
        return clause_set(clause, "at most %d wires", OPTIONS_DEVS);
    if (strlen(value) >= OPTIONS_TEXT)
        return clause_set(clause, "at most %d characters", OPTIONS_TEXT - 1);
    int err = netdev_dev_check(value, clause, CLAUSE);
    if (err == 0)
        strcpy(o->dev[o->n_devs++].dev, value);
    return err;
}

static int set_ip(struct options *o, const char *value, char *clause)
{
    struct option_dev *d = current_dev(o);
    struct option_ip ip;
    if (!parse_prefix(value, 1, &ip.addr, &ip.prefix_len))
        return clause_set(clause, "must be an IPv4 address and its prefix of 1 to 32 bits, as 10.0.0.2/24");
    uint32_t host = ip_addr_get_v4(&ip.addr) & ~mask_of(ip.prefix_len);
    if (!is_unicast(&ip.addr))
        return clause_set(clause,
                          "must be a unicast address, from 1.0.0.0 to 223.255.255.255 without 127.0.0.0/8");
    if (ip.prefix_len < 31 && (host == 0 || host == ~mask_of(ip.prefix_len)))
        return clause_set(clause, "is the network's %s address; a host's is between the two",
                          host == 0 ? "own" : "broadcast");
    if (d->n_ips == OPTIONS_IPS)
        return clause_set(clause, "at most %d addresses on a wire", OPTIONS_IPS);
    for (int i = 0; i < d->n_ips; i++)
        if (ip_addr_eq(&d->ip[i].addr, &ip.addr))
            return clause_set(clause, "is given twice");
    d->ip[d->n_ips++] = ip;
    return 0;
}

static int add_route(struct options *o, const struct option_route *r, char *clause)
{
    if (!is_unicast(&r->via))
        return clause_set(clause, "the gateway must be a unicast address");
    if (o->n_routes == OPTIONS_ROUTES)
        return clause_set(clause, "at most %d routes and gateways", OPTIONS_ROUTES);
    for (int i = 0; i < o->n_routes; i++)
        if (o->route[i].prefix_len == r->prefix_len && ip_addr_eq(&o->route[i].prefix, &r->prefix))
            return clause_set(clause, "there is a route to that network already");
    o->route[o->n_routes++] = *r;
    return 0;
}

static int set_gw(struct options *o, const char *value, char *clause)
{
    struct option_route r = {.prefix = ip_addr_v4(0)};
    if (!parse_addr(value, &r.via))
        return clause_set(clause, "must be an IPv4 address, as 10.0.0.1");
    return add_route(o, &r, clause);
}

static int set_route(struct options *o, const char *value, char *clause)
{
    struct option_route r;
    char prefix[INET_ADDRSTRLEN + 3];
    const char *comma = strchr(value, ',');
    size_t n = comma != NULL ? (size_t)(comma - value) : sizeof(prefix);
    if (n >= sizeof(prefix))
        return clause_set(clause, "must be PREFIX,VIA, as 192.168.0.0/16,10.0.0.1");
    memcpy(prefix, value, n);
    prefix[n] = '\0';
    if (!parse_prefix(prefix, 0, &r.prefix, &r.prefix_len) || !parse_addr(comma + 1, &r.via))
        return clause_set(clause, "must be PREFIX,VIA, as 192.168.0.0/16,10.0.0.1");
    if ((ip_addr_get_v4(&r.prefix) & ~mask_of(r.prefix_len)) != 0)
        return clause_set(clause, "the network's address has bits beyond its prefix of %u", r.prefix_len);
    return add_route(o, &r, clause);
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
    if (strlen(text) != 17)
        return false;
    for (int i = 0; i < 6; i++) {
        char byte[3] = {text[3 * i], text[3 * i + 1], '\0'};
        if (strspn(byte, "0123456789abcdefABCDEF") != 2 || (i < 5 && text[3 * i + 2] != ':'))
            return false;
        mac[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return true;
}

static int set_mac(struct options *o, const char *value, char *clause)
{
    static const uint8_t zero[6];
    struct option_dev *d = current_dev(o);
    uint8_t mac[6];
    if (!parse_mac(value, mac) || (mac[0] & 1) != 0 || memcmp(mac, zero, 6) == 0)
        return clause_set(clause, "must be a unicast MAC address, as 02:00:00:00:00:02");
    memcpy(d->mac, mac, 6);
    d->has_mac = true;
    return 0;
}

static int set_mtu(struct options *o, const char *value, char *clause)
{
    uint32_t v;
    if (!parse_number(value, MTU_MIN, MTU_MAX, &v))
        return clause_set(clause, "must be %d to %d bytes", MTU_MIN, MTU_MAX);
    current_dev(o)->mtu = (uint16_t)v;
    return 0;
}

static int set_workers(struct options *o, const char *value, char *clause)
{
    uint32_t v;
    if (!parse_number(value, 1, WORKER_MAX, &v))
        return clause_set(clause, "must be 1 to %d", WORKER_MAX);
    o->workers = (uint16_t)v;
    return 0;
}

static int set_impair(struct options *o, const char *value, char *clause)
{
    struct option_dev *d = current_dev(o);
    int err = impair_parse(value, &d->impair, clause, CLAUSE);
    d->has_impair = err == 0;
    return err;
}

static int set_eal(struct options *o, const char *value, char *clause)
{
    if (strlen(value) >= sizeof(o->eal))
        return clause_set(clause, "at most %zu characters", sizeof(o->eal) - 1);
    strcpy(o->eal, value);
    return 0;
}

static int set_tunable(struct options *o, const char *value, char *clause)
{
    char key[OPTIONS_TEXT];
    const char *equals = strchr(value, '=');
    if (equals == NULL || equals == value || (size_t)(equals - value) >= sizeof(key))
        return clause_set(clause, "must be KEY=VALUE");
    memcpy(key, value, (size_t)(equals - value));
    key[equals - value] = '\0';
    return tunables_set(&o->tun, key, equals + 1, clause, CLAUSE) != 0 ? -EINVAL : 0;
}

static int set_config(struct options *o, const char *value, char *clause)
{
    if (o->in_file)
        return clause_set(clause, "a file cannot name another one");
    return options_load(o, value);
}

/* ---- the list ---- */

static const struct option option_table[] = {
    {"dev", "WIRE",
     "a wire: pci:ADDR, tap:NAME, af_packet:IFACE, af_xdp:IFACE, memif:PATH[,server],\n"
     "vhost:PATH, virtio:PATH, pcap:IN.pcap[,OUT.pcap] or vdev:DPDK-STRING; several allowed",
     set_dev},
    {"ip", "ADDR/PREFIX", "an address on it, as 10.0.0.2/24; several allowed", set_ip},
    {"gw", "ADDR", "default gateway", set_gw},
    {"route", "PREFIX,VIA", "a network behind another gateway; several allowed", set_route},
    {"mac", "MAC", "hardware address, as 02:00:00:00:00:02", set_mac},
    {"mtu", "N", "largest IP packet, 68 to 9000 bytes", set_mtu},
    {"impair", "LIST",
     "make the wire worse: loss=1%,dup=0.1%,reorder=1%,delay=5ms,jitter=1ms,\n"
     "corrupt=0.01%,rate=100M,seed=7",
     set_impair},
    {"workers", "N", "threads, each with its own queue of the wire (default 1)", set_workers},
    {"config", "FILE", "read options from a file of lines NAME = VALUE", set_config},
    {"set", "KEY=VALUE", "a tunable, as net.ipv4.tcp_sack=0; several allowed", set_tunable},
    {"eal", "ARGS", "raw arguments for DPDK", set_eal},
};

static const struct option *option_find(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof(option_table) / sizeof(option_table[0]); i++)
        if (strlen(option_table[i].name) == len && memcmp(option_table[i].name, name, len) == 0)
            return &option_table[i];
    return NULL;
}

void options_usage(FILE *out)
{
    fputs("Options of every Pollux program:\n", out);
    for (size_t i = 0; i < sizeof(option_table) / sizeof(option_table[0]); i++) {
        const struct option *op = &option_table[i];
        const char *rest = strchr(op->help, '\n');
        int width = 24 - (int)strlen(op->name) - 5;
        fprintf(out, "  --%s %-*s %.*s\n", op->name, width, op->arg,
                rest != NULL ? (int)(rest - op->help) : (int)strlen(op->help), op->help);
        if (rest != NULL)
            fprintf(out, "%25s%s\n", "", rest + 1);
    }
}

static int fail(struct options *o, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int fail(struct options *o, int err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(o->why, sizeof(o->why), fmt, ap);
    va_end(ap);
    return err;
}

static int option_apply(struct options *o, const struct option *op, const char *value)
{
    char clause[CLAUSE] = "";
    int err = *value == '\0' ? clause_set(clause, "must not be empty") : op->set(o, value, clause);
    if (err != 0 && clause[0] != '\0') /* else the file has its own message */
        fail(o, err, "--%s %.*s: %s", op->name, OPTIONS_TEXT, value, clause);
    return err;
}

int options_set(struct options *o, const char *name, const char *value)
{
    const struct option *op = option_find(name, strlen(name));
    if (op != NULL)
        return option_apply(o, op, value);
    return fail(o, -EINVAL, "%.*s: there is no such option; --help lists them", OPTIONS_TEXT, name);
}

void options_init(struct options *o)
{
    memset(o, 0, sizeof(*o));
    o->workers = 1;
    tunables_init(&o->tun);
}

/* The option in argv[i]; *value is what stands after '=', or NULL. */
static const struct option *option_at(const char *word, const char **value)
{
    if (strncmp(word, "--", 2) != 0)
        return NULL;
    const char *name = word + 2, *equals = strchr(name, '=');
    *value = equals != NULL ? equals + 1 : NULL;
    return option_find(name, equals != NULL ? (size_t)(equals - name) : strlen(name));
}

int options_parse(struct options *o, int *argc, char **argv)
{
    int kept = 1, i = 1;
    for (; i < *argc && strcmp(argv[i], "--") != 0; i++) {
        const char *value = NULL;
        const struct option *op = option_at(argv[i], &value);
        if (op == NULL) {
            argv[kept++] = argv[i];
            continue;
        }
        if (value == NULL && i + 1 < *argc)
            value = argv[++i];
        if (value == NULL)
            return fail(o, -EINVAL, "--%s: a value must follow: %s", op->name, op->arg);
        int err = option_apply(o, op, value);
        if (err != 0)
            return err;
    }
    while (i < *argc)
        argv[kept++] = argv[i++];
    if (*argc > 0) {
        *argc = kept;
        argv[kept] = NULL;
    }
    return 0;
}

/* ---- what only shows at the end ---- */

static bool is_connected(const struct options *o, const struct ip_addr *a)
{
    for (int i = 0; i < o->n_devs; i++)
        for (int j = 0; j < o->dev[i].n_ips; j++) {
            const struct option_ip *ip = &o->dev[i].ip[j];
            uint32_t mask = mask_of(ip->prefix_len);
            if (((ip_addr_get_v4(&ip->addr) ^ ip_addr_get_v4(a)) & mask) == 0)
                return true;
        }
    return false;
}

int options_finish(struct options *o)
{
    if (o->n_devs == 0)
        return fail(o, -EINVAL, "--dev is missing: which wire to use, as --dev tap:plx0 --ip 10.0.0.2/24");
    for (int i = 0; i < o->n_devs; i++)
        if (o->dev[i].n_ips == 0)
            return fail(o, -EINVAL, "--ip is missing: an address for --dev %s, as 10.0.0.2/24",
                        o->dev[i].dev);
    for (int i = 0; i < o->n_routes; i++) {
        char via[INET_ADDRSTRLEN];
        uint32_t be = ip_addr_get_v4(&o->route[i].via);
        inet_ntop(AF_INET, &be, via, sizeof(via));
        if (!is_connected(o, &o->route[i].via))
            return fail(o, -EINVAL, "--%s %s: must be in the network of an --ip",
                        o->route[i].prefix_len == 0 ? "gw" : "route via", via);
    }
    return 0;
}
