// SPDX-License-Identifier: BSD-2-Clause
#include "tests/reference/gate.h"

#include <algorithm>
#include <stdexcept>

#include "tests/reference/embedded.h"

namespace mxgate::reference {

// What lies further ahead than a limit can have put it was put there by another limit. Clocks of
// cores may differ: by less than a second.
constexpr uint64_t kSlackNs = 1'000'000'000;

// What lies behind is not missing any more; what lies too far ahead is of another limit.
void TokenBucket::age(Number size, uint64_t now_ns)
{
    const Number passed = now_ns - at_ns_;
    missing_ns_ = missing_ns_ > passed ? missing_ns_ - passed : 0;
    at_ns_ = now_ns;
    if (missing_ns_ > size + kSlackNs)
        missing_ns_ = size;
}

bool TokenBucket::ask(const RateLimit& limit, uint64_t now_ns)
{
    const Number interval = (limit.period_ns + limit.count - 1) / limit.count;
    age(interval * limit.burst, now_ns);
    return missing_ns_ + interval <= interval * limit.burst;
}

bool TokenBucket::take(const RateLimit& limit, uint64_t now_ns)
{
    if (!ask(limit, now_ns))
        return false;
    missing_ns_ += (limit.period_ns + limit.count - 1) / limit.count;
    return true;
}

void TokenBucket::debit(const RateLimit& limit, uint64_t now_ns)
{
    const Number interval = (limit.period_ns + limit.count - 1) / limit.count;
    age(interval * limit.burst, now_ns);
    missing_ns_ = std::min(missing_ns_ + interval, interval * limit.burst);
}

void TokenBucket::refund(const RateLimit& limit, uint64_t now_ns)
{
    const Number interval = (limit.period_ns + limit.count - 1) / limit.count;
    const Number passed = now_ns - at_ns_;
    missing_ns_ = missing_ns_ > passed ? missing_ns_ - passed : 0;
    at_ns_ = now_ns;
    missing_ns_ = missing_ns_ > interval ? missing_ns_ - interval : 0;
}

bool TokenBucket::take_bytes(uint64_t bytes, uint64_t per_second, uint64_t now_ns)
{
    constexpr Number kSecond = 1'000'000'000;
    // Up to a whole 2^-20 ns for each byte.
    const Number byte = ((kSecond << 20) + per_second - 1) / per_second;
    age(kSecond + (byte * 65536 >> 20), now_ns);
    if (missing_ns_ > kSecond)
        return false;
    missing_ns_ += byte * bytes >> 20;
    return true;
}

bool Gate::protected_address(const Address& address) const
{
    for (const ServiceConfig& service : config_.gate.services)
        for (const mxg_prefix& prefix : service.addresses)
            if (contains(from(prefix), address))
                return true;
    return false;
}

bool Gate::protected_port(const Address& address, uint16_t port) const
{
    for (const ServiceConfig& service : config_.gate.services)
        for (const mxg_prefix& prefix : service.addresses)
            for (const PortRange& range : service.ports)
                if (contains(from(prefix), address) && port >= range.first && port <= range.last)
                    return true;
    return false;
}

bool Gate::own_host(const Address& address) const
{
    for (const ServiceConfig& service : config_.gate.services)
        for (const mxg_prefix& prefix : service.addresses)
            if (from(prefix).length == address.width() && contains(from(prefix), address))
                return true;
    return false;
}

// What nobody can send from, whatever the gate protects.
static bool nowhere(const Address& source)
{
    if (source.value == 0)
        return true;
    if (source.family == 4)
        return contains({{4, Number{127} << 24}, 8}, source) ||
               contains({{4, Number{224} << 24}, 4}, source);
    return source.value == 1 || contains({{6, Number{0xff} << 120}, 8}, source);
}

bool Gate::martian(const Parsed& packet) const
{
    const Address& source = *packet.source;
    const auto inside = inside_of(source, config_.embedded);
    return own_host(source) || source == *packet.destination || nowhere(source) ||
           (inside && nowhere(inside->ipv4));
}

const ClassConfig& Gate::class_named(const std::string& name) const
{
    for (const ClassConfig& c : config_.classes)
        if (c.name == name)
            return c;
    throw std::logic_error("no class " + name);
}

// pass < limit < the denying ones; of one kind the later in the configuration.
size_t Gate::strictness(const std::string& class_name) const
{
    const size_t order = static_cast<size_t>(&class_named(class_name) - config_.classes.data());
    switch (config_.classes[order].action) {
        case Action::pass:
            return order;
        case Action::limit:
            return 1000 + order;
        default:
            return 2000 + order;
    }
}

Answer Gate::judge(const Address& source, Prefix* state) const
{
    const auto inside = inside_of(source, config_.embedded);
    const Address canonical = inside ? inside->ipv4 : source;
    Answer answer = policy_.ask(canonical);
    *state = cut(canonical, answer.length);
    if (!inside || !inside->both)
        return answer;
    Answer outer = policy_.ask(source);
    outer.end_sites = answer.end_sites;
    return strictness(outer.class_name) > strictness(answer.class_name) ? outer : answer;
}

std::vector<Gate::Place> Gate::places(const Prefix& source, const ClassConfig& c)
{
    std::vector<Place> out{{&senders_[to_string(source)], source, c}};
    const auto& lengths = source.first.family == 6 ? config_.levels_ipv6 : config_.levels_ipv4;
    for (const uint32_t length : lengths) {
        if (static_cast<int>(length) >= source.length)
            continue;
        const Prefix parent = cut(source.first, static_cast<int>(length));
        Place place{&parents_[to_string(parent)], parent, {}};
        for (const LevelConfig& level : c.levels)
            if (level.family == source.first.family && level.length == length)
                place.ceiling = level.ceiling;
        out.push_back(place);
    }
    return out;
}

mxg_reason Gate::ask(const Place& place, bool own, bool known, uint64_t now_ns) const
{
    const CeilingConfig& ceiling = place.ceiling;
    if (ceiling.connections > 0 && place.sender->open >= ceiling.connections)
        return own ? MXG_CONNECTIONS : MXG_LEVEL_CONNECTIONS;
    if (ceiling.rate && !place.sender->bucket.ask(*ceiling.rate, now_ns))
        return own ? MXG_RATE : MXG_LEVEL_RATE;
    if (ceiling.syn_guard && !known && !place.sender->guard.ask(*ceiling.syn_guard, now_ns))
        return MXG_SYN_GUARD;
    return MXG_CONFORMS;
}

// All that has a say must conform; then all of it is charged.
mxg_reason Gate::weigh(const Prefix& source, const ClassConfig& c, bool known, uint64_t now_ns)
{
    const std::vector<Place> all = places(source, c);
    Sender& sender = *all[0].sender;
    if (c.retry_wait_ns > 0 && sender.wait_until_ns > now_ns) {
        if (c.retry_extend || sender.wait_until_ns > now_ns + c.retry_wait_ns + kSlackNs)
            sender.wait_until_ns = now_ns + c.retry_wait_ns;
        return MXG_RETRY_WAIT;
    }
    for (size_t i = 0; i < all.size(); i++) {
        const mxg_reason reason = ask(all[i], i == 0, known, now_ns);
        if ((reason == MXG_RATE || reason == MXG_CONNECTIONS) && c.retry_wait_ns > 0)
            sender.wait_until_ns = now_ns + c.retry_wait_ns;
        if (reason != MXG_CONFORMS)
            return reason;
    }
    if (c.total_connections > 0 && open_[c.name] >= c.total_connections)
        return MXG_TOTAL;
    for (const Place& place : all) {
        if (place.ceiling.rate && c.charge == Charge::syn)
            place.sender->bucket.take(*place.ceiling.rate, now_ns);
        if (place.ceiling.syn_guard && !known)
            place.sender->guard.take(*place.ceiling.syn_guard, now_ns);
    }
    return MXG_CONFORMS;
}

// A handshake is complete: the SYN guard has no claim any more, and the rate may have.
Connection Gate::opened(const Address& source, uint64_t now_ns)
{
    Decision who;
    const ClassConfig c = name(source, now_ns, &who);
    Connection out{{}, c.name};
    for (const Place& place : places(*who.source, c)) {
        place.sender->open++;
        out.prefixes.push_back(place.prefix);
        if (place.ceiling.rate && c.charge == Charge::handshake)
            place.sender->bucket.debit(*place.ceiling.rate, now_ns);
        if (place.ceiling.syn_guard)
            place.sender->guard.refund(*place.ceiling.syn_guard, now_ns);
    }
    open_[c.name]++;
    return out;
}

void Gate::closed(const Connection& connection)
{
    for (size_t i = 0; i < connection.prefixes.size(); i++)
        (i == 0 ? senders_ : parents_)[to_string(connection.prefixes[i])].open--;
    open_[connection.class_name]--;
}

void Gate::limit(const Parsed& packet, const ClassConfig& c, uint64_t now_ns, Decision* decision)
{
    constexpr uint64_t kUnit = 65536, kWindow = 64'000'000'000 / kUnit;
    Said& said = said_[{packet.source->family, packet.source->value, packet.destination->value,
                        packet.source_port, packet.destination_port, packet.sequence}];
    const bool again = said.frames > 0 && said.frames < 12 && now_ns / kUnit - said.first < kWindow;
    // Who was held up by the SYN guard and comes again has at least that to show.
    const bool known = again && said.reason == MXG_SYN_GUARD;
    if (!again || known) {
        said = {now_ns / kUnit, 0, MXG_PASS, weigh(*decision->source, c, known, now_ns)};
        if (said.reason != MXG_CONFORMS)
            said.verdict = said.reason == MXG_SYN_GUARD         ? MXG_DROP
                           : c.deny_with == Action::reset       ? MXG_RESET
                           : c.deny_with == Action::unreachable ? MXG_UNREACHABLE
                                                                : MXG_DROP;
    }
    said.frames++;
    decision->verdict = said.verdict;
    decision->reason = said.reason;
}

// The longest prefix around it, if its time is not over.
std::optional<std::string> Gate::by_hand(const Address& view, uint64_t now_ns) const
{
    const ByHand* best = nullptr;
    for (const ByHand& entry : by_hand_)
        if (contains(entry.prefix, view) && (!best || entry.prefix.length > best->prefix.length))
            best = &entry;
    if (!best || best->until_ns <= now_ns)
        return {};
    return best->class_name;
}

// What a class lets a prefix do that so many end sites share: as many times as much as there are
// end sites, but no more than the cap, and a power of two.
ClassConfig Gate::shared(ClassConfig c, uint32_t end_sites) const
{
    uint32_t times = 1;
    while (times * 2 <= std::min(end_sites, config_.shared_cap))
        times *= 2;
    const auto more = [times](uint32_t count) {
        const uint64_t product = uint64_t{count} * times;
        return product > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(product);
    };
    const auto grow = [&](CeilingConfig& ceiling) {
        ceiling.connections = more(ceiling.connections);
        for (auto* rate : {&ceiling.rate, &ceiling.syn_guard})
            if (*rate) {
                (*rate)->count *= times;
                (*rate)->burst = more((*rate)->burst);
            }
    };
    grow(c);
    for (LevelConfig& level : c.levels)
        grow(level.ceiling);
    c.bandwidth *= times;
    return c;
}

ClassConfig Gate::name(const Address& source, uint64_t now_ns, Decision* decision) const
{
    Prefix state;
    Answer answer = judge(source, &state);
    const auto inside = inside_of(source, config_.embedded);
    auto set = by_hand(inside ? inside->ipv4 : source, now_ns);
    if (!set && inside && inside->both)
        set = by_hand(source, now_ns);
    if (set) {
        answer.class_name = *set;
        answer.feed.reset();
        decision->by_hand = true;
    }
    const ClassConfig c = shared(class_named(answer.class_name), answer.end_sites);
    decision->class_name = answer.class_name;
    decision->feed = answer.feed;
    decision->source = state;
    if (c.mode == Mode::monitor)
        decision->enforced = false;
    return c;
}

// Where no class limits it, the sender is not even looked up.
void Gate::established(const Parsed& packet, uint64_t now_ns, Decision* decision)
{
    bool limited = false;
    for (const ClassConfig& c : config_.classes)
        limited |= c.bandwidth > 0;
    decision->reason = MXG_ESTABLISHED;
    if (!limited)
        return;
    const ClassConfig c = name(*packet.source, now_ns, decision);
    if (c.bandwidth > 0 && !without_connections_ &&
        !senders_[to_string(*decision->source)].bytes.take_bytes(packet.end, c.bandwidth, now_ns)) {
        decision->verdict = MXG_DROP;
        decision->reason = MXG_BANDWIDTH;
    }
}

void Gate::attempt(const Parsed& packet, uint64_t now_ns, Decision* decision)
{
    const ClassConfig c = name(*packet.source, now_ns, decision);
    decision->reason = MXG_CLASS;
    switch (c.action) {
        case Action::pass:
            break;
        case Action::drop:
            decision->verdict = MXG_DROP;
            return;
        case Action::reset:
            decision->verdict = MXG_RESET;
            return;
        case Action::unreachable:
            decision->verdict = MXG_UNREACHABLE;
            return;
        case Action::limit:
            break;
    }
    if (c.action == Action::limit)
        decision->reason = MXG_CONFORMS;
    if (c.any() || !c.levels.empty() || c.total_connections > 0)
        limit(packet, c, now_ns, decision);
}

Decision Gate::decide(const Bytes& frame, uint64_t now_ns)
{
    Decision out;
    const Parsed packet = parse(frame);
    const auto say = [&out](mxg_verdict verdict, mxg_reason reason) {
        out.verdict = verdict;
        out.reason = reason;
        return out;
    };
    out.enforced = config_.gate.mode == Mode::enforce;
    if (packet.source)
        out.family = packet.source->family;
    if (packet.kind == Kind::other || !protected_address(*packet.destination))
        return out;
    const bool port_known = packet.kind == Kind::tcp || packet.kind == Kind::broken_with_port;
    if (port_known && !protected_port(*packet.destination, packet.destination_port))
        return out;
    out.source_port = packet.source_port;
    if (packet.kind == Kind::broken || packet.kind == Kind::broken_with_port)
        return say(MXG_DROP, MXG_MALFORMED);
    const bool later = packet.kind == Kind::later_fragment;
    if (later && config_.gate.fragments == DropOrPass::drop)
        return say(MXG_DROP, MXG_FRAGMENT);
    if (martian(packet))
        return say(MXG_DROP, MXG_MARTIAN);
    if (later)
        return say(MXG_PASS, MXG_FRAGMENT);
    const bool syn = packet.flags & 0x02, ack = packet.flags & 0x10;
    if (!syn || ack)
        established(packet, now_ns, &out);
    else
        attempt(packet, now_ns, &out);
    return out;
}

std::string to_string(const Decision& d)
{
    return "verdict " + std::to_string(d.verdict) + " reason " + std::to_string(d.reason) +
           " class " + (d.class_name.empty() ? "-" : d.class_name) + " feed " +
           (d.feed ? std::to_string(*d.feed) : "-") + " family " + std::to_string(d.family) +
           " enforced " + std::to_string(d.enforced) + " source " +
           (d.source ? to_string(*d.source) : "-") + " port " + std::to_string(d.source_port);
}

}  // namespace mxgate::reference
