// Values that must differ from values seen before, without multiplying how they may differ.
//
// An object or array that is being made remembers which of the old values it still equals so far. At a key or place where
// those have values of their own, the new one either is none of these, and is apart from all of them from there on, or is
// one of them, and equals only the old values that have it there. It may not close equal to one.
#include <algorithm>

#include "errors.hpp"
#include "schema.hpp"

namespace guided {

namespace {

constexpr std::uint64_t kInfinite = UINT64_MAX;

std::uint64_t plus(std::uint64_t a, std::uint64_t b) { return a == kInfinite || b == kInfinite ? kInfinite : a + b; }

}  // namespace

// Holds of every value that is none of these; they come from value_lit().
Lit Schemas::differs_from(Lits values) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    if (values.empty()) return kTrueLit;
    auto [it, fresh] = differs_.try_emplace(values, kNone);
    if (!fresh) return it->second;
    SchemaNode n;
    std::vector<ExprId> strings, numbers;
    for (Lit value : values) {
        const SchemaNode& v = node(value);
        if (v.types == kString) strings.push_back(v.string);
        else if (v.types == kNumber) numbers.push_back(v.number);
        else if (v.types == kObject || v.types == kArray) n.differs_from.push_back(value);
        else n.types &= ~v.types;
    }
    if (!strings.empty()) n.string = pool_.negate(pool_.alt(std::move(strings)));
    if (!numbers.empty()) {
        n.number_not = pool_.alt(std::move(numbers));
        n.number = pool_.both({default_number(), pool_.negate(n.number_not)});
    }
    return it->second = add_node(std::move(n));
}

std::uint32_t Schemas::intern_lits(const Lits& lits) {
    auto [it, fresh] = lit_set_ids_.try_emplace(lits, static_cast<std::uint32_t>(lit_sets_.size()));
    if (fresh) lit_sets_.push_back(lits);
    return it->second;
}

Progress Schemas::initial_progress(const Object& o) {
    Progress p;
    p.equal = intern_lits(o.apart_from);
    return p;
}

namespace {

// What each old value has at one key, and nothing for those without it.
struct Parting {
    Lits values;                      // different ones
    std::vector<Lits> equal;          // the old values that have each
};

Parting parting(const Lits& old, const auto& value_of) {
    Parting out;
    for (Lit l : old) {
        const Lit value = value_of(l);
        if (value == kNone) continue;
        const auto at = std::find(out.values.begin(), out.values.end(), value);
        if (at == out.values.end()) out.values.push_back(value), out.equal.push_back({l});
        else out.equal[static_cast<std::size_t>(at - out.values.begin())].push_back(l);
    }
    return out;
}

}  // namespace

// The readings of an option of a key for an object that still equals these old values.
std::vector<std::uint32_t> Schemas::apart_options(std::uint32_t object, std::uint32_t option, std::uint32_t equal) {
    Object& o = *objects_[object];
    const Object::Option plain = o.options[option];
    if (equal == 0 || plain.key >= o.keys.size()) return {option};
    if (auto it = apart_options_.find({object, option, equal}); it != apart_options_.end()) return it->second;
    const KeyId key = o.keys[plain.key].text;
    const Parting parts = parting(lit_sets_[equal], [&](Lit l) { return own_property(l, key).value_or(kNone); });
    std::vector<std::uint32_t> out;
    auto add = [&](Lit value, std::uint32_t after) {
        Lits lits = goals_[plain.goal].lits;
        lits.push_back(value);
        out.push_back(static_cast<std::uint32_t>(o.options.size()));
        o.options.push_back({plain.key, plain.chosen, plain.witnessed, goal(o.layout, lits), plain.spelled, after});
    };
    if (parts.values.empty()) return apart_options_[{object, option, equal}] = {option};
    add(differs_from(parts.values), 0);
    for (std::size_t i = 0; i < parts.values.size(); ++i) add(parts.values[i], intern_lits(parts.equal[i]));
    return apart_options_[{object, option, equal}] = out;
}

// Whether an object that closes now is one of the old values.
bool Schemas::is_old(const Object& o, const Progress& p) const {
    if (p.equal == 0) return false;
    std::uint32_t num_seen = 0;
    for (std::uint32_t i = 0; i < o.keys.size(); ++i) num_seen += p.has(i);
    const Lits& old = lit_sets_[p.equal];
    return std::any_of(old.begin(), old.end(), [&](Lit l) { return node(l).properties.size() == num_seen; });
}

// Chooses keys in order until the object is apart from all old values; the rest is planned as ever.
struct Schemas::ApartPlanner {
    Schemas& schemas;
    std::uint32_t object;
    std::vector<GoalId>* needs;
    std::uint32_t work = 0;

    Plan<PlannedKey> from(std::uint32_t first, const Progress& p, bool at_least_one) {
        if (const auto most = schemas.limits_.max_plan_work; ++work > most)
            throw TooComplex("ways to differ from earlier items, tried one by one", most, "max_plan_work");
        const Object& o = *schemas.objects_[object];
        if (p.equal == 0) return schemas.plan_keys(o, p, at_least_one, needs);
        Plan<PlannedKey> best;
        if (!at_least_one && schemas.can_close(o, p)) return {2, {}};
        for (std::uint32_t key = first; key < o.keys.size() + o.extras.size(); ++key) {
            const bool is_extra = key >= o.keys.size();
            if (!is_extra && schemas.is_used(o, p, key)) continue;
            for (std::uint32_t i = o.first_option[key]; i < o.first_option[key + 1]; ++i)
                if (schemas.may_use(o, p, i)) take(i, p, best);
            if (!is_extra && o.keys[key].is_required) break;  // it has to come, so later ones come after it
        }
        return best;
    }

    void take(std::uint32_t plain, const Progress& p, Plan<PlannedKey>& best) {
        const Object& o = *schemas.objects_[object];
        for (std::uint32_t i : schemas.apart_options(object, plain, p.equal)) {
            const Object::Option x = o.options[i];
            const bool is_extra = x.key >= o.keys.size();
            // who leaves out a key that all old values have in common is apart from them anyway
            if (!is_extra && x.equal == p.equal && !o.keys[x.key].is_required && !o.counts()) continue;
            std::uint64_t cost = plus(schemas.known_cost(x.goal, needs), 5);
            if (cost >= best.cost) continue;
            PlannedKey key{i, is_extra ? kNone : o.keys[x.key].text, x.goal};
            if (is_extra) {
                const auto text = schemas.fresh_key(x.spelled, p);
                if (!text) continue;
                key.label |= kExtraBit, key.text = *text;
            }
            cost += schemas.key_size(key.text);
            const Progress after = schemas.advanced(o, p, key.label, key.text);
            Plan<PlannedKey> rest = from(x.key + 1, after, false);
            if (plus(cost, rest.cost) >= best.cost) continue;
            best.cost = plus(cost, rest.cost);
            best.items = {key};
            best.items.insert(best.items.end(), rest.items.begin(), rest.items.end());
        }
    }
};

Plan<PlannedKey> Schemas::plan(std::uint32_t object, const Progress& p, bool at_least_one, std::vector<GoalId>* needs) {
    if (p.equal == 0) return plan_keys(*objects_[object], p, at_least_one, needs);
    return ApartPlanner{*this, object, needs}.from(0, p, at_least_one);
}

// The ways to take the next item beside old values that the array still equals: what it must be, and what it equals then.
std::vector<std::pair<Lit, Lits>> Schemas::apart_items(const ArrayProgress& p) const {
    if (p.equal.empty()) return {{kTrueLit, {}}};
    const Parting parts = parting(p.equal, [&](Lit l) { return p.index < node(l).prefix.size() ? node(l).prefix[p.index] : kNone; });
    std::vector<std::pair<Lit, Lits>> out{{kNone, {}}};  // none of these
    for (std::size_t i = 0; i < parts.values.size(); ++i) out.push_back({parts.values[i], parts.equal[i]});
    return out;
}

bool Schemas::is_old(const ArrayProgress& p) const {
    return std::any_of(p.equal.begin(), p.equal.end(), [&](Lit l) { return node(l).prefix.size() == p.index; });
}

// Items until the array is apart from all old values; the rest is planned as ever.
Plan<GoalId> Schemas::plan_apart_items(const Array& a, std::uint32_t progress, bool at_least_one, std::vector<GoalId>* needs,
                                       std::uint32_t& work) {
    if (++work > limits_.max_plan_work)
        throw TooComplex("ways to differ from earlier items, tried one by one", limits_.max_plan_work, "max_plan_work");
    if (array_progresses_[progress].equal.empty()) return plan_uniform_items(a, progress, at_least_one, needs);
    if (!at_least_one && can_close(a, progress)) return {2, {}};
    Plan<GoalId> best;
    for (const ItemOption& option : raw_item_options(a, progress)) {
        const std::uint64_t cost = plus(known_cost(option.goal, needs), 2);
        if (cost >= best.cost) continue;
        Plan<GoalId> rest = plan_apart_items(a, option.progress, false, needs, work);
        if (plus(cost, rest.cost) >= best.cost) continue;
        best.cost = plus(cost, rest.cost);
        best.items = {option.goal};
        best.items.insert(best.items.end(), rest.items.begin(), rest.items.end());
    }
    return best;
}

}  // namespace guided
