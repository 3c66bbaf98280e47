// The shortest texts of schemas, which also decide whether a schema can be satisfied at all.
//
// Costs are a least fixpoint over what is required: a goal that needs itself keeps an infinite cost, so it is empty.
#include <algorithm>
#include <unordered_set>
#include <utility>

#include "errors.hpp"
#include "schema.hpp"

namespace guided {

namespace {

constexpr std::uint64_t kInfinite = UINT64_MAX;
constexpr std::uint32_t kMaxRounds = 32;

}  // namespace

std::uint64_t Schemas::known_cost(GoalId g, std::vector<GoalId>* needs) {
    if (!goals_[g].is_solved) {
        if (needs) needs->push_back(g); else solve(g);
    }
    return goals_[g].cost;
}

std::uint64_t Schemas::candidate_cost(GoalId g, std::vector<GoalId>* needs) {
    const Expansion& e = expand(g);
    std::uint64_t best = kInfinite;
    if (e.scalar >= 0) best = std::min<std::uint64_t>(best, lexer_.shortest(static_cast<LexId>(e.scalar)).size());
    if (e.string >= 0) best = std::min<std::uint64_t>(best, lexer_.shortest(static_cast<LexId>(e.string)).size() + 2);
    for (std::uint32_t o : e.objects) best = std::min(best, plan(o, initial_progress(*objects_[o]), false, needs).cost);
    for (std::uint32_t a : e.arrays) best = std::min(best, std::max(plan_items(a, initial_array_progress(a), false, needs).cost, arrays_[a]->least_cost));
    return best;
}

void Schemas::solve(GoalId g) {
    const std::size_t num_solved = solved_.size();
    for (std::uint32_t round = 0;; ++round) {
        const std::vector<GoalId> order = solve_once(g);
        if (!raise_costs(order)) return;
        if (round == kMaxRounds) throw TooComplex("rounds of counting values that differ, inside each other", kMaxRounds);
        // whatever was solved meanwhile may rest on costs that were too low
        for (; solved_.size() > num_solved; solved_.pop_back()) goals_[solved_.back()].is_solved = false, goals_[solved_.back()].cost = kInfinite;
        values_.clear();
    }
}

// The fixpoint of all that `g` needs, and what that is.
// Costs only fall, so this ends: a goal is looked at again when one that it needs has become cheaper. What a goal needs may
// have been solved by another call meanwhile, so at the end all are looked at once more.
std::vector<GoalId> Schemas::solve_once(GoalId g) {
    struct Found {
        std::vector<GoalId> dependents;
        bool is_waiting = true;
    };
    std::vector<GoalId> order{g}, waiting{g}, needs;
    std::unordered_map<GoalId, Found> found;
    std::unordered_set<std::uint64_t> edges;  // (goal, what needs it)
    found[g];
    auto look_at = [&](GoalId at) {
        found[at].is_waiting = false;
        if (goals_[at].is_solved) return false;
        needs.clear();
        const std::uint64_t cost = placed(at, [&] { return candidate_cost(at, &needs); });
        for (GoalId n : needs) {
            const auto [it, fresh] = found.try_emplace(n);
            if (edges.insert((std::uint64_t(n) << 32) | at).second) it->second.dependents.push_back(at);
            if (fresh) order.push_back(n), waiting.push_back(n);
        }
        if (cost >= goals_[at].cost) return false;
        goals_[at].cost = cost;
        for (GoalId d : found[at].dependents)
            if (!std::exchange(found[d].is_waiting, true)) waiting.push_back(d);
        return true;
    };
    for (bool changed = true; changed;) {
        while (!waiting.empty()) {
            const GoalId at = waiting.back();
            waiting.pop_back();
            look_at(at);
        }
        changed = false;
        for (std::size_t i = order.size(); i-- > 0;) changed = look_at(order[i]) || changed;
        changed = changed || !waiting.empty();
    }
    for (GoalId n : order) goals_[n].is_solved = true, solved_.push_back(n);
    return order;
}

// The fixpoint takes values of unique items to be as many and as short as needed; here they are counted. True: some cost more.
bool Schemas::raise_costs(const std::vector<GoalId>& goals) {
    bool has_raised = false;
    for (GoalId g : goals) {
        if (goals_[g].cost == kInfinite) continue;
        for (std::uint32_t id : std::vector(goals_[g].expansion.arrays)) {
            Array& a = *arrays_[id];
            if (!a.is_unique || a.least_cost == kInfinite || (a.min_items < 2 && a.some.empty() && a.apart_from.empty())) continue;
            placed(g, [&] {
                const std::uint32_t begin = initial_array_progress(id);
                if (a.least_cost == 0) count_ways(id);
                std::vector<GoalId> none;
                const std::uint64_t taken = std::max(a.least_cost, plan_items(id, begin, false, &none).cost), real = plan_items(id, begin).cost;
                if (real > taken) a.least_cost = real, has_raised = true;
            });
        }
    }
    return has_raised;
}

std::uint64_t Schemas::cost(GoalId g) {
    if (!goals_[g].is_solved) counted_work_ = 0, solve(g);
    return goals_[g].cost;
}

std::string Schemas::shortest(GoalId g, std::uint32_t depth) {
    struct Depth {
        std::uint32_t& depth;
        explicit Depth(std::uint32_t& d) : depth(++d) {}
        ~Depth() { --depth; }
    } const inside(making_depth_);
    if (making_depth_ > kMaxMakingDepth) throw TooComplex("values inside each other in the shortest text of a schema", kMaxMakingDepth);
    const std::uint64_t target = cost(g);
    if (target > limits_.max_shortest_bytes)
        throw TooComplex("bytes of the shortest text of a schema", limits_.max_shortest_bytes, "max_shortest_bytes");
    const Expansion& e = expand(g);
    auto part = [&](std::uint32_t layout, Layout::Part p) {
        const std::u32string text = layout_text(layout, p, depth);
        return std::string(text.begin(), text.end());
    };
    if (e.scalar >= 0)
        if (std::string s = lexer_.shortest(static_cast<LexId>(e.scalar)); s.size() <= target) return s;
    if (e.string >= 0)
        if (std::string s = lexer_.shortest(static_cast<LexId>(e.string)); s.size() + 2 <= target) return "\"" + s + "\"";
    for (std::uint32_t id : e.arrays) {
        const auto items = plan_items(id, initial_array_progress(id));
        if (items.cost > target) continue;
        const std::uint32_t layout = arrays_[id]->layout;
        if (items.items.empty()) return part(layout, Layout::ArrayEmpty);
        std::string out = part(layout, Layout::ArrayOpen);
        for (std::size_t i = 0; i < items.items.size(); ++i)
            out += (i ? part(layout, Layout::ItemSep) : "") + shortest(items.items[i], depth + 1);
        return out + part(layout, Layout::ArrayClose);
    }
    for (std::uint32_t id : e.objects) {
        const Object& o = *objects_[id];
        const auto keys = plan(id, initial_progress(o));
        if (keys.cost > target) continue;
        if (keys.items.empty()) return part(o.layout, Layout::ObjectEmpty);
        std::string out = part(o.layout, Layout::ObjectOpen);
        for (std::size_t i = 0; i < keys.items.size(); ++i)
            out += (i ? part(o.layout, Layout::ItemSep) : "") + key_and_value(o, keys.items[i], depth);
        return out + part(o.layout, Layout::ObjectClose);
    }
    throw Unsatisfiable("a value that nothing satisfies was asked for");
}

}  // namespace guided
