/* SPDX-License-Identifier: BSD-3-Clause */
/* The options every program has, from argv, a file and PLX_OPTS into one struct. Values are checked
 * strictly: whatever is wrong is one message that names the option, the value and what is allowed. Nothing is
 * opened here. */
#ifndef PLX_POSIX_OPTIONS_H
#define PLX_POSIX_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/tunables.h"
#include "netdev/impair.h"

#define OPTIONS_DEVS   4
#define OPTIONS_IPS    8
#define OPTIONS_ROUTES 32
#define OPTIONS_TEXT   256
#define OPTIONS_WHY    768

struct option_ip {
    struct ip_addr addr;
    uint8_t prefix_len;
};

struct option_dev {
    char dev[OPTIONS_TEXT]; /* as given; empty while only its other options are known */
    struct option_ip ip[OPTIONS_IPS];
    uint8_t n_ips;
    bool has_mac, has_impair;
    uint8_t mac[6];
    uint16_t mtu; /* 0: the wire's own */
    struct impair_config impair;
};

struct option_route {
    struct ip_addr prefix; /* 0.0.0.0/0: --gw */
    struct ip_addr via;
    uint8_t prefix_len;
};

struct options {
    struct option_dev dev[OPTIONS_DEVS];
    struct option_route route[OPTIONS_ROUTES];
    uint8_t n_devs, n_routes;
    uint16_t workers;
    char eal[OPTIONS_TEXT];
    struct tunables tun;
    bool in_file;          /* while a file is read */
    char why[OPTIONS_WHY]; /* the message, after a failure */
};

void options_init(struct options *o);
/* Takes the known options out of argv, up to a "--", and lowers *argc. 0, -EINVAL, or what opening the file
 * of --config failed with; then o->why is set. */
int options_parse(struct options *o, int *argc, char **argv);
/* The words of PLX_OPTS; quotes '...' and "..." keep blanks. Every one has to be known. As options_parse. */
int options_parse_text(struct options *o, const char *text);
/* One option by name, without the dashes. As options_parse. */
int options_set(struct options *o, const char *name, const char *value);
/* A file of lines NAME = VALUE with the names of the options, and tunables under [set]; '#' begins a
 * comment. As options_parse. */
int options_load(struct options *o, const char *path);
/* What only shows when all is known: a wire, an address on each, gateways that can be reached. */
int options_finish(struct options *o);
void options_usage(FILE *out);

#endif
