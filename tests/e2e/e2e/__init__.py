# SPDX-License-Identifier: BSD-3-Clause
"""End-to-end tests: programs of the build on TAP, veth, AF_XDP, memif and vhost, in network namespaces."""
