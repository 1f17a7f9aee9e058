/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Open connections as the host's TCP knows them: a sockops program on the root of cgroup v2. What a
 * socket was counted to lies with the socket, so that its end is counted there too, whatever tables
 * came since. Sockets are at work in many contexts that may interrupt each other: no memory of a
 * core is used here.
 */
#ifndef MXG_EBPF_SOCKETS_H
#define MXG_EBPF_SOCKETS_H

#define MXG_AF_INET 2
#define MXG_AF_INET6 10

/* The compiler would read two fields at once; the verifier allows one at a time. */
#define FIELD(field) (*(volatile __u32 *)&(field))

static __always_inline struct mxg_address socket_ipv6(__u32 a, __u32 b, __u32 c, __u32 d)
{
    struct mxg_address address = {(__u64)bpf_ntohl(a) << 32 | bpf_ntohl(b),
                                  (__u64)bpf_ntohl(c) << 32 | bpf_ntohl(d), MXG_FAMILY_IPV6, 0};

    if (address.hi == 0 && address.lo >> 32 == 0xffff) /* on the wire it is IPv4 */
        return mxg_ipv4_address((__u32)address.lo);
    return address;
}

/* The socket's addresses as those of a packet from its peer; 0, or -1: no IP. */
static __always_inline int read_socket(struct bpf_sock_ops *ctx, struct mxg_packet *packet)
{
    if (ctx->family == MXG_AF_INET) {
        packet->source = mxg_ipv4_address(bpf_ntohl(ctx->remote_ip4));
        packet->destination = mxg_ipv4_address(bpf_ntohl(ctx->local_ip4));
    } else if (ctx->family == MXG_AF_INET6) {
        packet->source = socket_ipv6(FIELD(ctx->remote_ip6[0]), FIELD(ctx->remote_ip6[1]), FIELD(ctx->remote_ip6[2]),
                                     FIELD(ctx->remote_ip6[3]));
        packet->destination = socket_ipv6(FIELD(ctx->local_ip6[0]), FIELD(ctx->local_ip6[1]), FIELD(ctx->local_ip6[2]),
                                          FIELD(ctx->local_ip6[3]));
    } else {
        return -1;
    }
    packet->destination_port = (__u16)ctx->local_port;
    packet->source_port = (__u16)bpf_ntohl(ctx->remote_port);
    packet->sequence = ctx->rcv_nxt - 1; /* of its SYN, as long as nothing came after it */
    return 0;
}

/* 1: a connection to a protected service, weighed by the table in force. */
__attribute__((noinline)) int judge_socket(struct mxg_socket *socket)
{
    const struct mxg_image_header *header;
    struct mxg_service_match match = {0, 0, 0};
    struct mxg_judgement judgement;
    struct mxg_gate gate;
    __u32 zero = 0;

    if (!socket)
        return 0;
    gate.table.pages = bpf_map_lookup_elem(&mxg_table_slot, &zero);
    gate.table.hot = gate.table.pages ? bpf_map_lookup_elem(gate.table.pages, &zero) : 0;
    header = (const struct mxg_image_header *)mxg_hot_line(&gate.table, 0);
    if (!header || (header->flags & MXG_FLAG_NO_TABLE) ||
        mxg_match_services(&gate.table, header, &socket->packet, &match) || !match.port ||
        mxg_judge(&gate, header, &socket->packet.source, &judgement))
        return 0;
    return !mxg_prepare_attempt(&gate, &judgement, &socket->attempt);
}

__attribute__((noinline)) int open_socket(struct mxg_socket *socket)
{
    struct mxg_gate gate = {};

    if (socket)
        mxg_connection_opened(&gate, &socket->attempt, &socket->connection);
    return 0;
}

__attribute__((noinline)) int complete_syn(struct mxg_socket *socket)
{
    struct mxg_gate gate = {};

    if (socket)
        mxg_syn_completed(&gate, &socket->packet);
    return 0;
}

__attribute__((noinline)) int close_socket(struct mxg_socket *socket)
{
    struct mxg_gate gate = {};

    if (socket)
        mxg_connection_closed(&gate, &socket->connection);
    return 0;
}

static __always_inline void socket_opened(struct bpf_sock_ops *ctx)
{
    struct bpf_sock *sk = ctx->sk;
    struct mxg_socket *socket;

    if (!sk || bpf_get_netns_cookie(ctx) != settings.netns_cookie)
        return;
    socket = bpf_sk_storage_get(&mxg_sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
    if (!socket)
        return;
    if (read_socket(ctx, &socket->packet) || !judge_socket(socket)) {
        bpf_sk_storage_delete(&mxg_sockets, sk);
        return;
    }
    open_socket(socket);
    complete_syn(socket);
    bpf_sock_ops_cb_flags_set(ctx,
                              (int)ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

static __always_inline void socket_closed(struct bpf_sock_ops *ctx)
{
    struct bpf_sock *sk = ctx->sk;
    struct mxg_socket *socket;

    if (!sk)
        return;
    socket = bpf_sk_storage_get(&mxg_sockets, sk, 0, 0);
    if (!socket)
        return;
    close_socket(socket);
    bpf_sk_storage_delete(&mxg_sockets, sk);
}

SEC("sockops")
int mxgate_sockets(struct bpf_sock_ops *ctx)
{
    if (ctx->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
        socket_opened(ctx);
    else if (ctx->op == BPF_SOCK_OPS_STATE_CB && ctx->args[1] == BPF_TCP_CLOSE)
        socket_closed(ctx);
    return 1;
}

#endif
