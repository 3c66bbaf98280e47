// Whether any text matches an expression: a search for the nearest end, cut short where it can be seen that there is none.
#include <algorithm>
#include <queue>

#include "errors.hpp"
#include "expr.hpp"
#include "products.hpp"

namespace guided {

namespace {

constexpr std::size_t kMostRemembered = 1000;  // places of one search whose derivatives are kept
constexpr std::size_t kMostByDerivatives = 128;  // states explored without taking the expression apart
constexpr std::uint64_t kWorkOfState = 1024;  // of a product: leaves that are looked up
constexpr std::size_t kMostLetters = 1 << 15;  // expressions whose letters are

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
    if (const std::uint32_t known = emptiness_.find(e); known != FlatMap::kMissing) return known == 0;
    if (const auto found = read_only_text(e)) {
        emptiness_.assign(e, *found ? 0 : 1);
        return found;
    }
    if (const auto found = search_nonempty(e, std::min(max_searched, kMostByDerivatives))) return found;
    if (const auto found = search_products(e, max_searched)) return found;
    // counts multiply states; without them there are few, and if no text is left even so, there is none
    if (const ExprId loose = loosened(e); loose != e && search_nonempty(loose, max_searched) == false) {
        emptiness_.assign(e, 1);
        return false;
    }
    return search_nonempty(e, max_searched);
}

std::optional<bool> ExprPool::search_products(ExprId e, std::size_t max_searched) {
    if (max_searched <= kMostByDerivatives) return {};
    if (!products_) products_ = std::make_shared<Products>(*this);
    return products_->search(e, max_searched * kWorkOfState);
}

// Of a conjunction with a constant: whether all other parts match that one text. Nothing: there is no constant.
std::optional<bool> ExprPool::read_only_text(ExprId e) {
    if (nodes_[e].kind != ExprKind::And) return std::nullopt;
    const auto is_char = [&](ExprId part) { return nodes_[part].kind == ExprKind::Set && sets_[nodes_[part].a].size() == 1 && sets_[nodes_[part].a][0].lo == sets_[nodes_[part].a][0].hi; };
    const auto is_text = [&](ExprId part) {
        for (; nodes_[part].kind == ExprKind::Cat; part = nodes_[part].b)
            if (!is_char(nodes_[part].a)) return false;
        return is_char(part);
    };
    const auto text = std::ranges::find_if(parts(e), is_text);
    if (text == parts(e).end()) return std::nullopt;
    const std::size_t at = static_cast<std::size_t>(text - parts(e).begin());
    for (std::size_t i = 0; i < nodes_[e].b; ++i) {
        if (i == at) continue;
        ExprId part = parts(e)[i];  // lists move while derivatives are made
        for (ExprId left = parts(e)[at]; part != kEmpty && left != kEpsilon;) {
            const bool is_last = nodes_[left].kind != ExprKind::Cat;
            const ExprId first = is_last ? left : nodes_[left].a;
            left = is_last ? kEpsilon : nodes_[left].b;
            part = derive(part, sets_[nodes_[first].a][0].lo);
        }
        if (!nodes_[part].nullable) return false;
    }
    return true;
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
    FlatMap parent;
    std::vector<ExprId> searched{e};
    parent.insert(e, e);
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
    auto push = [&](ExprId at) { queue.push({(std::uint64_t(nodes_[at].least) << 32) | parent.size(), at}); };
    push(e);
    while (!queue.empty()) {
        const ExprId at = queue.top().second;
        queue.pop();
        const Partition& p = partition_of(firsts(at));
        for (std::uint32_t cls = 0; cls < p.num_classes(); ++cls) {
            if (p.chars(cls).empty()) continue;
            // a long search comes here once, and what it remembered would be most of its memory
            const std::uint32_t c = p.representative(cls);
            const ExprId to = searched.size() < kMostRemembered ? derive(at, c) : derive_now(at, c);
            if (to == kEmpty || !parent.try_insert(to, at).second) continue;
            searched.push_back(to);
            const std::uint32_t known = emptiness_.find(to);
            if (nodes_[to].plain || nodes_[to].nullable || known == 0) {
                for (ExprId up = to; !nodes_[up].plain || up == to; up = parent.find(up)) {
                    emptiness_.assign(up, 0);
                    if (up == e) break;
                }
                return true;
            }
            if (known == FlatMap::kMissing && !lacks_letters(to, all_chars())) push(to);
        }
        if (searched.size() > max_searched) return std::nullopt;
    }
    for (ExprId dead : searched) emptiness_.assign(dead, 1);
    return false;
}

// The set of the characters that a text of `e` may hold, and more. Few of these are different.
std::uint32_t ExprPool::letters(ExprId e) {
    if (const std::uint32_t known = letters_.find(e); known != FlatMap::kMissing) return known;
    std::vector<Range> all;
    auto add = [&](Chars s) { all.insert(all.end(), s.begin(), s.end()); };
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
            for (ExprId part : parts(at)) add_part(part);
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
    if (letters_.size() >= kMostLetters) letters_ = {};
    letters_.insert(e, out);
    return out;
}

// True: every text of `e` would need a character that is not one of `allowed`.
bool ExprPool::lacks_letters(ExprId e, Chars allowed) {
    for (; nodes_[e].kind == ExprKind::Cat; e = nodes_[e].b)
        if (lacks_letters(nodes_[e].a, allowed)) return true;
    const Node n = nodes_[e];
    auto lacks = [&](ExprId part) { return lacks_letters(part, allowed); };
    if (n.nullable) return false;
    if (n.kind == ExprKind::Set) return !intersects(allowed, sets_[n.a]);
    if (n.kind == ExprKind::Repeat) return lacks(n.a);
    if (n.kind != ExprKind::Alt && n.kind != ExprKind::And) return false;
    const std::vector<ExprId> parts = children(e);
    if (n.kind == ExprKind::Alt) return std::all_of(parts.begin(), parts.end(), lacks);
    CharSet shared(allowed.begin(), allowed.end());
    for (ExprId part : parts) {
        const std::uint32_t set = letters(part);
        shared = intersect(shared, sets_[set]);
    }
    return std::any_of(parts.begin(), parts.end(), [&](ExprId part) { return lacks_letters(part, shared); });
}

}  // namespace guided
