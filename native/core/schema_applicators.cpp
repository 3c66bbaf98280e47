// What a schema says of objects and arrays, and keywords that apply schemas to the same value.
#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "schema_lowering.hpp"

namespace guided {

namespace {

constexpr KeywordSet kOfObjects =
    bits(Keyword::Properties, Keyword::PatternProperties, Keyword::AdditionalProperties, Keyword::PropertyNames,
         Keyword::UnevaluatedProperties, Keyword::Required, Keyword::MinProperties, Keyword::MaxProperties);
constexpr KeywordSet kOfArrays = bits(Keyword::PrefixItems, Keyword::Items, Keyword::AdditionalItems, Keyword::UnevaluatedItems,
                                      Keyword::MinItems, Keyword::MaxItems, Keyword::UniqueItems, Keyword::Contains);

// Without what comes again.
Lits distinct(const Lits& lits) {
    Lits out;
    if (lits.size() <= 16) {
        for (const Lit l : lits)
            if (std::ranges::find(out, l) == out.end()) out.push_back(l);
        return out;
    }
    std::unordered_set<Lit> seen;
    for (const Lit l : lits)
        if (seen.insert(l).second) out.push_back(l);
    return out;
}

}  // namespace

std::optional<KeyId> SchemaLowering::key(std::string_view text) {
    std::u32string characters;
    if (!decoded(text, characters)) return {};
    return schemas_.intern_key(characters);
}

// False where a name has no spelling: then no object has all of them.
bool SchemaLowering::add_required(SchemaNode& n, std::span<const ValueId> names) {
    for (const ValueId name : names) {
        const std::optional<KeyId> id = key(doc().text(name));
        if (!id) return false;
        n.required.push_back(*id);
    }
    return true;
}

void SchemaLowering::add_object(SchemaNode& n, const Kept& kept, const Place& place) {
    if (!kept.has_any(kOfObjects)) return;
    const auto count = [&](Keyword k) { return Decimal(doc().text(kept[k])).as_count(); };
    if (kept.has(Keyword::Properties)) {
        const ValueId properties = kept[Keyword::Properties];
        n.properties.reserve(doc().num_parts(properties));
        for (std::uint32_t i = 0; i < doc().num_parts(properties); ++i) {
            const Document::Member m = doc().member(properties, i);
            const Lit value = child(place, m.value, Keyword::Properties, m.key);
            if (const auto name = key(doc().text(m.key))) n.properties.push_back({*name, value});
        }
    }
    if (kept.has(Keyword::PatternProperties)) {
        const ValueId patterns = kept[Keyword::PatternProperties];
        for (std::uint32_t i = 0; i < doc().num_parts(patterns); ++i) {
            const Document::Member m = doc().member(patterns, i);
            const ExprId keys = pattern(doc().text(m.key), below(place.path, Keyword::PatternProperties, m.key));
            n.pattern_properties.push_back({keys, child(place, m.value, Keyword::PatternProperties, m.key)});
        }
    }
    if (kept.has(Keyword::AdditionalProperties)) n.additional = part(place, kept[Keyword::AdditionalProperties], Keyword::AdditionalProperties);
    if (kept.has(Keyword::PropertyNames)) n.property_names = part(place, kept[Keyword::PropertyNames], Keyword::PropertyNames);
    if (kept.has(Keyword::UnevaluatedProperties))
        n.unevaluated_properties = part(place, kept[Keyword::UnevaluatedProperties], Keyword::UnevaluatedProperties);
    if (kept.has(Keyword::Required)) {
        const auto names = doc().items(kept[Keyword::Required]);
        if (!add_required(n, {names.begin(), names.end()})) n.types &= ~std::uint32_t{kObject};
    }
    if (kept.has(Keyword::MinProperties)) n.min_properties = count(Keyword::MinProperties);
    if (kept.has(Keyword::MaxProperties)) n.max_properties = count(Keyword::MaxProperties);
}

void SchemaLowering::add_array(SchemaNode& n, const Kept& kept, const Place& place) {
    if (!kept.has_any(kOfArrays)) return;
    const auto count = [&](Keyword k) { return Decimal(doc().text(kept[k])).as_count(); };
    const bool is_latest = options_.draft >= 2020;
    const Keyword prefix = is_latest ? Keyword::PrefixItems : Keyword::Items;
    Keyword rest = is_latest ? Keyword::Items : Keyword::AdditionalItems;
    if (kept.has(prefix) && is(kept[prefix], JsonKind::Array)) {
        const ValueId items = kept[prefix];
        for (std::uint32_t i = 0; i < doc().num_parts(items); ++i) n.prefix.push_back(child(place, doc().item(items, i), prefix, i));
    } else if (!is_latest) {
        rest = Keyword::Items;  // additionalItems means nothing without a list of items
    }
    if (kept.has(rest)) n.items = part(place, kept[rest], rest);
    if (kept.has(Keyword::UnevaluatedItems)) n.unevaluated_items = part(place, kept[Keyword::UnevaluatedItems], Keyword::UnevaluatedItems);
    if (kept.has(Keyword::MinItems)) n.min_items = count(Keyword::MinItems);
    if (kept.has(Keyword::MaxItems)) n.max_items = count(Keyword::MaxItems);
    // enum and const kept only arrays of different items
    n.unique_items = kept.has(Keyword::UniqueItems) && is(kept[Keyword::UniqueItems], JsonKind::True) && !kept.has_any(bits(Keyword::Const, Keyword::Enum));
    if (kept.has(Keyword::Contains)) {
        const std::uint32_t least = kept.has(Keyword::MinContains) ? count(Keyword::MinContains) : 1;
        const std::uint32_t most = kept.has(Keyword::MaxContains) ? count(Keyword::MaxContains) : kUnbounded;
        n.some_items.push_back({0, child(place, kept[Keyword::Contains], Keyword::Contains), least, most, is_latest});
    }
}

void SchemaLowering::add_applicators(SchemaNode& n, const Kept& kept, const Place& place) {
    std::vector<Applied> all;
    if (kept.has(Keyword::AllOf))
        for (const Lit l : branches(kept, place, Keyword::AllOf)) all.push_back({{l}, Keyword::AllOf});
    for (const Keyword k : {Keyword::Ref, Keyword::DynamicRef, Keyword::RecursiveRef})
        if (kept.has(k)) all.push_back({{node(follow(place, k))}, k});
    if (kept.has(Keyword::Not)) all.push_back({{negated(child(place, kept[Keyword::Not], Keyword::Not))}, Keyword::Not});
    for (Lits& values : n.any_of) all.push_back({std::move(values), kept.has(Keyword::Enum) ? Keyword::Enum : Keyword::Const});
    n.any_of.clear();
    if (kept.has(Keyword::AnyOf)) all.push_back({branches(kept, place, Keyword::AnyOf), Keyword::AnyOf});
    if (kept.has(Keyword::If)) n.condition = add_condition(all, kept, place);
    add_dependencies(all, kept, place);
    if (kept.has(Keyword::OneOf)) {
        const bool is_disjoint = are_disjoint(place, kept[Keyword::OneOf]);
        all.push_back({branches(kept, place, Keyword::OneOf), Keyword::OneOf, !is_disjoint});
    }
    simplify(n, std::move(all), kept, place);
}

// Groups without what can never hold; groups of one are conditions.
void SchemaLowering::simplify(SchemaNode& n, std::vector<Applied> applied, const Kept& kept, const Place& place) const {
    std::vector<Keyword> all_of{Keyword::Properties}, any_of, one_of;  // under which the members of n.all_of ... stand
    std::unordered_set<Lit> known;
    for (Applied& a : applied) {
        if (!a.is_one_of) {
            if (!has_unevaluated_ && std::ranges::find(a.group, kTrueLit) != a.group.end()) continue;
            a.group = distinct(a.group);
        }
        std::erase(a.group, kFalseLit);
        if (a.group.size() > 1) {
            (a.is_one_of ? n.one_of : n.any_of).push_back(std::move(a.group));
            (a.is_one_of ? one_of : any_of).push_back(a.keyword);
            continue;
        }
        const Lit l = a.group.empty() ? kFalseLit : a.group[0];
        if (l == kTrueLit || !known.insert(l).second) continue;
        n.all_of.push_back(l);
        all_of.push_back(a.keyword);
    }
    for (const auto* more : {&any_of, &one_of}) all_of.insert(all_of.end(), more->begin(), more->end());
    if (n.condition != kNone) all_of.push_back(Keyword::If);
    n.order = order_of(all_of, kept, place);
}

// In which order parts of a schema that stand under these keywords declare keys: by where they stand. Only a schema that
// closes its objects has named all their keys itself, so that no other part declares any. Empty: in the order given.
std::vector<std::uint32_t> SchemaLowering::order_of(const std::vector<Keyword>& keywords, const Kept& kept, const Place& place) const {
    const bool is_closed = kept.has(Keyword::AdditionalProperties) && is(kept[Keyword::AdditionalProperties], JsonKind::False);
    std::array<std::uint32_t, kNumKeywords + 1> place_of{};
    std::uint32_t num_members = 0;
    for (const Document::Member& m : doc().members(place.schema)) place_of[static_cast<std::size_t>(m.keyword)] = ++num_members;
    if (is_closed) place_of[static_cast<std::size_t>(Keyword::Properties)] = 0;
    std::vector<std::uint32_t> by_place(keywords.size()), out(keywords.size());
    std::iota(by_place.begin(), by_place.end(), 0u);
    std::ranges::stable_sort(by_place, {}, [&](std::uint32_t i) { return place_of[static_cast<std::size_t>(keywords[i])]; });
    if (std::ranges::is_sorted(by_place)) return {};
    for (std::uint32_t i = 0; i < out.size(); ++i) out[by_place[i]] = i;
    return out;
}

Lits SchemaLowering::branches(const Kept& kept, const Place& place, Keyword keyword) {
    Lits out;
    if (!kept.has(keyword)) return out;
    const ValueId list = kept[keyword];
    for (std::uint32_t i = 0; i < doc().num_parts(list); ++i) out.push_back(child(place, doc().item(list, i), keyword, i));
    return out;
}

Lit SchemaLowering::add_condition(std::vector<Applied>& groups, const Kept& kept, const Place& place) {
    const Lit condition = child(place, kept[Keyword::If], Keyword::If);
    if (kept.has(Keyword::Then)) groups.push_back({implication(condition, child(place, kept[Keyword::Then], Keyword::Then)), Keyword::Then});
    if (kept.has(Keyword::Else)) groups.push_back({implication(negated(condition), child(place, kept[Keyword::Else], Keyword::Else)), Keyword::Else});
    if (has_unevaluated_ && condition > kFalseLit)
        groups.push_back({{condition, kTrueLit}, Keyword::If});  // says nothing of values, but what it evaluates counts
    return condition;
}

void SchemaLowering::add_dependencies(std::vector<Applied>& groups, const Kept& kept, const Place& place) {
    for (const Keyword k : {Keyword::Dependencies, Keyword::DependentRequired, Keyword::DependentSchemas}) {
        if (!kept.has(k)) continue;
        const ValueId map = kept[k];
        for (std::uint32_t i = 0; i < doc().num_parts(map); ++i) {
            const Document::Member m = doc().member(map, i);
            Lit consequence;
            if (is(m.value, JsonKind::Array)) {
                const auto names = doc().items(m.value);
                consequence = has({names.begin(), names.end()}, kAllTypes);
            } else {
                consequence = child(place, m.value, k, m.key);
            }
            const Lit condition = has_key(doc().text(m.key));
            // Whether a key is there evaluates nothing: simpler than an implication, unless someone asks.
            groups.push_back({has_unevaluated_ ? implication(condition, consequence) : Lits{negated(condition), consequence}, k});
        }
    }
}

// The group of "if condition, then consequence": not the one, or both.
//
// Both, for beside unevaluated* a consequence that does not apply must evaluate nothing, and the two ways of a condition
// that speaks of values exclude each other then.
Lits SchemaLowering::implication(Lit condition, Lit consequence) {
    if (condition == kTrueLit) return {consequence};
    SchemaNode both;
    both.all_of = {condition, consequence};
    const SchemaId node = new_node();
    define(node, std::move(both));
    return {negated(condition), 2 * node};
}

// "Is of these types, and if an object has these keys".
Lit SchemaLowering::has(std::span<const ValueId> names, std::uint32_t types) {
    if (names.empty() && types == kAllTypes) return kTrueLit;
    SchemaNode n;
    n.types = types;
    if (!add_required(n, names)) n.required.clear(), n.types &= ~std::uint32_t{kObject};
    std::vector<std::uint32_t> made_of{n.types};
    made_of.insert(made_of.end(), n.required.begin(), n.required.end());
    const auto [it, is_new] = having_.try_emplace(std::move(made_of), kNone);
    if (is_new) {
        it->second = new_node();
        define(it->second, std::move(n));
    }
    return 2 * it->second;
}

// "Is an object with this key".
Lit SchemaLowering::has_key(std::string_view name) {
    const std::optional<KeyId> id = key(name);
    if (!id) return kFalseLit;
    const auto [it, is_new] = having_.try_emplace({kObject, *id}, kNone);
    if (is_new) {
        SchemaNode n;
        n.types = kObject;
        n.required.push_back(*id);
        it->second = new_node();
        define(it->second, std::move(n));
    }
    return 2 * it->second;
}

}  // namespace guided
