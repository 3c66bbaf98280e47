// Whether any text matches an expression: a search for the nearest end, cut short where it can be seen that there is none.
#include <algorithm>
#include <queue>

#include "errors.hpp"
#include "expr.hpp"

namespace guided {

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
        const Partition& p = partition(firsts(at));
        for (std::size_t cls = 0; cls < p.classes.size(); ++cls) {
            if (p.classes[cls].empty()) continue;
            const ExprId to = derive(at, p.representative(static_cast<std::uint32_t>(cls)));
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

// The characters that a text of `e` may hold, and more.
const CharSet& ExprPool::letters(ExprId e) {
    if (auto it = letters_.find(e); it != letters_.end()) return it->second;
    std::vector<Range> all;
    auto add = [&](const CharSet& s) { all.insert(all.end(), s.begin(), s.end()); };
    ExprId at = e;
    for (; nodes_[at].kind == ExprKind::Cat; at = nodes_[at].b) add(letters(nodes_[at].a));
    const Node n = nodes_[at];
    switch (n.kind) {
        case ExprKind::Set: add(sets_[n.a]); break;
        case ExprKind::Repeat: add(letters(n.a)); break;
        case ExprKind::Alt:
        case ExprKind::And:
            for (ExprId part : children(at)) add(letters(part));
            break;
        case ExprKind::Not: add(all_chars()); break;
        case ExprKind::State:
            for (const CharSet& set : tables_[n.a].table->sets) add(set);
            break;
        default: break;
    }
    return letters_[e] = normalized(std::move(all));
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
    for (ExprId part : parts) shared = intersect(shared, letters(part));
    return std::any_of(parts.begin(), parts.end(), [&](ExprId part) { return lacks_letters(part, shared); });
}

}  // namespace guided
