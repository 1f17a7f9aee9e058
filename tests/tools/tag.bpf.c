/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For both directions of an interface of a lab (tc, clsact), where the kernel may have no VLAN
 * devices: each frame leaves with the tags of its section, and comes in without any. */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Priority 5 of VLAN 100, and priority 3 of VLAN 7. */
enum { OUTER = 5 << 13 | 100, INNER = 3 << 13 | 7, PROVIDER = 0x88a8, CUSTOMER = 0x8100, DROP = 2 };

static __always_inline int push(struct __sk_buff *skb, __u16 type, __u16 tag)
{
    return bpf_skb_vlan_push(skb, bpf_htons(type), tag);
}

/* 802.1Q */
SEC("single")
int single_tag(struct __sk_buff *skb)
{
    return push(skb, CUSTOMER, INNER) ? DROP : 0;
}

/* 802.1Q in 802.1Q */
SEC("double")
int double_tag(struct __sk_buff *skb)
{
    return push(skb, CUSTOMER, INNER) || push(skb, CUSTOMER, OUTER) ? DROP : 0;
}

/* 802.1Q in 802.1ad */
SEC("provider")
int provider_tag(struct __sk_buff *skb)
{
    return push(skb, CUSTOMER, INNER) || push(skb, PROVIDER, OUTER) ? DROP : 0;
}

SEC("pop")
int pop_tags(struct __sk_buff *skb)
{
    /* A frame without tags stays as it is. */
    return bpf_skb_vlan_pop(skb) || bpf_skb_vlan_pop(skb) ? DROP : 0;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
