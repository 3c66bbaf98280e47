// Looks ahead, so that no limit is met while a text is under way.
//
// Schemas are expanded where they are reached. One without choices, negations, counts or patterns of keys can meet no limit
// that way, and a document of nothing else is passed over in one glance at each node. Of the rest every goal that can be
// reached is expanded and decided here.
#include <algorithm>
#include <unordered_set>

#include "errors.hpp"
#include "schema.hpp"

namespace guided {

// Whether the node alone, as a goal, can be expanded and decided without choices.
bool Schemas::is_simple(const SchemaNode& s) const {
    return s.all_of.empty() && s.any_of.empty() && s.one_of.empty() && s.unevaluated_properties == kNone && s.unevaluated_items == kNone &&
           s.pattern_properties.empty() && s.property_names == kNone && s.some_keys.empty() && s.some_items.empty() && !s.unique_items &&
           s.differs_from.empty() && s.min_items <= limits_.max_required_items &&
           s.min_properties <= limits_.max_required_keys && (s.string == kNone || (pool_.is_plain(s.string) && pool_.least(s.string) <= kMaxCharacters)) &&
           (s.number == kNone || pool_.is_plain(s.number));
}

void Schemas::add_values(const SchemaNode& s, std::uint32_t layout, std::vector<GoalId>& out) {
    for (const auto& [_, value] : s.properties) out.push_back(goal(layout, {value}));
    for (Lit value : s.prefix) out.push_back(goal(layout, {value}));
    for (Lit value : {s.additional, s.items})
        if (value != kNone) out.push_back(goal(layout, {value}));
}

// What an item may have to be: at each place, counted for each of the conditions or not.
void Schemas::add_items(const Array& a, std::vector<GoalId>& out) {
    std::size_t num_places = a.prefix.size() + 1;
    for (const SomeItems& some : a.some) num_places = std::max<std::size_t>(num_places, std::size_t(some.from) + 1);
    num_places = std::min<std::size_t>(num_places, a.prefix.size() + limits_.max_counted_items);
    for (std::size_t i = 0; i < num_places; ++i) {
        for (std::uint32_t mask = 0; mask < (1u << a.some.size()); ++mask) {
            Lits lits = i < a.prefix.size() ? a.prefix[i] : a.items;
            bool is_possible = true;
            for (std::size_t c = 0; c < a.some.size(); ++c) {
                const bool is_counted = mask >> c & 1;
                if (is_counted) lits.push_back(a.some[c].value), is_possible = is_possible && i >= a.some[c].from;
                else if (a.some[c].max != kUnbounded && i >= a.some[c].from) lits.push_back(negated(a.some[c].value));
            }
            if (is_possible && std::find(lits.begin(), lits.end(), kFalseLit) == lits.end()) out.push_back(goal(a.layout, lits));
        }
    }
}

void Schemas::look_ahead(GoalId root) {
    const auto end = num_given_ == 0 ? nodes.end() : nodes.begin() + num_given_;
    if (std::all_of(nodes.begin(), end, [&](const SchemaNode& s) { return is_simple(s); })) return;
    std::unordered_set<GoalId> found{root};
    std::vector<GoalId> pending{root}, next;
    while (!pending.empty()) {
        const GoalId g = pending.back();
        pending.pop_back();
        const Lits& lits = goals_[g].lits;
        const std::uint32_t layout = goals_[g].layout;
        next.clear();
        if (lits.empty()) continue;
        if (lits.size() == 1 && !(lits[0] & 1) && is_simple(node(lits[0]))) {
            add_values(node(lits[0]), layout, next);
        } else if (nonempty(g)) {
            for (std::uint32_t id : expand(g).objects)
                for (const Object::Option& option : objects_[id]->options) next.push_back(option.goal);
            for (std::uint32_t id : expand(g).arrays) add_items(*arrays_[id], next);
        }
        for (GoalId n : next)
            if (found.insert(n).second) pending.push_back(n);
        if (found.size() <= limits_.max_goals) continue;
        TooComplex e("kinds of values that a schema tells apart", limits_.max_goals, "max_goals");
        e.schema = given_node(lits);
        throw e;
    }
}

}  // namespace guided
