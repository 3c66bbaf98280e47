#include "expr.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "errors.hpp"
#include "products.hpp"

namespace guided {

namespace {

constexpr std::uint32_t kMaxDepth = 2000;  // recursion below is bounded by it
constexpr ExprId kFree = 0xFFFFFFFF;
constexpr std::size_t kMostRemembered = 1 << 16;  // derivatives; automata remember the way they went themselves

std::uint64_t mix(std::uint64_t h, std::uint64_t x) {
    h ^= x + 0x9E3779B97F4A7C15ull + (h << 6) + (h >> 2);
    h ^= h >> 31;
    h *= 0xD6E8FEB86659FD93ull;
    h ^= h >> 29;
    return h;
}

// A hash of what an expression is made of, in one pool.
std::uint32_t made_of(ExprKind kind, std::uint32_t a, std::uint32_t b, std::uint32_t min, std::uint32_t max, const std::vector<ExprId>& list) {
    std::uint64_t h = 0x9E3779B97F4A7C15ull + static_cast<std::uint64_t>(kind);
    auto add = [&](std::uint64_t x) { h = (h ^ x) * 0xFF51AFD7ED558CCDull, h ^= h >> 32; };
    add((std::uint64_t(a) << 32) | b), add((std::uint64_t(min) << 32) | max);
    for (ExprId e : list) add(e);
    return static_cast<std::uint32_t>(h);
}

}  // namespace

void absorb(Hash128& h, std::uint64_t x) {
    h.lo = mix(h.lo, x);
    h.hi = mix(h.hi, x ^ 0xA5A5A5A5DEADBEEFull);
}

ExprPool::ExprPool(const Limits& limits) : limits_(limits), slots_(256, {0, kFree}) {
    ascii_.fill(kEmpty);
    intern(ExprKind::Empty, false, 0, 0, 0, 0);
    intern(ExprKind::Epsilon, true, 0, 0, 0, 0);
    // kAll is a repeat whose set has not got its id yet: the set's node comes right after it
    const std::uint32_t every = intern_set(all_chars());
    const ExprId any_char = kAll + 1;
    nodes_.push_back({ExprKind::Repeat, true, true, 0, 2, any_char, 0, 0, kUnbounded, {}});
    place({made_of(ExprKind::Repeat, any_char, 0, 0, kUnbounded, {}), kAll});
    intern(ExprKind::Set, false, every, 0, 0, 0);
    Hash128 h;
    absorb(h, static_cast<std::uint64_t>(ExprKind::Repeat));
    absorb(h, nodes_[any_char].hash.lo);
    absorb(h, kUnbounded);
    nodes_[kAll].hash = h;
}

bool ExprPool::is_made_of(const Node& n, ExprKind kind, std::uint32_t a, std::uint32_t b, std::uint32_t min, std::uint32_t max,
                          const std::vector<ExprId>& list) const {
    if (n.kind != kind) return false;
    if (kind == ExprKind::Alt || kind == ExprKind::And)
        return n.b == list.size() && std::equal(list.begin(), list.end(), lists_.begin() + n.a);
    return n.a == a && n.b == b && n.min == min && n.max == max;
}

void ExprPool::place(Slot slot) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = slot.hash & mask;
    while (slots_[i].id != kFree) i = (i + 1) & mask;
    slots_[i] = slot;
}

ExprId ExprPool::intern(ExprKind kind, bool nullable, std::uint32_t a, std::uint32_t b, std::uint32_t min,
                        std::uint32_t max, const std::vector<ExprId>& list) {
    const std::uint32_t hash = made_of(kind, a, b, min, max, list);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask; slots_[i].id != kFree; i = (i + 1) & mask)
        if (slots_[i].hash == hash && is_made_of(nodes_[slots_[i].id], kind, a, b, min, max, list)) return slots_[i].id;
    if (nodes_.size() >= limits_.max_expressions)
        throw TooComplex("number of regular subexpressions", limits_.max_expressions, "max_expressions");
    Node node{kind, nullable, true, nullable ? 0u : 1u, 1, a, b, min, max, {}};
    describe(node, list);
    // a text has as many expressions as characters, and lists of lists grow with the square of their number
    const auto max_least = static_cast<std::int64_t>(limits_.max_expressions / 16), max_listed = static_cast<std::int64_t>(4 * limits_.max_expressions);
    if (kind == ExprKind::Cat && node.least > max_least) throw TooComplex("characters of the shortest text of an expression", max_least);
    if (static_cast<std::int64_t>(lists_.size()) > max_listed) throw TooComplex("alternatives of regular expressions", max_listed);
    if (node.depth > kMaxDepth) throw TooComplex("nesting of a regular expression", kMaxDepth);
    const auto id = static_cast<ExprId>(nodes_.size());
    if (2 * nodes_.size() > slots_.size()) grow_slots(2 * slots_.size());
    nodes_.push_back(node);
    place({hash, id});
    return id;
}

// What is known of a node by its parts. A list is kept from here on.
void ExprPool::describe(Node& node, const std::vector<ExprId>& list) {
    constexpr std::uint32_t kNever = 1u << 30;
    auto capped = [](std::uint64_t n) { return static_cast<std::uint32_t>(std::min<std::uint64_t>(n, kNever)); };
    absorb(node.hash, static_cast<std::uint64_t>(node.kind));
    auto include = [&](ExprId e, bool deeper) {
        node.plain = node.plain && nodes_[e].plain;
        node.depth = std::max(node.depth, nodes_[e].depth + (deeper ? 1 : 0));
    };
    const std::uint32_t a = node.a, b = node.b;
    switch (node.kind) {
        case ExprKind::Set:
            for (const Range& r : sets_[a]) absorb(node.hash, (std::uint64_t(r.lo) << 32) | r.hi);
            break;
        case ExprKind::Cat:
            include(a, true), include(b, false);
            node.least = capped(std::uint64_t(nodes_[a].least) + nodes_[b].least);
            absorb(node.hash, nodes_[a].hash.lo), absorb(node.hash, nodes_[b].hash.lo);
            absorb(node.hash, nodes_[a].hash.hi), absorb(node.hash, nodes_[b].hash.hi);
            break;
        case ExprKind::State: {
            const Table& t = *tables_[a].table;
            node.least = t.least[b];
            absorb(node.hash, t.hash.lo), absorb(node.hash, t.hash.hi), absorb(node.hash, b);
            break;
        }
        case ExprKind::Not:
            include(a, true), node.plain = false;
            absorb(node.hash, nodes_[a].hash.lo), absorb(node.hash, nodes_[a].hash.hi);
            break;
        case ExprKind::Repeat:
            include(a, true);
            node.least = capped(std::uint64_t(nodes_[a].least) * node.min);
            absorb(node.hash, nodes_[a].hash.lo), absorb(node.hash, nodes_[a].hash.hi);
            absorb(node.hash, node.min), absorb(node.hash, node.max);
            break;
        case ExprKind::Alt:
        case ExprKind::And: {
            node.a = static_cast<std::uint32_t>(lists_.size()), node.b = static_cast<std::uint32_t>(list.size());
            lists_.insert(lists_.end(), list.begin(), list.end());
            node.least = node.kind == ExprKind::Alt ? kNever : 0;
            for (ExprId e : list)
                node.least = node.kind == ExprKind::Alt ? std::min(node.least, nodes_[e].least) : std::max(node.least, nodes_[e].least);
            Hash128 sum;  // a set, not a list: the order of ids differs between pools
            for (ExprId e : list) {
                include(e, true);
                sum.lo += mix(nodes_[e].hash.lo, nodes_[e].hash.hi), sum.hi += mix(nodes_[e].hash.hi, nodes_[e].hash.lo);
            }
            if (node.kind == ExprKind::And) node.plain = false;
            absorb(node.hash, sum.lo), absorb(node.hash, sum.hi), absorb(node.hash, list.size());
            break;
        }
        default: break;
    }
}

void ExprPool::reserve(std::size_t num) {
    nodes_.reserve(nodes_.size() + num);
    grow_slots(std::bit_ceil(2 * (nodes_.size() + num)));
}

void ExprPool::grow_slots(std::size_t num) {
    if (num <= slots_.size()) return;
    BlockVector<Slot> old(num, {0, kFree});
    old.swap(slots_);
    for (const Slot& slot : old)
        if (slot.id != kFree) place(slot);
}

ExprId ExprPool::set(Chars chars) {
    if (chars.empty()) return kEmpty;
    return intern(ExprKind::Set, false, intern_set(chars), 0, 0, 0);
}

ExprId ExprPool::one(std::uint32_t c) {
    if (c >= ascii_.size()) return set({Range{c, c}});
    if (ascii_[c] == kEmpty) ascii_[c] = set({Range{c, c}});
    return ascii_[c];
}

ExprId ExprPool::literal(const std::u32string& text) {
    ExprId out = kEpsilon;
    for (auto it = text.rbegin(); it != text.rend(); ++it) out = cat(one(*it), out);
    return out;
}

ExprId ExprPool::cat(ExprId a, ExprId b) {
    if (a == kEmpty || b == kEmpty) return kEmpty;
    if (a == kEpsilon) return b;
    if (b == kEpsilon) return a;
    const bool is_all = a == kAll && (b == kAll || (nodes_[b].kind == ExprKind::Cat && nodes_[b].a == kAll));
    if (nodes_[a].kind != ExprKind::Cat) return is_all ? b : intern(ExprKind::Cat, nodes_[a].nullable && nodes_[b].nullable, a, b, 0, 0);
    std::vector<ExprId> spine;  // concatenations lean to the right
    while (nodes_[a].kind == ExprKind::Cat) spine.push_back(nodes_[a].a), a = nodes_[a].b;
    spine.push_back(a);
    for (auto it = spine.rbegin(); it != spine.rend(); ++it) {
        const bool is_all_all = *it == kAll && (b == kAll || (nodes_[b].kind == ExprKind::Cat && nodes_[b].a == kAll));
        if (!is_all_all) b = intern(ExprKind::Cat, nodes_[*it].nullable && nodes_[b].nullable, *it, b, 0, 0);
    }
    return b;
}

ExprId ExprPool::cat(const std::vector<ExprId>& parts) {
    ExprId out = kEpsilon;
    for (auto it = parts.rbegin(); it != parts.rend(); ++it) out = cat(*it, out);
    return out;
}

template <class Use>
void ExprPool::each_part(ExprKind kind, const std::vector<ExprId>& parts, Use&& use) const {
    for (ExprId e : parts) {  // members of a list are never of its own kind, so one level is all
        if (nodes_[e].kind != kind) {
            use(e);
            continue;
        }
        for (ExprId part : this->parts(e)) use(part);
    }
}

ExprId ExprPool::alt(std::vector<ExprId> parts) {
    std::vector<ExprId> out;
    out.reserve(parts.size());
    std::vector<Range> chars;  // where there are several sets
    ExprId only_set = kEmpty;
    bool is_nullable = false, is_all = false;
    auto add_chars = [&](ExprId e) { chars.insert(chars.end(), sets_[nodes_[e].a].begin(), sets_[nodes_[e].a].end()); };
    each_part(ExprKind::Alt, parts, [&](ExprId e) {
        is_all = is_all || e == kAll;
        if (e == kEmpty || e == only_set) return;
        if (nodes_[e].kind != ExprKind::Set) {
            if (e != kEpsilon) is_nullable = is_nullable || nodes_[e].nullable;
            out.push_back(e);
        } else if (only_set == kEmpty) {
            only_set = e;
        } else {
            if (chars.empty()) add_chars(only_set);
            add_chars(e);
        }
    });
    if (is_all) return kAll;
    if (only_set != kEmpty) out.push_back(chars.empty() ? only_set : set(normalized(std::move(chars))));
    if (is_nullable) std::erase(out, kEpsilon);
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    if (out.empty()) return kEmpty;
    if (out.size() == 1) return out[0];
    is_nullable = is_nullable || std::find(out.begin(), out.end(), kEpsilon) != out.end();
    return intern(ExprKind::Alt, is_nullable, 0, 0, 0, 0, out);
}

ExprId ExprPool::both(std::vector<ExprId> parts) {
    std::vector<ExprId> out;
    out.reserve(parts.size());
    bool is_nullable = true, is_empty = false;
    Run all{nodes_[kAll].a, 0, kUnbounded};  // runs of characters are one condition
    std::vector<ExprId> run_chars;           // theirs, where several name some
    each_part(ExprKind::And, parts, [&](ExprId e) {
        is_empty = is_empty || e == kEmpty;
        if (e == kAll) return;
        is_nullable = is_nullable && nodes_[e].nullable;
        const auto run = nodes_[e].kind == ExprKind::Set ? std::optional(Run{e, 1, 1}) : this->run(e);
        if (!run) return out.push_back(e);
        if (all.chars == nodes_[kAll].a) all.chars = run->chars;
        else if (run->chars != nodes_[kAll].a && run->chars != all.chars) run_chars.push_back(run->chars);
        all.min = std::max(all.min, run->min), all.max = std::min(all.max, run->max);
    });
    if (is_empty || all.min > all.max) return kEmpty;
    for (ExprId chars : run_chars)
        if (all.chars != kEmpty) all.chars = set(intersect(sets_[nodes_[all.chars].a], sets_[nodes_[chars].a]));
    if (all.chars == kEmpty) out.push_back(all.min == 0 ? kEpsilon : kEmpty);
    else if (const ExprId run = repeat(all.chars, all.min, all.max); run != kAll) out.push_back(run);
    if (std::find(out.begin(), out.end(), kEmpty) != out.end()) return kEmpty;
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    for (ExprId e : out)
        if (nodes_[e].kind == ExprKind::Not && std::binary_search(out.begin(), out.end(), nodes_[e].a)) return kEmpty;
    if (out.empty()) return kAll;
    if (out.size() == 1) return out[0];
    if (std::find(out.begin(), out.end(), kEpsilon) != out.end()) return is_nullable ? kEpsilon : kEmpty;
    return intern(ExprKind::And, is_nullable, 0, 0, 0, 0, out);
}

ExprId ExprPool::negate(ExprId a) {
    if (a == kEmpty) return kAll;
    if (a == kAll) return kEmpty;
    if (nodes_[a].kind == ExprKind::Not) return nodes_[a].a;
    if (const auto counts = any_text(a)) {  // of another length
        const auto [min, max] = *counts;
        const ExprId any = kAll + 1, shorter = min == 0 ? kEmpty : repeat(any, 0, min - 1);
        return max == kUnbounded ? shorter : alt({shorter, repeat(any, max + 1, kUnbounded)});
    }
    return intern(ExprKind::Not, !nodes_[a].nullable, a, 0, 0, 0);
}

namespace {

// Whether `a` to `b` rounds, `c` to `d` times, are all counts from a * c to b * d: after k times come k + 1 without a gap.
bool is_one_count(std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
    return c == d || a <= 1 || a * (c + 1) <= b * c + 1;
}

}  // namespace

ExprId ExprPool::repeat(ExprId a, std::uint32_t min, std::uint32_t max) {
    if (max == 0 || a == kEpsilon) return kEpsilon;
    if (a == kEmpty) return min == 0 ? kEpsilon : kEmpty;
    if (min == 1 && max == 1) return a;
    if (nodes_[a].nullable) min = 0;
    const Node n = nodes_[a];
    if (n.kind == ExprKind::Repeat && is_one_count(n.min, n.max, min, max)) {
        const std::uint64_t least = std::uint64_t(n.min) * min, most = std::uint64_t(n.max) * max;
        // counts beyond 32 bits are more than any text has rounds
        if (least < kUnbounded) return repeat(n.a, static_cast<std::uint32_t>(least), static_cast<std::uint32_t>(std::min<std::uint64_t>(most, kUnbounded)));
    }
    return intern(ExprKind::Repeat, min == 0, a, 0, min, max);
}

ExprId ExprPool::without_empty(ExprId e) {
    if (!nodes_[e].nullable) return e;
    if (e == kEpsilon) return kEmpty;
    if (const std::uint32_t known = without_empty_.find(e); known != FlatMap::kMissing) return known;
    const Node n = nodes_[e];
    ExprId out;
    switch (n.kind) {
        case ExprKind::Repeat: out = repeat(without_empty(n.a), 1, n.max); break;
        case ExprKind::Alt: {
            std::vector<ExprId> parts = children(e);
            for (ExprId& part : parts) part = without_empty(part);
            out = alt(std::move(parts));
            break;
        }
        case ExprKind::Cat: {  // the first part that is not empty, then the rest of the spine
            std::vector<ExprId> parts;
            ExprId at = e;
            for (; nodes_[at].kind == ExprKind::Cat; at = nodes_[at].b) parts.push_back(cat(without_empty(nodes_[at].a), nodes_[at].b));
            parts.push_back(without_empty(at));
            out = alt(std::move(parts));
            break;
        }
        default: out = both({e, repeat(kAll + 1, 1, kUnbounded)}); break;
    }
    without_empty_.assign(e, out);
    return out;
}

ExprId ExprPool::words(std::vector<std::u32string> texts) {
    std::sort(texts.begin(), texts.end());
    texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
    struct Level {  // the trie node at some depth on the path of the last word
        bool is_word;
        std::size_t first_branch;  // the branches of a level stand above those of all levels before it
    };
    struct Branch {
        ExprId tail;
        std::uint32_t first;  // character
        auto operator<=>(const Branch&) const = default;
    };
    std::vector<Level> open{{false, 0}};
    std::vector<Branch> branches;
    std::u32string path;
    auto joined = [&](std::span<Branch> here, bool is_word) {  // characters that the same may follow are one set
        std::ranges::sort(here);
        std::vector<ExprId> parts;
        if (is_word) parts.push_back(kEpsilon);
        for (auto first = here.begin(); first != here.end();) {
            const auto last = std::find_if(first, here.end(), [&](const Branch& b) { return b.tail != first->tail; });
            ExprId head = one(first->first);
            if (last - first > 1) {
                std::vector<Range> chars;
                for (const Branch& b : std::span(first, last)) chars.push_back({b.first, b.first});
                head = set(normalized(std::move(chars)));
            }
            parts.push_back(cat(head, first->tail));
            first = last;
        }
        return alt(std::move(parts));
    };
    auto close = [&] {  // the innermost level, as an expression
        const auto [is_word, first_branch] = open.back();
        const std::span here = std::span(branches).subspan(first_branch);
        ExprId out = is_word ? kEpsilon : kEmpty;
        if (here.size() == 1 && !is_word) out = cat(one(here[0].first), here[0].tail);
        else if (!here.empty()) out = joined(here, is_word);
        open.pop_back(), branches.resize(first_branch);
        return out;
    };
    auto close_to = [&](std::size_t depth) {
        while (open.size() > depth + 1) {
            const ExprId tail = close();
            branches.push_back({tail, path.back()});
            path.pop_back();
        }
    };
    for (const std::u32string& text : texts) {
        std::size_t shared = 0;
        while (shared < path.size() && shared < text.size() && path[shared] == text[shared]) ++shared;
        close_to(shared);
        for (std::size_t i = shared; i < text.size(); ++i) path.push_back(text[i]), open.push_back({false, branches.size()});
        open.back().is_word = true;
    }
    close_to(0);
    return close();
}

namespace {

// Parts that are put together only if there are several of them.
struct Several {
    ExprId first = ExprPool::kEmpty;  // kEmpty: none yet
    std::vector<ExprId> all{};        // if there are several
    void add(ExprId e) {
        if (e == first) return;
        if (first == ExprPool::kEmpty) {
            first = e;
            return;
        }
        if (all.empty()) all.push_back(first);
        all.push_back(e);
    }
};

}  // namespace

ExprId ExprPool::derive_cat(ExprId e, std::uint32_t c) {
    Several found;
    while (true) {
        const Node n = nodes_[e];
        if (n.kind != ExprKind::Cat) {
            if (const ExprId d = derive(e, c); d != kEmpty) found.add(d);
            break;
        }
        if (const ExprId d = derive(n.a, c); d != kEmpty) found.add(cat(d, n.b));
        if (!nodes_[n.a].nullable) break;
        e = n.b;
    }
    return found.all.empty() ? found.first : alt(std::move(found.all));
}

ExprId ExprPool::derive_alt(Node n, std::uint32_t c) {
    Several found;
    for (std::uint32_t i = n.a; i < n.a + n.b; ++i)
        if (const ExprId d = derive(lists_[i], c); d != kEmpty) found.add(d);
    return found.all.empty() ? found.first : alt(std::move(found.all));
}

ExprId ExprPool::derive_and(Node n, std::uint32_t c) {
    std::vector<ExprId> parts;
    for (std::uint32_t i = n.a; i < n.a + n.b; ++i) {
        const ExprId d = derive(lists_[i], c);
        if (d == kEmpty) return kEmpty;
        if (d != kAll) parts.push_back(d);
    }
    return parts.size() == 1 ? parts[0] : both(std::move(parts));
}

ExprId ExprPool::derive(ExprId e, std::uint32_t c) {
    const Node n = nodes_[e];
    switch (n.kind) {
        case ExprKind::Empty:
        case ExprKind::Epsilon: return kEmpty;
        case ExprKind::Set: return contains(sets_[n.a], c) ? kEpsilon : kEmpty;
        case ExprKind::Cat:  // a literal: cheaper to ask than to look up
            if (nodes_[n.a].kind == ExprKind::Set) return contains(sets_[nodes_[n.a].a], c) ? n.b : kEmpty;
            break;
        default: break;
    }
    if (e == kAll) return kAll;
    if (n.kind == ExprKind::State) return derive_now(e, c);
    const std::uint64_t key = (std::uint64_t(e) << 21) | c;
    if (const ExprId known = derived_.find(key); known != FlatMap::kMissing) return known;
    const ExprId out = derive_now(e, c);
    if (derived_.size() >= kMostRemembered) derived_ = {};
    derived_.insert(key, out);
    return out;
}

// The derivative of an expression that is made of others, itself not remembered.
ExprId ExprPool::derive_now(ExprId e, std::uint32_t c) {
    const Node n = nodes_[e];
    switch (n.kind) {
        case ExprKind::Empty:
        case ExprKind::Epsilon:
        case ExprKind::Set: return derive(e, c);
        case ExprKind::Cat: return derive_cat(e, c);
        case ExprKind::Not: return negate(derive(n.a, c));
        case ExprKind::State: {
            const Table& t = *tables_[n.a].table;
            for (const Table::Edge& edge : t.edges_of(n.b))
                if (contains(t.sets[edge.set], c)) return state_of(n.a, edge.to);
            return kEmpty;
        }
        case ExprKind::Repeat: {
            const std::uint32_t min = n.min == 0 ? 0 : n.min - 1, max = n.max == kUnbounded ? kUnbounded : n.max - 1;
            const ExprId head = derive(n.a, c);
            return head == kEmpty ? kEmpty : cat(head, repeat(n.a, min, max));
        }
        case ExprKind::Alt: return derive_alt(n, c);
        default: return derive_and(n, c);
    }
}

std::optional<std::pair<std::uint32_t, std::uint32_t>> ExprPool::any_text(ExprId e) const {
    const Node& n = nodes_[e];
    if (n.kind == ExprKind::Repeat && n.a == nodes_[kAll].a) return std::pair{n.min, n.max};
    if (e == kEpsilon) return std::pair{0u, 0u};
    return std::nullopt;
}

std::size_t ExprPool::num_bytes() const {
    return nodes_.capacity() * sizeof(Node) + slots_.capacity() * sizeof(Slot) + lists_.capacity() * sizeof(ExprId) + derived_.num_bytes() +
           firsts_.num_bytes() + clamped_.num_bytes() + emptiness_.num_bytes() + without_empty_.num_bytes() + letters_.num_bytes() +
           sets_.num_bytes() + set_lists_.num_bytes() + partitions_.capacity() * 8 + pile_.num_bytes() + (products_ ? products_->num_bytes() : 0);
}

bool ExprPool::is_total(ExprId e) {
    if (e == kAll) return true;
    const Node& n = nodes_[e];
    if (n.kind == ExprKind::Cat) return n.a == kAll && nodes_[n.b].plain;
    if (n.kind != ExprKind::Alt) return false;
    for (std::uint32_t i = n.a; i < n.a + n.b; ++i) {
        const Node& part = nodes_[lists_[i]];
        if (part.kind == ExprKind::Cat && part.a == kAll && nodes_[part.b].plain) return true;
    }
    return false;
}

std::optional<ExprPool::Run> ExprPool::run(ExprId e) const {
    const Node& n = nodes_[e];
    if (n.kind != ExprKind::Repeat || nodes_[n.a].kind != ExprKind::Set) return std::nullopt;
    return Run{n.a, n.min, n.max};
}

ExprId ExprPool::clamp(ExprId e, std::uint32_t horizon) {
    const Node n = nodes_[e];
    if (!n.plain || n.kind == ExprKind::Set || n.kind == ExprKind::State || n.kind == ExprKind::Empty || n.kind == ExprKind::Epsilon) return e;
    const std::uint64_t key = (std::uint64_t(horizon) << 32) | e;
    if (const std::uint32_t known = clamped_.find(key); known != FlatMap::kMissing) return known;
    ExprId out = e;
    if (n.kind == ExprKind::Repeat) {
        const ExprId a = clamp(n.a, horizon);
        out = repeat(a, std::min(n.min, horizon + 1), n.max > horizon ? kUnbounded : n.max);
    } else if (n.kind == ExprKind::Alt) {
        std::vector<ExprId> parts = children(e);
        for (ExprId& p : parts) p = clamp(p, horizon);
        out = alt(std::move(parts));
    } else if (n.kind == ExprKind::Cat) {
        std::vector<ExprId> parts;
        ExprId at = e;
        for (; nodes_[at].kind == ExprKind::Cat; at = nodes_[at].b) {
            if (parts.size() > horizon && !nodes_[at].nullable) break;  // nothing further on can be told apart
            parts.push_back(clamp(nodes_[at].a, horizon));
        }
        parts.push_back(nodes_[at].kind == ExprKind::Cat ? at : clamp(at, horizon));
        out = cat(parts);
    }
    clamped_.assign(key, out);
    return out;
}

}  // namespace guided
