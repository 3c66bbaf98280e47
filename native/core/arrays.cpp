// Arrays: what the next item must be, what it counts for, and whether the rest can still be made.
#include <algorithm>
#include <queue>

#include "errors.hpp"
#include "schema.hpp"

namespace guided {

namespace {

constexpr std::uint64_t kInfinite = UINT64_MAX;

bool is_impossible(const Lits& lits) { return std::find(lits.begin(), lits.end(), kFalseLit) != lits.end(); }

}  // namespace

std::uint32_t Schemas::make_array(std::uint32_t layout, const Lits& lits) {
    std::vector<std::uint32_t> key{layout};
    key.insert(key.end(), lits.begin(), lits.end());
    if (const std::uint32_t known = array_ids_.find(key); known != array_ids_.kMissing) return known;
    auto a = std::make_unique<Array>();
    a->layout = layout;
    std::size_t longest = 0;
    for (Lit l : lits) {
        const SchemaNode& s = node(l);
        longest = std::max(longest, s.prefix.size());
        if (s.items != kNone) a->items.push_back(s.items);
        a->min_items = std::max(a->min_items, s.min_items);
        a->max_items = std::min(a->max_items, s.max_items);
        a->some.insert(a->some.end(), s.some_items.begin(), s.some_items.end());
        a->is_unique = a->is_unique || s.unique_items;
        for (Lit old : s.differs_from)
            if (node(old).types == kArray) a->apart_from.push_back(old);
        if (s.has_equal_items) throw Unsupported("not", "a schema with uniqueItems cannot be negated");
    }
    std::sort(a->apart_from.begin(), a->apart_from.end());
    a->apart_from.erase(std::unique(a->apart_from.begin(), a->apart_from.end()), a->apart_from.end());
    if (a->some.size() > limits_.max_counted_items)
        throw TooComplex("conditions that count items", limits_.max_counted_items, "max_counted_items");
    for (std::size_t i = 0; i < longest; ++i) {
        Lits at;
        for (Lit l : lits) {
            const SchemaNode& s = node(l);
            if (i < s.prefix.size()) at.push_back(s.prefix[i]);
            else if (s.items != kNone) at.push_back(s.items);
        }
        a->prefix.push_back(std::move(at));
    }
    arrays_.push_back(std::move(a));
    return array_ids_.insert(key).first;
}

std::uint32_t Schemas::intern_array_progress(const Array& a, ArrayProgress p) {
    if (a.max_items == kUnbounded && p.equal.empty()) {  // how far on does not matter any more
        std::uint32_t last = std::max(a.min_items, static_cast<std::uint32_t>(a.prefix.size()));
        for (const SomeItems& some : a.some) last = std::max(last, some.from);
        p.index = std::min(p.index, last);
    }
    for (std::size_t i = 0; i < a.some.size(); ++i)
        if (a.some[i].max == kUnbounded) p.counts[i] = std::min(p.counts[i], a.some[i].min);
    auto [it, fresh] = array_progress_ids_.try_emplace(p, static_cast<std::uint32_t>(array_progresses_.size()));
    if (fresh) array_progresses_.push_back(std::move(p));
    return it->second;
}

std::uint32_t Schemas::initial_array_progress(std::uint32_t array) {
    const Array& a = *arrays_[array];
    return intern_array_progress(a, {0, std::vector<std::uint32_t>(a.some.size()), {}, a.apart_from});
}

// The same progress, now that the text of the last item is known.
std::uint32_t Schemas::with_seen(std::uint32_t progress, const std::string& item) { return with_value(progress, value_lit(item)); }

std::uint32_t Schemas::with_value(std::uint32_t progress, Lit value) {
    ArrayProgress p = array_progresses_[progress];
    const auto at = std::lower_bound(p.seen.begin(), p.seen.end(), value);
    if (at != p.seen.end() && *at == value) return progress;
    p.seen.insert(at, value);
    auto [it, fresh] = array_progress_ids_.try_emplace(p, static_cast<std::uint32_t>(array_progresses_.size()));
    if (fresh) array_progresses_.push_back(std::move(p));
    return it->second;
}

bool Schemas::can_close(const Array& a, std::uint32_t progress) const {
    const ArrayProgress& p = array_progresses_[progress];
    for (std::size_t i = 0; i < a.some.size(); ++i)
        if (p.counts[i] < a.some[i].min) return false;
    return p.index >= a.min_items && !is_old(p);
}

// Every way to take the next item: which conditions it is counted for, and what it must be for that.
std::vector<ItemOption> Schemas::raw_item_options(const Array& a, std::uint32_t progress) {
    const ArrayProgress p = array_progresses_[progress];
    if (p.index >= a.max_items) return {};
    struct Way {
        Lits lits;
        std::vector<std::uint32_t> counts;
        Lits equal;
    };
    std::vector<Way> ways;
    const auto parts = apart_items(p);
    Lits old;
    for (const auto& [value, _] : parts)
        if (value != kNone && value != kTrueLit) old.push_back(value);
    for (const auto& [value, equal] : parts) {
        ways.push_back({p.index < a.prefix.size() ? a.prefix[p.index] : a.items, p.counts, equal});
        ways.back().lits.push_back(value == kNone ? differs_from(old) : value);
        ways.back().lits.push_back(differs_from(p.seen));
    }
    for (std::size_t i = 0; i < a.some.size(); ++i) {
        const SomeItems& some = a.some[i];
        if (p.index < some.from) continue;
        const bool is_bounded = some.max != kUnbounded, wants_more = p.counts[i] < (is_bounded ? some.max : some.min);
        std::vector<Way> out;
        for (const Way& way : ways) {
            Way plain = way, counted = way;
            if (is_bounded) plain.lits.push_back(negated(some.value));
            out.push_back(std::move(plain));
            counted.lits.push_back(some.value), ++counted.counts[i];
            if (wants_more) out.push_back(std::move(counted));
        }
        ways = std::move(out);
    }
    std::vector<ItemOption> out;
    for (Way& way : ways)
        if (!is_impossible(way.lits))
            out.push_back({goal(a.layout, way.lits), intern_array_progress(a, {p.index + 1, std::move(way.counts), p.seen, std::move(way.equal)})});
    return out;
}

const std::vector<ItemOption>& Schemas::item_options(std::uint32_t array, std::uint32_t progress) {
    if (auto it = item_options_.find({array, progress}); it != item_options_.end()) return it->second;
    const Array& a = *arrays_[array];
    // of values that all may be any item's, whoever takes one leaves enough
    const bool has_room = a.is_unique && are_alike(a, array_progresses_[progress]);
    std::vector<ItemOption> out;
    for (ItemOption option : raw_item_options(a, progress)) {
        if (!nonempty(option.goal) || (!has_room && plan_items(array, option.progress).cost == kInfinite)) continue;
        if (a.is_unique && !has_room) option = without_needed(a, option);
        if (nonempty(option.goal)) out.push_back(option);
    }
    return item_options_[{array, progress}] = std::move(out);
}

// Without counted conditions every item is of the plain kind.
Plan<GoalId> Schemas::plan_uniform_items(const Array& a, std::uint32_t progress, bool at_least_one, std::vector<GoalId>* needs) {
    Plan<GoalId> out{2, {}};
    std::uint32_t index = array_progresses_[progress].index;
    const std::uint32_t last = std::max(a.min_items, index + (at_least_one ? 1 : 0));
    if (last > a.max_items) return {};
    if (last - std::min(index, last) > limits_.max_required_items)
        throw TooComplex("items that an array must have", limits_.max_required_items, "max_required_items");
    std::uint64_t each = 0;
    for (; index < last; ++index) {
        const bool is_tail = index > a.prefix.size() && !out.items.empty();
        const GoalId g = is_tail ? out.items.back() : goal(a.layout, index < a.prefix.size() ? a.prefix[index] : a.items);
        if (!is_tail) each = is_impossible(index < a.prefix.size() ? a.prefix[index] : a.items) ? kInfinite : known_cost(g, needs);
        if (each == kInfinite) return {};
        out.items.push_back(g);
        out.cost += each + 2;
    }
    return out;
}

Plan<GoalId> Schemas::plan_items(std::uint32_t array, std::uint32_t progress, bool at_least_one, std::vector<GoalId>* needs) {
    const Array& a = *arrays_[array];
    if (a.least_cost == kInfinite) return {};
    if (a.is_unique && !needs) {  // else solve() looks again
        DistinctPlan plan = plan_distinct_items(a, progress, at_least_one);
        return {plan.cost, std::move(plan.items)};
    }
    std::uint32_t work = 0;
    if (!a.some.empty()) return plan_counted_items(a, progress, at_least_one, needs);
    if (!array_progresses_[progress].equal.empty()) return plan_apart_items(a, progress, at_least_one, needs, work);
    return plan_uniform_items(a, progress, at_least_one, needs);
}

// The cheapest items that let the array close: Dijkstra over its progress.
Plan<GoalId> Schemas::plan_counted_items(const Array& a, std::uint32_t progress, bool at_least_one, std::vector<GoalId>* needs) {
    struct Seen {
        std::uint64_t cost;
        std::uint32_t from;
        GoalId item;
    };
    using Entry = std::pair<std::uint64_t, std::uint32_t>;
    std::map<std::uint32_t, Seen> seen;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
    if (!needs && making_depth_ == 0) counted_work_ = 0;  // else part of a fixpoint or of another plan: counted together
    auto relax = [&](std::uint64_t cost, std::uint32_t from) {
        if (++counted_work_ > limits_.max_plan_work)
            throw TooComplex("ways to make arrays, tried one by one", limits_.max_plan_work, "max_plan_work");
        for (const ItemOption& option : raw_item_options(a, from)) {
            if (option.progress == from && (from != progress || !at_least_one)) continue;  // it leads nowhere
            const std::uint64_t item = known_cost(option.goal, needs);
            if (item == kInfinite) continue;
            const std::uint32_t to = option.progress;
            auto [it, fresh] = seen.try_emplace(to, Seen{kInfinite, from, option.goal});
            if (cost + item + 2 >= it->second.cost) continue;
            it->second = {cost + item + 2, from, option.goal};
            queue.push({it->second.cost, to});
        }
    };
    if (!at_least_one && can_close(a, progress)) return {2, {}};
    if (!at_least_one) seen[progress] = {2, progress, 0};
    relax(2, progress);
    while (!queue.empty()) {
        const auto [cost, at] = queue.top();
        queue.pop();
        if (cost > seen[at].cost) continue;
        if (can_close(a, at)) {
            Plan<GoalId> out{cost, {}};
            for (std::uint32_t s = at;;) {
                const Seen& step = seen[s];
                out.items.push_back(step.item);
                if (step.from == progress || out.items.size() > limits_.max_plan_work) break;
                s = step.from;
            }
            std::reverse(out.items.begin(), out.items.end());
            return out;
        }
        relax(cost, at);
    }
    return {};
}

}  // namespace guided
