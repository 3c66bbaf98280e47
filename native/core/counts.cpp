// What can be told of an expression's counts without walking it: how much a text still needs, and nearest neighbours that
// count less. Rows of strings with bounds are cut from rows without them by it.
#include <algorithm>

#include "expr.hpp"

namespace guided {

namespace {

constexpr std::uint32_t kMostNeeded = 1 << 20, kMostDepth = 64;

std::uint32_t sum(std::uint64_t a, std::uint64_t b, std::uint64_t times = 1) {
    const std::uint64_t out = a + b * times;
    return out > kMostNeeded ? kUnbounded : static_cast<std::uint32_t>(out);
}

}  // namespace

std::optional<ExprPool::Bounded> ExprPool::bounded(ExprId e) {
    if (nodes_[e].kind != ExprKind::And) return std::nullopt;
    std::vector<ExprId> rest = children(e);
    const auto is_bound = [&](ExprId part) {
        const auto counts = any_text(part);
        return counts && counts->first == 0 && counts->second != kUnbounded;
    };
    const auto bound = std::find_if(rest.begin(), rest.end(), is_bound);
    if (bound == rest.end()) return std::nullopt;
    const std::uint32_t max = any_text(*bound)->second;
    rest.erase(bound);
    const ExprId others = both(std::move(rest));
    if (!nodes_[others].plain) return std::nullopt;
    return Bounded{others, max};
}

std::uint32_t ExprPool::most_needed(ExprId e) {
    if (const std::uint32_t known = needed_.find(e); known != FlatMap::kMissing) return known - 1;
    const std::uint32_t out = find_most_needed(e);
    needed_.insert(e, out == kUnbounded ? 0 : out + 1);  // no value may be kMissing
    return out;
}

// Whatever has been read, what is left is one of the partial derivatives: the rest of one part, and what follows it.
std::uint32_t ExprPool::find_most_needed(ExprId e) {
    const Node n = nodes_[e];
    if (!n.plain || n.depth > kMostDepth) return kUnbounded;
    switch (n.kind) {
        case ExprKind::Epsilon: return 0;
        case ExprKind::Set: return 1;
        case ExprKind::State: {
            const auto& least = tables_[n.a].table->least;
            return *std::max_element(least.begin(), least.end());
        }
        case ExprKind::Repeat: {
            const std::uint32_t part = most_needed(n.a);
            return part == kUnbounded ? part : sum(part, nodes_[n.a].least, n.min == 0 ? 0 : n.min - 1);
        }
        case ExprKind::Alt: {
            std::uint32_t most = 0;
            for (ExprId part : children(e)) most = std::max(most, most_needed(part));
            return most;
        }
        case ExprKind::Cat: {
            std::uint32_t most = 0;
            ExprId at = e;
            for (; nodes_[at].kind == ExprKind::Cat; at = nodes_[at].b) {
                const std::uint32_t part = most_needed(nodes_[at].a);
                if (part == kUnbounded) return part;
                most = std::max(most, sum(part, nodes_[nodes_[at].b].least));
            }
            return std::max(most, most_needed(at));
        }
        default: return kUnbounded;
    }
}

ExprId ExprPool::recounted(ExprId e, std::uint32_t cap, bool is_more) {
    const Node n = nodes_[e];
    if (!n.plain || n.depth > kMostDepth) return e;
    if (n.kind != ExprKind::Repeat && n.kind != ExprKind::Alt && n.kind != ExprKind::Cat) return e;
    const std::uint64_t key = (std::uint64_t(cap) << 33) | (std::uint64_t(is_more) << 32) | e;
    if (const std::uint32_t known = recounted_.find(key); known != FlatMap::kMissing) return known;
    ExprId out = e;
    if (n.kind == ExprKind::Repeat) {
        const bool counts = n.max != kUnbounded && nodes_[n.a].least >= 2;
        const std::uint32_t max = !counts ? n.max : is_more ? kUnbounded : std::min(n.max, std::max(n.min, cap));
        out = repeat(recounted(n.a, cap, is_more), n.min, max);
    } else if (n.kind == ExprKind::Alt) {
        std::vector<ExprId> parts = children(e);
        for (ExprId& part : parts) part = recounted(part, cap, is_more);
        out = alt(std::move(parts));
    } else {
        std::vector<ExprId> parts;
        ExprId at = e;
        for (; nodes_[at].kind == ExprKind::Cat; at = nodes_[at].b) parts.push_back(recounted(nodes_[at].a, cap, is_more));
        parts.push_back(recounted(at, cap, is_more));
        out = cat(parts);
    }
    recounted_.insert(key, out);
    return out;
}

}  // namespace guided
