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
    if (listed_properties_.size() <= l >> 1) listed_properties_.resize(nodes.size());
    if (!listed_properties_[l >> 1]) {
        for (const auto& [text, value] : properties) property_at_.try_insert(std::uint64_t{l >> 1} << 32 | text, value);
        listed_properties_[l >> 1] = true;
    }
    const std::uint32_t known = property_at_.find(std::uint64_t{l >> 1} << 32 | key);
    return known == FlatMap::kMissing ? std::nullopt : std::optional<Lit>(known);
}

// Adds what these nodes say of the value of one key, if it comes.
void Schemas::add_values_at(std::span<const Lit> lits, KeyId key, Lits& out, std::size_t from) {
    const auto add = [&](Lit value) {
        if (value != kTrueLit && std::find(out.begin() + static_cast<std::ptrdiff_t>(from), out.end(), value) == out.end()) out.push_back(value);
    };
    std::optional<std::u32string> spelled;
    const auto text = [&]() -> const std::u32string& {
        if (!spelled) spelled = key_text(key);
        return *spelled;
    };
    for (Lit l : lits) {
        if (l & 1) continue;
        const SchemaNode& s = node(l);
        const auto own = own_property(l, key);
        bool is_named = own.has_value();
        if (own) add(*own);
        for (const auto& [pattern, value] : s.pattern_properties)
            if (matches(pattern, text())) add(value), is_named = true;
        if (!is_named && s.additional != kNone) add(s.additional);
        const auto may_be = [&] { return matches(scalar_expr(s.property_names, kString, 0), text()); };
        if (s.property_names != kNone && !holds_at_most(may_be)) add(kFalseLit);
    }
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
    lits.push_back(depth);
    const std::uint32_t known = glance_ids_.find(lits);
    lits.pop_back();
    if (known != glance_ids_.kMissing) return glances_[known];
    bool out = may_be_scalar(lits, kString) || may_be_scalar(lits, kNumber);
    for (std::uint32_t bit : {kNull, kFalse, kTrue})
        out = out || std::all_of(lits.begin(), lits.end(), [&](Lit l) { return literal_holds(l, bit, 0); });
    for (TypeBit type : {kObject, kArray}) {
        if (out) break;
        Glance glance(*this, type);
        out = glance.add(lits, depth);
    }
    lits.push_back(depth);
    if (glance_ids_.insert(lits).second) glances_.push_back(out);
    return out;
}

std::span<const Lit> Glance::at(KeyId key) const {
    std::uint32_t known = said_at_.find(key);
    if (known == FlatMap::kMissing) {
        const auto begin = static_cast<std::uint32_t>(values_.size());
        if (base_) {
            const auto said = base_->at(key);
            values_.insert(values_.end(), said.begin(), said.end());
        }
        schemas_.add_values_at(std::span(nodes_).subspan(num_in_base_), key, values_, begin);
        known = static_cast<std::uint32_t>(said_.size());
        said_.push_back({begin, static_cast<std::uint32_t>(values_.size()) - begin});
        said_at_.insert(key, known);
    }
    return std::span(values_).subspan(said_[known].begin, said_[known].size);
}

bool Glance::add(const Lits& lits, std::uint32_t depth) {
    const std::size_t before = nodes_.size();
    said_at_ = {}, said_.clear(), values_.clear();
    if (!schemas_.flatten(lits, type_, nodes_)) return false;
    return type_ == kArray ? may_be_array(depth) : may_be_object(before, depth);
}

bool Glance::may_be_array(std::uint32_t depth) const {
    std::uint32_t least = 0, most = kUnbounded;
    bool is_unique = false, has_equal = false;
    for (Lit l : nodes_) {
        if (l & 1) continue;
        const SchemaNode& s = schemas_.node(l);
        least = std::max(least, s.min_items), most = std::min(most, s.max_items);
        is_unique = is_unique || s.unique_items, has_equal = has_equal || s.has_equal_items;
    }
    if (least > most || (is_unique && has_equal)) return false;
    for (Lit l : nodes_) {  // an item that must be, where no item can be it
        if (l & 1) continue;
        for (const SomeItems& some : schemas_.node(l).some_items)
            if (some.min > 0 && !may_have(some, depth)) return false;
    }
    return true;
}

bool Glance::may_have(const SomeItems& some, std::uint32_t depth) const {
    std::size_t longest = some.from;
    for (Lit l : nodes_)
        if (!(l & 1)) longest = std::max(longest, schemas_.node(l).prefix.size());
    for (std::size_t i = some.from; i <= longest; ++i) {
        Lits item{some.value};
        for (Lit l : nodes_) {
            if (l & 1) continue;
            const SchemaNode& s = schemas_.node(l);
            if (i < s.prefix.size()) item.push_back(s.prefix[i]);
            else if (s.items != kNone) item.push_back(s.items);
        }
        if (schemas_.may_hold(std::move(item), depth + 1)) return true;
    }
    return false;
}

void Glance::add_required(const SchemaNode& s) {
    for (KeyId key : s.required) {
        const auto at = std::lower_bound(required_.begin(), required_.end(), key);
        if (at == required_.end() || *at != key) required_.insert(at, key);
    }
}

// `fresh`: nodes_ from here on have not been looked at yet.
bool Glance::may_be_object(std::size_t fresh, std::uint32_t depth) {
    std::vector<KeyId> changed;
    bool is_everything_changed = false;
    for (std::size_t i = fresh; i < nodes_.size(); ++i) {
        if (nodes_[i] & 1) continue;
        const SchemaNode& s = schemas_.node(nodes_[i]);
        add_required(s);
        if (!s.some_keys.empty()) seeking_.push_back(nodes_[i]);
        least_ = std::max(least_, s.min_properties), most_ = std::min(most_, s.max_properties);
        is_everything_changed = is_everything_changed || s.additional != kNone || s.property_names != kNone || !s.pattern_properties.empty();
        changed.insert(changed.end(), s.required.begin(), s.required.end());
        for (const auto& [key, _] : s.properties) changed.push_back(key);
    }
    if (least_ > most_ || required_.size() > most_) return false;
    std::sort(changed.begin(), changed.end());
    for (KeyId key : required_) {
        if (!is_everything_changed && !std::binary_search(changed.begin(), changed.end(), key)) continue;
        const auto said = at(key);
        if (!schemas_.may_hold({said.begin(), said.end()}, depth + 1)) return false;
    }
    for (Lit l : seeking_)
        for (const SomeKey& some : schemas_.node(l).some_keys)
            if (const auto names = witnesses(some); names && names->empty()) return false;
    return true;
}

// The keys that can be this one, where only some named keys may come at all.
std::optional<std::vector<KeyId>> Glance::witnesses(const SomeKey& some) const {
    for (Lit l : nodes_) {
        if (l & 1) continue;
        const SchemaNode& s = schemas_.node(l);
        if (s.additional != kFalseLit || !s.pattern_properties.empty()) continue;
        std::vector<KeyId> out;
        for (const auto& [key, _] : s.properties) {
            if (!schemas_.matches(some.keys, schemas_.key_text(key))) continue;
            const auto said = at(key);
            Lits value(said.begin(), said.end());
            value.push_back(some.value);
            if (schemas_.may_hold(std::move(value), 1)) out.push_back(key);
        }
        return out;
    }
    return std::nullopt;
}

bool Glance::implies_at(KeyId key, Lit value) const {
    if (value == kTrueLit) return true;
    const auto said = at(key);
    if (std::find(said.begin(), said.end(), value) != said.end()) return true;
    Lits known(said.begin(), said.end());
    known.push_back(negated(value));
    return !schemas_.may_hold(std::move(known), 1);
}

// True: whatever satisfies what has been looked at satisfies this literal too.
bool Glance::implies(Lit l, std::uint32_t depth) const {
    if (l == kTrueLit || has(nodes_, l)) return true;
    const SchemaNode& s = schemas_.node(l);
    auto all = [&](const Lits& lits) { return std::all_of(lits.begin(), lits.end(), [&](Lit m) { return implies(m, depth + 1); }); };
    auto any = [&](const Lits& lits) { return std::any_of(lits.begin(), lits.end(), [&](Lit m) { return implies(m, depth + 1); }); };
    if (depth > kMaxGlance) return false;
    if (l & 1) {
        if (!(s.types & type_)) return true;
        const auto options = schemas_.refutations(l >> 1, type_);
        return std::any_of(options->begin(), options->end(), all);
    }
    if (!(s.types & type_) || !s.one_of.empty() || s.unevaluated_properties != kNone || s.unevaluated_items != kNone) return false;
    return all(s.all_of) && std::all_of(s.any_of.begin(), s.any_of.end(), any) && (type_ == kObject ? implies_keys(s) : implies_counts(s));
}

bool Glance::implies_keys(const SchemaNode& s) const {
    if (s.additional != kNone || s.property_names != kNone || !s.pattern_properties.empty() || !s.differs_from.empty()) return false;
    if (s.min_properties > 0 || s.max_properties != kUnbounded) return false;
    for (KeyId key : s.required)
        if (!std::binary_search(required_.begin(), required_.end(), key)) return false;
    for (const auto& [key, value] : s.properties)
        if (!implies_at(key, value)) return false;
    auto is_there = [&](const SomeKey& some) {
        return std::any_of(required_.begin(), required_.end(), [&](KeyId key) {
            return schemas_.matches(some.keys, schemas_.key_text(key)) && implies_at(key, some.value);
        });
    };
    return std::all_of(s.some_keys.begin(), s.some_keys.end(), is_there);
}

bool Glance::implies_counts(const SchemaNode& s) const {
    if (!s.differs_from.empty() || !s.prefix.empty() || s.items != kNone || s.unique_items || !s.some_items.empty() || s.has_equal_items) return false;
    std::uint32_t least = 0, most = kUnbounded;
    for (Lit l : nodes_)
        if (!(l & 1)) least = std::max(least, schemas_.node(l).min_items), most = std::min(most, schemas_.node(l).max_items);
    return least >= s.min_items && most <= s.max_items;
}

bool Glance::implies(const Lits& all) const {
    return std::all_of(all.begin(), all.end(), [&](Lit l) { return implies(l); });
}

}  // namespace guided
