// What can be seen of a conjunction at a glance: contradictions and consequences that need no expansion.
//
// Expanding a goal multiplies choices; most real ones are settled by a constant at a required key, by a type, or by a
// closed object. Everything here errs on one side: "may" is said wherever a proof would take more than a look.
#include <algorithm>

#include "errors.hpp"
#include "glance.hpp"

namespace guided {

namespace {

constexpr std::uint32_t kMaxGlance = 3;        // how deep required values are looked into
constexpr std::uint32_t kMaxFlat = 200;        // schemas applied in place, looked at
constexpr std::size_t kGlanceSearch = 300;     // states explored to see that a pattern cannot match
constexpr std::size_t kMaxListed = 8;          // properties searched one by one

bool has(const Lits& lits, Lit l) { return std::find(lits.begin(), lits.end(), l) != lits.end(); }

}  // namespace

std::optional<Lit> Schemas::own_property(Lit l, KeyId key) {
    const auto& properties = node(l).properties;
    if (properties.size() <= kMaxListed) {
        for (const auto& [text, value] : properties)
            if (text == key) return value;
        return std::nullopt;
    }
    auto& sorted = sorted_properties_[l >> 1];
    if (sorted.empty()) {
        sorted = properties;
        std::sort(sorted.begin(), sorted.end());
    }
    const auto at = std::lower_bound(sorted.begin(), sorted.end(), std::pair<KeyId, Lit>{key, 0});
    if (at == sorted.end() || at->first != key) return std::nullopt;
    return at->second;
}

// What these nodes say of the value of one key, if it comes.
Lits Schemas::values_at(const Lits& lits, KeyId key) {
    Lits out;
    auto add = [&](Lit value) {
        if (value != kTrueLit && !has(out, value)) out.push_back(value);
    };
    for (Lit l : lits) {
        const SchemaNode& s = node(l);
        const auto own = own_property(l, key);
        bool is_named = own.has_value();
        if (own) add(*own);
        for (const auto& [pattern, value] : s.pattern_properties)
            if (matches(pattern, key_text(key))) add(value), is_named = true;
        if (!is_named && s.additional != kNone) add(s.additional);
        const auto may_be = [&] { return matches(scalar_expr(s.property_names, kString, 0), key_text(key)); };
        if (s.property_names != kNone && !holds_at_most(may_be)) add(kFalseLit);
    }
    return out;
}

// True: certainly no value of this type satisfies the literal.
bool Schemas::refuses(Lit l, TypeBit type, std::uint32_t depth) const {
    const SchemaNode& s = node(l);
    if (depth > kMaxGlance) return false;
    if (l & 1)
        return (s.types & type) && !s.constrains(type) && s.all_of.empty() && s.any_of.empty() && s.one_of.empty() &&
               s.unevaluated_properties == kNone && s.unevaluated_items == kNone;
    if (!(s.types & type)) return true;
    auto no = [&](Lit m) { return refuses(m, type, depth + 1); };
    if (std::any_of(s.all_of.begin(), s.all_of.end(), no)) return true;
    auto none = [&](const Lits& group) { return std::all_of(group.begin(), group.end(), no); };
    return std::any_of(s.any_of.begin(), s.any_of.end(), none) || std::any_of(s.one_of.begin(), s.one_of.end(), none);
}

// Positive literals that hold together with `lits`, choices left out; false: they contradict each other.
bool Schemas::flatten(const Lits& lits, TypeBit type, Lits& out) const {
    Lits pending(lits.rbegin(), lits.rend());
    while (!pending.empty()) {
        const Lit l = pending.back();
        pending.pop_back();
        if (has(out, l)) continue;
        if (has(out, negated(l)) || refuses(l, type, 0)) return false;
        if (out.size() > kMaxFlat) return true;
        out.push_back(l);
        if (!(l & 1)) pending.insert(pending.end(), node(l).all_of.rbegin(), node(l).all_of.rend());
    }
    return true;
}

bool Schemas::may_be_scalar(const Lits& lits, TypeBit type) {
    if (std::any_of(lits.begin(), lits.end(), [&](Lit l) { return refuses(l, type, 0); })) return false;
    const auto may_be = [&] {
        std::vector<ExprId> parts;
        for (Lit l : lits) parts.push_back(scalar_expr(l, type, 0));
        return pool_.nonempty_within(pool_.both(std::move(parts)), kGlanceSearch);
    };
    try {
        return holds_at_most(may_be);
    } catch (const Unsupported&) {
        return true;
    }
}

bool Schemas::may_hold(Lits lits, std::uint32_t depth) {
    std::sort(lits.begin(), lits.end());
    lits.erase(std::unique(lits.begin(), lits.end()), lits.end());
    if (has(lits, kFalseLit)) return false;
    std::erase(lits, kTrueLit);
    if (lits.empty() || depth > kMaxGlance) return true;
    if (lits.size() == 1 && !(lits[0] & 1)) return true;  // of one schema nothing is asked beside others
    for (std::size_t i = 1; i < lits.size(); ++i)
        if (lits[i] == negated(lits[i - 1])) return false;
    std::vector<std::uint32_t> key = lits;
    key.push_back(depth);
    if (const std::uint32_t known = glance_ids_.find(key); known != glance_ids_.kMissing) return glances_[known];
    bool out = may_be_scalar(lits, kString) || may_be_scalar(lits, kNumber);
    for (std::uint32_t bit : {kNull, kFalse, kTrue})
        out = out || std::all_of(lits.begin(), lits.end(), [&](Lit l) { return literal_holds(l, bit, 0); });
    for (TypeBit type : {kObject, kArray}) {
        if (out) break;
        Glance glance{*this, type, {}};
        out = glance.add(lits, depth);
    }
    if (glance_ids_.insert(key).second) glances_.push_back(out);
    return out;
}

bool Glance::is_required(KeyId key) const {
    return std::any_of(nodes.begin(), nodes.end(), [&](Lit l) {
        const auto& names = schemas.node(l).required;
        return !(l & 1) && std::find(names.begin(), names.end(), key) != names.end();
    });
}

Lits Glance::at(KeyId key) const {
    Lits positive;
    for (Lit l : nodes)
        if (!(l & 1)) positive.push_back(l);
    return schemas.values_at(positive, key);
}

bool Glance::add(const Lits& lits, std::uint32_t depth) {
    const std::size_t before = nodes.size();
    if (!schemas.flatten(lits, type, nodes)) return false;
    return type == kArray ? may_be_array(depth) : may_be_object(before, depth);
}

bool Glance::may_be_array(std::uint32_t depth) const {
    std::uint32_t least = 0, most = kUnbounded;
    bool is_unique = false, has_equal = false;
    for (Lit l : nodes) {
        if (l & 1) continue;
        const SchemaNode& s = schemas.node(l);
        least = std::max(least, s.min_items), most = std::min(most, s.max_items);
        is_unique = is_unique || s.unique_items, has_equal = has_equal || s.has_equal_items;
    }
    if (least > most || (is_unique && has_equal)) return false;
    for (Lit l : nodes) {  // an item that must be, where no item can be it
        if (l & 1) continue;
        for (const SomeItems& some : schemas.node(l).some_items)
            if (some.min > 0 && !may_have(some, depth)) return false;
    }
    return true;
}

bool Glance::may_have(const SomeItems& some, std::uint32_t depth) const {
    std::size_t longest = some.from;
    for (Lit l : nodes)
        if (!(l & 1)) longest = std::max(longest, schemas.node(l).prefix.size());
    for (std::size_t i = some.from; i <= longest; ++i) {
        Lits item{some.value};
        for (Lit l : nodes) {
            if (l & 1) continue;
            const SchemaNode& s = schemas.node(l);
            if (i < s.prefix.size()) item.push_back(s.prefix[i]);
            else if (s.items != kNone) item.push_back(s.items);
        }
        if (schemas.may_hold(std::move(item), depth + 1)) return true;
    }
    return false;
}

// `fresh`: nodes from here on have not been looked at yet.
bool Glance::may_be_object(std::size_t fresh, std::uint32_t depth) {
    std::vector<KeyId> required, changed;
    std::uint32_t least = 0, most = kUnbounded;
    bool is_everything_changed = false;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (nodes[i] & 1) continue;
        const SchemaNode& s = schemas.node(nodes[i]);
        required.insert(required.end(), s.required.begin(), s.required.end());
        least = std::max(least, s.min_properties), most = std::min(most, s.max_properties);
        if (i < fresh) continue;
        is_everything_changed = is_everything_changed || s.additional != kNone || s.property_names != kNone || !s.pattern_properties.empty();
        changed.insert(changed.end(), s.required.begin(), s.required.end());
        for (const auto& [key, _] : s.properties) changed.push_back(key);
    }
    std::sort(required.begin(), required.end());
    required.erase(std::unique(required.begin(), required.end()), required.end());
    if (least > most || required.size() > most) return false;
    std::sort(changed.begin(), changed.end());
    for (KeyId key : required)
        if (is_everything_changed || std::binary_search(changed.begin(), changed.end(), key))
            if (!schemas.may_hold(at(key), depth + 1)) return false;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (nodes[i] & 1) continue;
        for (const SomeKey& some : schemas.node(nodes[i]).some_keys)
            if (const auto names = witnesses(some); names && names->empty()) return false;
    }
    return true;
}

// The keys that can be this one, where only some named keys may come at all.
std::optional<std::vector<KeyId>> Glance::witnesses(const SomeKey& some) const {
    for (Lit l : nodes) {
        if (l & 1) continue;
        const SchemaNode& s = schemas.node(l);
        if (s.additional != kFalseLit || !s.pattern_properties.empty()) continue;
        std::vector<KeyId> out;
        for (const auto& [key, _] : s.properties) {
            if (!schemas.matches(some.keys, schemas.key_text(key))) continue;
            Lits value = at(key);
            value.push_back(some.value);
            if (schemas.may_hold(std::move(value), 1)) out.push_back(key);
        }
        return out;
    }
    return std::nullopt;
}

bool Glance::implies_at(KeyId key, Lit value) const {
    if (value == kTrueLit) return true;
    Lits known = at(key);
    if (has(known, value)) return true;
    known.push_back(negated(value));
    return !schemas.may_hold(std::move(known), 1);
}

// True: whatever satisfies what has been looked at satisfies this literal too.
bool Glance::implies(Lit l, std::uint32_t depth) const {
    if (l == kTrueLit || has(nodes, l)) return true;
    const SchemaNode& s = schemas.node(l);
    auto all = [&](const Lits& lits) { return std::all_of(lits.begin(), lits.end(), [&](Lit m) { return implies(m, depth + 1); }); };
    auto any = [&](const Lits& lits) { return std::any_of(lits.begin(), lits.end(), [&](Lit m) { return implies(m, depth + 1); }); };
    if (depth > kMaxGlance) return false;
    if (l & 1) {
        if (!(s.types & type)) return true;
        const auto options = schemas.refutations(l >> 1, type);
        return std::any_of(options->begin(), options->end(), all);
    }
    if (!(s.types & type) || !s.one_of.empty() || s.unevaluated_properties != kNone || s.unevaluated_items != kNone) return false;
    return all(s.all_of) && std::all_of(s.any_of.begin(), s.any_of.end(), any) && (type == kObject ? implies_keys(s) : implies_counts(s));
}

bool Glance::implies_keys(const SchemaNode& s) const {
    if (s.additional != kNone || s.property_names != kNone || !s.pattern_properties.empty() || !s.differs_from.empty()) return false;
    if (s.min_properties > 0 || s.max_properties != kUnbounded) return false;
    for (KeyId key : s.required)
        if (!is_required(key)) return false;
    for (const auto& [key, value] : s.properties)
        if (!implies_at(key, value)) return false;
    auto is_there = [&](const SomeKey& some) {
        for (Lit l : nodes) {
            if (l & 1) continue;
            for (KeyId key : schemas.node(l).required)
                if (schemas.matches(some.keys, schemas.key_text(key)) && implies_at(key, some.value)) return true;
        }
        return false;
    };
    return std::all_of(s.some_keys.begin(), s.some_keys.end(), is_there);
}

bool Glance::implies_counts(const SchemaNode& s) const {
    if (!s.differs_from.empty() || !s.prefix.empty() || s.items != kNone || s.unique_items || !s.some_items.empty() || s.has_equal_items) return false;
    std::uint32_t least = 0, most = kUnbounded;
    for (Lit l : nodes)
        if (!(l & 1)) least = std::max(least, schemas.node(l).min_items), most = std::min(most, schemas.node(l).max_items);
    return least >= s.min_items && most <= s.max_items;
}

bool Glance::implies(const Lits& all) const {
    return std::all_of(all.begin(), all.end(), [&](Lit l) { return implies(l); });
}

}  // namespace guided
