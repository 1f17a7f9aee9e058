/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Passes every frame. A veth receives what the other end sends by native XDP only where a program
 * is attached to it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp.frags")
int pass(struct xdp_md *ctx)
{
    return XDP_PASS;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
