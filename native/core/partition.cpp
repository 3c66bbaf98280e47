// How characters fall into classes: by which of the sets that can come first in an expression hold them.
#include <algorithm>
#include <utility>

#include "expr.hpp"

namespace guided {

namespace {

// The scalar values from `start` up to, and without, `end`: one range, or two around the surrogates, or none.
template <class Use>
void each_scalar_range(std::uint32_t start, std::uint32_t end, Use&& use) {
    for (const Range& all : all_chars())
        if (start <= all.hi && end > all.lo) use(Range{std::max(start, all.lo), std::min(end - 1, all.hi)});
}

}  // namespace

Partition::Partition(std::span<const Piece> pieces, std::uint32_t num_classes, Pile& pile) : pieces_(pile.copy(pieces)) {
    auto each_range = [&](auto&& use) {
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            const std::uint32_t end = i + 1 < pieces.size() ? pieces[i + 1].start : kMaxCodePoint + 1;
            each_scalar_range(pieces[i].start, end, [&](Range r) { use(pieces[i].cls, r); });
        }
    };
    const auto ends = pile.array<std::uint32_t>(num_classes);
    std::uint32_t num_ranges = 0;
    each_range([&](std::uint32_t cls, Range) { ++ends[cls], ++num_ranges; });
    for (std::uint32_t cls = 0, begin = 0; cls < num_classes; ++cls) begin += std::exchange(ends[cls], begin);
    const auto ranges = pile.array<Range>(num_ranges);
    each_range([&](std::uint32_t cls, Range r) { ranges[ends[cls]++] = r; });  // now they are the ends
    ends_ = ends, ranges_ = ranges;
    for (std::uint32_t c = 0, piece = 0; c < ascii_.size(); ++c) {
        if (piece + 1 < pieces.size() && pieces[piece + 1].start == c) ++piece;
        ascii_[c] = static_cast<std::uint8_t>(pieces[piece].cls);
    }
}

std::uint32_t Partition::class_of(std::uint32_t c) const {
    if (c < ascii_.size()) return ascii_[c];
    const auto it = std::ranges::upper_bound(pieces_, c, {}, &Piece::start);
    return std::prev(it)->cls;
}

// The sets that can come first, as a number of `set_lists_`.
std::uint32_t ExprPool::firsts(ExprId e) {
    if (const std::uint32_t known = firsts_.find(e); known != FlatMap::kMissing) return known;
    const std::size_t begin = found_sets_.size();  // a stack: what stands below is of expressions that hold this one
    auto add = [&](ExprId child) {
        const auto first = set_lists_[firsts(child)];
        found_sets_.insert(found_sets_.end(), first.begin(), first.end());
    };
    ExprId at = e;
    while (nodes_[at].kind == ExprKind::Cat) {  // the spine of a concatenation, without recursion
        add(nodes_[at].a);
        at = nodes_[nodes_[at].a].nullable ? nodes_[at].b : kEpsilon;
    }
    const Node& n = nodes_[at];
    if (n.kind == ExprKind::Set) found_sets_.push_back(n.a);
    if (n.kind == ExprKind::State)
        for (const Table::Edge& edge : tables_[n.a].table->edges_of(n.b)) found_sets_.push_back(tables_[n.a].set_ids[edge.set]);
    if (n.kind == ExprKind::Not || n.kind == ExprKind::Repeat) add(n.a);
    if (n.kind == ExprKind::Alt || n.kind == ExprKind::And)
        for (ExprId child : parts(at)) add(child);
    const std::span found = std::span(found_sets_).subspan(begin);
    std::ranges::sort(found);
    const std::span distinct(found.begin(), std::ranges::unique(found).begin());
    const std::uint32_t list = set_lists_.insert(distinct).first;
    found_sets_.resize(begin);
    firsts_.insert(e, list);
    return list;
}

void ExprPool::add_firsts(ExprId e, std::vector<std::uint32_t>& out) {
    ExprId at = e;
    if (nodes_[at].kind == ExprKind::Not) at = nodes_[at].a;
    const bool is_cat = nodes_[at].kind == ExprKind::Cat;
    if (is_cat) at = nodes_[at].a;
    const Node& n = nodes_[at];
    if (n.kind == ExprKind::Set) return out.push_back(n.a);  // as a literal begins
    if (n.kind == ExprKind::State && !is_cat) {
        for (const Table::Edge& edge : tables_[n.a].table->edges_of(n.b)) out.push_back(tables_[n.a].set_ids[edge.set]);
        return;
    }
    const auto known = set_lists_[firsts(e)];
    out.insert(out.end(), known.begin(), known.end());
}

const Partition& ExprPool::partition(const std::vector<std::uint32_t>& set_ids) { return partition_of(set_lists_.insert(set_ids).first); }

const Partition& ExprPool::partition_of(std::uint32_t set_list) {
    if (partitions_.size() <= set_list) partitions_.resize(set_lists_.size());
    if (partitions_[set_list]) return *partitions_[set_list];
    events_.clear(), active_.clear(), pieces_.clear(), class_sets_.clear();
    for (std::uint32_t id : set_lists_[set_list])  // where membership of a set begins or ends
        for (const Range& r : sets_[id]) events_.push_back({r.lo, id}), events_.push_back({r.hi + 1, id});
    std::ranges::sort(events_, {}, &Event::at);
    std::size_t i = 0;
    for (std::uint32_t start = 0; start <= kMaxCodePoint;) {
        for (; i < events_.size() && events_[i].at == start; ++i) {
            const auto it = std::ranges::lower_bound(active_, events_[i].set);
            if (it != active_.end() && *it == events_[i].set) active_.erase(it); else active_.insert(it, events_[i].set);
        }
        pieces_.push_back({start, class_sets_.insert(active_).first});  // what the same sets hold is one class
        start = i < events_.size() ? events_[i].at : kMaxCodePoint + 1;
    }
    partitions_[set_list] = pile_.make<Partition>(pieces_, static_cast<std::uint32_t>(class_sets_.size()), pile_);
    return *partitions_[set_list];
}

}  // namespace guided
