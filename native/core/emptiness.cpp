// Whether any text matches an expression: a search for the nearest end, cut short where it can be seen that there is none.
#include <algorithm>
#include <queue>

#include "errors.hpp"
#include "expr.hpp"

namespace guided {

namespace {

constexpr std::size_t kMostRemembered = 1000;  // places of one search whose derivatives are kept

}  // namespace

bool ExprPool::nonempty(ExprId e) {
    if (const auto found = decided(e, limits_.max_pattern_search)) return *found;
    throw TooComplex("states explored to decide whether a pattern can match", limits_.max_pattern_search, "max_pattern_search");
}

bool ExprPool::nonempty_within(ExprId e, std::size_t max_searched) { return decided(e, max_searched).value_or(true); }

std::optional<bool> ExprPool::decided(ExprId e, std::size_t max_searched) {
    if (nodes_[e].plain) return e != kEmpty;
    if (nodes_[e].nullable) return true;
    if (nodes_[e].kind == ExprKind::Alt)
        for (std::uint32_t i = 0; i < nodes_[e].b; ++i)
            if (nodes_[lists_[nodes_[e].a + i]].plain) return true;
    if (auto it = emptiness_.find(e); it != emptiness_.end()) return it->second;
    if (const auto found = search_nonempty(e, max_searched / 4)) return found;
    // counts multiply states; without them there are few, and if no text is left even so, there is none
    if (const ExprId loose = loosened(e); loose != e && search_nonempty(loose, max_searched) == false) return emptiness_[e] = false;
    return search_nonempty(e, max_searched);
}

// More texts than `e` has: counted repeats go on for ever.
ExprId ExprPool::loosened(ExprId e) {
    const ExprKind kind = nodes_[e].kind;
    if (nodes_[e].plain) return clamp(e, 1);
    if (kind == ExprKind::Cat) {
        std::vector<ExprId> parts;
        for (; nodes_[e].kind == ExprKind::Cat; e = nodes_[e].b) parts.push_back(loosened(nodes_[e].a));
        parts.push_back(loosened(e));
        return cat(parts);
    }
    if (kind != ExprKind::And && kind != ExprKind::Alt) return e;
    std::vector<ExprId> parts = children(e);
    for (ExprId& p : parts) p = loosened(p);
    return kind == ExprKind::And ? both(std::move(parts)) : alt(std::move(parts));
}

// Goes first where the end seems near.
std::optional<bool> ExprPool::search_nonempty(ExprId e, std::size_t max_searched) {
    using Entry = std::pair<std::uint64_t, ExprId>;
    std::unordered_map<ExprId, ExprId> parent{{e, e}};
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
    auto push = [&](ExprId at) { queue.push({(std::uint64_t(nodes_[at].least) << 32) | parent.size(), at}); };
    push(e);
    while (!queue.empty()) {
        const ExprId at = queue.top().second;
        queue.pop();
        const Partition& p = partition_of(at);
        for (std::size_t cls = 0; cls < p.classes.size(); ++cls) {
            if (p.classes[cls].empty()) continue;
            // a long search comes here once, and what it remembered would be most of its memory
            const std::uint32_t c = p.representative(static_cast<std::uint32_t>(cls));
            const ExprId to = parent.size() < kMostRemembered ? derive(at, c) : derive_now(at, c);
            if (to == kEmpty || !parent.try_emplace(to, at).second) continue;
            const auto known = emptiness_.find(to);
            if (nodes_[to].plain || nodes_[to].nullable || (known != emptiness_.end() && known->second)) {
                for (ExprId up = to; !nodes_[up].plain || up == to; up = parent[up]) {
                    emptiness_[up] = true;
                    if (up == e) break;
                }
                return true;
            }
            if (known == emptiness_.end() && !lacks_letters(to, all_chars())) push(to);
        }
        if (parent.size() > max_searched) return std::nullopt;
    }
    for (const auto& [dead, _] : parent) emptiness_[dead] = false;
    return false;
}

// The set of the characters that a text of `e` may hold, and more. Few of these are different.
std::uint32_t ExprPool::letters(ExprId e) {
    if (const std::uint32_t known = letters_.find(e); known != FlatMap::kMissing) return known;
    std::vector<Range> all;
    auto add = [&](const CharSet& s) { all.insert(all.end(), s.begin(), s.end()); };
    auto add_part = [&](ExprId part) {
        const std::uint32_t set = letters(part);
        add(sets_[set]);
    };
    ExprId at = e;
    for (; nodes_[at].kind == ExprKind::Cat; at = nodes_[at].b) add_part(nodes_[at].a);
    const Node n = nodes_[at];
    switch (n.kind) {
        case ExprKind::Set: add(sets_[n.a]); break;
        case ExprKind::Repeat: add_part(n.a); break;
        case ExprKind::Alt:
        case ExprKind::And:
            for (ExprId part : children(at)) add_part(part);
            break;
        case ExprKind::Not: add(all_chars()); break;
        case ExprKind::State: {
            Known& known = tables_[n.a];
            if (known.letters == kUnbounded) {
                std::vector<Range> of_table;
                for (const CharSet& set : known.table->sets) of_table.insert(of_table.end(), set.begin(), set.end());
                known.letters = intern_set(normalized(std::move(of_table)));
            }
            add(sets_[known.letters]);
            break;
        }
        default: break;
    }
    const std::uint32_t out = intern_set(normalized(std::move(all)));
    letters_.insert(e, out);
    return out;
}

// True: every text of `e` would need a character that is not one of `allowed`.
bool ExprPool::lacks_letters(ExprId e, const CharSet& allowed) {
    for (; nodes_[e].kind == ExprKind::Cat; e = nodes_[e].b)
        if (lacks_letters(nodes_[e].a, allowed)) return true;
    const Node n = nodes_[e];
    auto lacks = [&](ExprId part) { return lacks_letters(part, allowed); };
    if (n.nullable) return false;
    if (n.kind == ExprKind::Set) return intersect(allowed, sets_[n.a]).empty();
    if (n.kind == ExprKind::Repeat) return lacks(n.a);
    if (n.kind != ExprKind::Alt && n.kind != ExprKind::And) return false;
    const std::vector<ExprId> parts = children(e);
    if (n.kind == ExprKind::Alt) return std::all_of(parts.begin(), parts.end(), lacks);
    CharSet shared = allowed;
    for (ExprId part : parts) {
        const std::uint32_t set = letters(part);
        shared = intersect(shared, sets_[set]);
    }
    return std::any_of(parts.begin(), parts.end(), [&](ExprId part) { return lacks_letters(part, shared); });
}

}  // namespace guided
