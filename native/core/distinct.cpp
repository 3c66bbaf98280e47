// Arrays whose items must differ: whether what must still come has values enough, and which item would use them up.
//
// A way to close is a goal for each item still needed, and it works if they can have different values: a matching. Of n
// places only the n shortest values of each matter. A value may not come now if no way is left without it; that can only
// be one that the way found uses, for without any other the same way is left.
#include <algorithm>
#include <numeric>
#include <queue>

#include "errors.hpp"
#include "schema.hpp"

namespace guided {

namespace {

constexpr std::uint64_t kInfinite = UINT64_MAX;

bool is_impossible(const Lits& lits) { return std::find(lits.begin(), lits.end(), kFalseLit) != lits.end(); }

}  // namespace

// The shortest values of this goal, at least so many if it has them.
const std::vector<Schemas::KnownValue>& Schemas::values_of(GoalId g, std::size_t num) {
    while (!values_[g].is_all && values_[g].known.size() < num) {
        Lits lits = goals_[g].lits, found;
        for (const KnownValue& v : values_[g].known) found.push_back(v.value);
        lits.push_back(differs_from(found));
        const GoalId next = goal(goals_[g].layout, lits);
        const std::uint64_t least = known_cost(next, nullptr);
        if (least == kInfinite) {
            values_[g].is_all = true;
            break;
        }
        const Lit value = value_lit(shortest(next, 0));
        if (values_[g].known.size() == found.size()) values_[g].known.push_back({least, value, next});  // else it was asked inside
    }
    return values_[g].known;
}

// Whether all items to come are of one kind: then whoever takes one leaves enough for the others.
bool Schemas::are_alike(const Array& a, const ArrayProgress& p) const {
    return a.some.empty() && p.equal.empty() && p.index >= a.prefix.size();
}

struct Schemas::DistinctPlanner {
    struct Step {  // the way to it is told by the steps before
        std::uint32_t progress, before;
        GoalId goal;
        std::uint64_t cost;
    };
    struct Group {  // places of the same goal
        GoalId goal;
        std::size_t num;
        std::vector<std::size_t> taken;  // indices into `values`
    };
    struct Value {
        std::uint64_t cost;
        Lit value;
        std::vector<std::pair<std::size_t, GoalId>> in;  // groups that have it, and the goal whose shortest value it is
    };

    Schemas& schemas;
    const Array& a;
    bool at_least_one;
    std::vector<Step> steps{};
    std::vector<Group> groups{};
    std::vector<Value> values{};
    bool has_failed = false;
    std::unordered_map<std::vector<std::uint32_t>, bool, VectorHash> visited{};

    void count_work() {
        if (const auto most = schemas.limits_.max_plan_work; ++schemas.counted_work_ > most)
            throw TooComplex("ways to make arrays, tried one by one", most, "max_plan_work");
    }

    std::vector<GoalId> goals_to(std::size_t step) const {
        std::vector<GoalId> out;
        for (; step != 0; step = steps[step].before) out.push_back(steps[step].goal);
        std::reverse(out.begin(), out.end());
        return out;
    }

    // An item that counts for nothing and brings no other place nearer.
    bool is_idle(std::uint32_t from, std::uint32_t to) const {
        const ArrayProgress &p = schemas.array_progresses_[from], &q = schemas.array_progresses_[to];
        if (p.counts != q.counts || p.equal != q.equal || p.index < a.min_items || p.index < a.prefix.size()) return false;
        return std::all_of(a.some.begin(), a.some.end(), [&](const SomeItems& some) { return p.index >= some.from; });
    }

    template <class Visit>
    void for_each_next(std::size_t at, Visit&& visit) {
        count_work();
        const std::uint32_t from = steps[at].progress;
        for (const ItemOption& option : schemas.raw_item_options(a, from)) {
            if (is_idle(from, option.progress) && !(at_least_one && at == 0)) continue;
            std::vector<std::uint32_t> key = goals_to(at);
            key.push_back(option.goal);
            std::sort(key.begin(), key.end());
            key.push_back(option.progress);
            if (visited.try_emplace(std::move(key), true).second) visit(option);
        }
    }

    // All ways that any text may leave are fewer than the limit, or this throws.
    void count_ways(std::uint32_t progress) {
        steps = {{progress, 0, 0, 2}};
        for (std::size_t at = 0; at < steps.size(); ++at)
            for_each_next(at, [&](const ItemOption& o) { steps.push_back({o.progress, static_cast<std::uint32_t>(at), o.goal, 0}); });
    }

    DistinctPlan plan(std::uint32_t progress) {
        steps = {{progress, 0, 0, 2}};
        DistinctPlan best;
        using Entry = std::pair<std::uint64_t, std::size_t>;
        std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
        queue.push({2, 0});
        while (!queue.empty() && queue.top().first < best.cost) {
            const auto [cost, at] = queue.top();
            queue.pop();
            if (schemas.can_close(a, steps[at].progress) && !(at_least_one && at == 0)) {
                DistinctPlan found = matched(goals_to(at));
                if (found.cost < best.cost) best = std::move(found);
                has_failed = has_failed || best.cost == kInfinite;
                continue;
            }
            if (has_failed && matched(goals_to(at)).cost == kInfinite) continue;
            for_each_next(at, [&](const ItemOption& option) {
                const std::uint64_t item = schemas.known_cost(option.goal, nullptr);
                if (item == kInfinite) return;
                steps.push_back({option.progress, static_cast<std::uint32_t>(at), option.goal, cost + item + 2});
                queue.push({steps.back().cost, steps.size() - 1});
            });
        }
        return best;
    }

    // A different value for each of these goals, the shortest in sum; or no plan.
    DistinctPlan matched(const std::vector<GoalId>& goals) {
        collect(goals);
        std::vector<std::size_t> order(values.size());
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) { return values[x].cost < values[y].cost; });
        std::size_t num = 0;
        for (std::size_t v : order) {  // sets of values that can be matched are a matroid, so the cheapest come first
            if (num == goals.size()) break;
            std::vector<bool> tried(groups.size());
            num += place(v, tried);
        }
        DistinctPlan out;
        if (num < goals.size()) return out;
        out.cost = 2;
        for (GoalId g : goals) {
            Group& group = *std::find_if(groups.begin(), groups.end(), [&](const Group& x) { return x.goal == g; });
            const auto cheapest = std::min_element(group.taken.begin(), group.taken.end());
            const Value& v = values[*cheapest];
            group.taken.erase(cheapest);
            const auto own = static_cast<std::size_t>(&group - groups.data());
            out.items.push_back(std::find_if(v.in.begin(), v.in.end(), [&](const auto& in) { return in.first == own; })->second);
            out.values.push_back(v.value);
            out.cost += v.cost + 2;
        }
        return out;
    }

    void collect(const std::vector<GoalId>& goals) {
        groups.clear(), values.clear();
        for (GoalId g : goals) {
            const auto at = std::find_if(groups.begin(), groups.end(), [&](const Group& x) { return x.goal == g; });
            if (at == groups.end()) groups.push_back({g, 1, {}}); else ++at->num;
        }
        std::unordered_map<Lit, std::size_t> index;
        for (std::size_t i = 0; i < groups.size(); ++i) {
            for (const KnownValue& v : schemas.values_of(groups[i].goal, goals.size())) {
                const auto [it, fresh] = index.try_emplace(v.value, values.size());
                if (fresh) values.push_back({v.cost, v.value, {}});
                values[it->second].cost = std::min(values[it->second].cost, v.cost);
                values[it->second].in.push_back({i, v.goal});
            }
        }
    }

    // Finds a place for this value, moving others where they have another one.
    bool place(std::size_t value, std::vector<bool>& tried) {
        for (const auto& [g, _] : values[value].in) {
            if (tried[g]) continue;
            tried[g] = true;
            Group& group = groups[g];
            bool has_room = group.taken.size() < group.num;
            for (std::size_t i = 0; i < group.taken.size() && !has_room; ++i) {
                if (!place(group.taken[i], tried)) continue;
                group.taken.erase(group.taken.begin() + static_cast<std::ptrdiff_t>(i));
                has_room = true;
            }
            if (!has_room) continue;
            group.taken.push_back(value);
            return true;
        }
        return false;
    }
};

Schemas::DistinctPlan Schemas::plan_distinct_items(const Array& a, std::uint32_t progress, bool at_least_one) {
    const ArrayProgress p = array_progresses_[progress];
    const std::uint32_t last = std::max(a.min_items, p.index + (at_least_one ? 1 : 0));
    if (last - std::min(p.index, last) > limits_.max_unique_items)
        throw TooComplex("items that must all differ", limits_.max_unique_items, "max_unique_items");
    if (!are_alike(a, p)) {
        if (making_depth_ == 0) counted_work_ = 0;  // else part of another plan: counted together
        return DistinctPlanner{*this, a, at_least_one}.plan(progress);
    }
    if (last > a.max_items || (last > p.index && is_impossible(a.items))) return {};
    DistinctPlan out;
    out.cost = 2;
    if (last <= p.index) return out;
    Lits lits = a.items;
    lits.push_back(differs_from(p.seen));
    const std::size_t num = last - p.index;
    const auto& known = values_of(goal(a.layout, lits), num);
    if (known.size() < num) return {};
    for (std::size_t i = 0; i < num; ++i)
        out.items.push_back(known[i].goal), out.values.push_back(known[i].value), out.cost += known[i].cost + 2;
    return out;
}

// Meets the limit on ways to make this array now, if a text could meet it.
void Schemas::count_ways(std::uint32_t array) {
    const Array& a = *arrays_[array];
    if (!a.prefix.empty() || !a.some.empty()) DistinctPlanner{*this, a, false}.count_ways(initial_array_progress(array));
}

// The option without the values that later items cannot do without.
ItemOption Schemas::without_needed(const Array& a, ItemOption option) {
    const Lits own = goals_[option.goal].lits;
    Lits needed;
    for (Lit value : plan_distinct_items(a, option.progress, false).values) {
        Lits both = own;
        both.push_back(value);
        if (!nonempty(goal(a.layout, both))) continue;
        if (plan_distinct_items(a, with_value(option.progress, value), false).cost == kInfinite) needed.push_back(value);
    }
    if (needed.empty()) return option;
    Lits rest = own;
    rest.push_back(differs_from(needed));
    return {goal(a.layout, rest), option.progress};
}

}  // namespace guided
