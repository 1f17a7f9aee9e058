// SPDX-License-Identifier: BSD-2-Clause
// The decision once more, written from the design and not from the core: frames are byte vectors,
// running out of bytes is an exception, what is remembered of senders is a map without bounds.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "control/config/config.h"
#include "dataplane/core/verdict.h"
#include "tests/reference/policy_map.h"

namespace mxgate::reference {

using Bytes = std::vector<uint8_t>;

enum class Kind {
    other,             // not IPv4 or IPv6, or not TCP
    broken,            // TCP or what may be TCP, malformed, no port to be read
    broken_with_port,  // malformed, but the port can be read
    later_fragment,    // TCP, a fragment other than the first
    tcp,
};

struct Parsed {
    Kind kind = Kind::other;
    std::optional<Address> source, destination;  // both or none
    uint16_t source_port = 0, destination_port = 0;
    uint32_t sequence = 0;
    size_t end = 0;  // where in the frame the IP packet ends, for TCP
    uint8_t flags = 0;
    // Of TCP: Ethernet header and tags, the IP packet, what it carries from the TCP header on.
    Bytes link, packet, segment;
};

Parsed parse(const Bytes& frame);

struct Decision {
    mxg_verdict verdict = MXG_PASS;
    mxg_reason reason = MXG_NOT_GATED;
    std::string class_name;      // empty: none
    std::optional<size_t> feed;  // place in the configuration
    bool by_hand = false;        // no feed decided: the operator did
    int family = 0;              // 4, 6, or 0: neither
    bool enforced = true;
    std::optional<Prefix> source;  // of attempts
    uint16_t source_port = 0;      // of what is for a protected service

    bool operator==(const Decision& other) const = default;
};
std::string to_string(const Decision& decision);

// A bucket of `burst` tokens, full at first, refilled at one token per interval (whole
// nanoseconds: period_ns / count, rounded up). What is kept is how long it takes to be full again,
// because classes of different size may use the bucket of one source; where far more is missing
// than an empty bucket of the class at hand, it is taken for empty.
class TokenBucket
{
public:
    // Whether there is a token; take() takes it if there is.
    bool ask(const RateLimit& limit, uint64_t now_ns);
    bool take(const RateLimit& limit, uint64_t now_ns);
    // Takes one whatever is there, down to an empty bucket; gives one back.
    void debit(const RateLimit& limit, uint64_t now_ns);
    void refund(const RateLimit& limit, uint64_t now_ns);
    // The same of established traffic: a bucket of a second's bytes, which a frame finds not in
    // debt, or not.
    bool take_bytes(uint64_t bytes, uint64_t per_second, uint64_t now_ns);

private:
    void age(Number size, uint64_t now_ns);

    Number missing_ns_ = 0;  // time until it is full
    uint64_t at_ns_ = 0;
};

// What is remembered of a sender.
struct Sender {
    TokenBucket bucket, bytes, guard;
    uint64_t wait_until_ns = 0;
    uint32_t open = 0;  // connections
};

// What an open connection was counted to.
struct Connection {
    std::vector<Prefix> prefixes;  // the sender, then its parents
    std::string class_name;
};

// A connection attempt: addresses, ports and initial sequence number of its SYN.
using AttemptName = std::tuple<int, Number, Number, uint16_t, uint16_t, uint32_t>;

// What was said of an attempt, to its retransmissions too: for 64 s, counted in whole units of
// 65536 ns of the clock, and at most 12 frames.
struct Said {
    uint64_t first = 0;  // in those units
    int frames = 0;
    mxg_verdict verdict = MXG_PASS;
    mxg_reason reason = MXG_CONFORMS;
};

class Gate
{
public:
    Gate(const Config& config, PolicyMap policy) : config_(config), policy_(std::move(policy)) {}

    Decision decide(const Bytes& frame, uint64_t now_ns);
    size_t sources() const { return senders_.size(); }
    Connection opened(const Address& source, uint64_t now_ns);
    void closed(const Connection& connection);
    // What the operator set by hand: prefix, class, until when.
    struct ByHand {
        Prefix prefix;
        std::string class_name;
        uint64_t until_ns;
    };
    void set_by_hand(std::vector<ByHand> by_hand) { by_hand_ = std::move(by_hand); }
    // The planes see connections one by one, and no frame belongs to one: bandwidth binds none.
    void without_connections() { without_connections_ = true; }
    // Another configuration and policy; what is remembered stays.
    void publish(const Config& config, PolicyMap policy)
    {
        config_ = config;
        policy_ = std::move(policy);
    }

private:
    bool protected_address(const Address& address) const;
    bool protected_port(const Address& address, uint16_t port) const;
    bool own_host(const Address& address) const;
    bool martian(const Parsed& packet) const;
    const ClassConfig& class_named(const std::string& name) const;
    size_t strictness(const std::string& class_name) const;
    Answer judge(const Address& source, Prefix* state) const;
    void attempt(const Parsed& packet, uint64_t now_ns, Decision* decision);
    void limit(const Parsed& packet, const ClassConfig& c, uint64_t now_ns, Decision* decision);
    // The sender and its parents with what the class lets each of them do.
    struct Place {
        Sender* sender;
        Prefix prefix;
        CeilingConfig ceiling;
    };
    std::vector<Place> places(const Prefix& source, const ClassConfig& c);
    mxg_reason ask(const Place& place, bool own, bool known, uint64_t now_ns) const;
    mxg_reason weigh(const Prefix& source, const ClassConfig& c, bool known, uint64_t now_ns);
    void established(const Parsed& packet, uint64_t now_ns, Decision* decision);
    std::optional<std::string> by_hand(const Address& view, uint64_t now_ns) const;
    ClassConfig shared(ClassConfig c, uint32_t end_sites) const;
    ClassConfig name(const Address& source, uint64_t now_ns, Decision* decision) const;

    bool without_connections_ = false;
    Config config_;
    PolicyMap policy_;
    std::vector<ByHand> by_hand_;
    std::map<std::string, Sender> senders_;
    std::map<std::string, Sender> parents_;
    std::map<std::string, uint32_t> open_;  // connections, of each class
    std::map<AttemptName, Said> said_;
};

}  // namespace mxgate::reference
