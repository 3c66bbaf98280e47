// Whether no value fits two branches of a `oneOf`, seen from their surface: then "exactly one" is "at least one".
//
// Branches are told apart by their types, by the values of enum and const, or by a property that both require with
// different constants (a discriminator).
#include <algorithm>

#include "schema_lowering.hpp"

namespace guided {

namespace {

constexpr std::size_t kMostPairs = 10'000;
constexpr int kMostReferences = 50;

bool overlap(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {  // both sorted
    for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
        if (*i == *j) return true;
        *i < *j ? ++i : ++j;
    }
    return false;
}

}  // namespace

struct SchemaLowering::Surface {
    Place place;
    bool is_known = false, is_empty = false;
    std::uint32_t types = 0;
    std::optional<std::vector<std::uint32_t>> values;  // classes, sorted: all that it can accept
    // Of each required property that lists its values.
    std::optional<std::map<std::string, std::vector<std::uint32_t>>> discriminators;
};

bool SchemaLowering::are_disjoint(const Place& place, ValueId branches) {
    const std::size_t num = doc().num_parts(branches);
    if (options_.enforced != keywords_of(options_.draft) || num * (num - 1) / 2 > kMostPairs) return false;
    std::vector<Surface> surfaces;
    for (std::uint32_t i = 0; i < num; ++i) {
        const PathId path = below(place.path, Keyword::OneOf, i);
        surfaces.push_back(surface(resolved(place.at(doc().item(branches, i), path))));
    }
    for (std::size_t a = 0; a < num; ++a)
        for (std::size_t b = a + 1; b < num; ++b)
            if (!are_disjoint(surfaces[a], surfaces[b])) return false;
    return true;
}

// The place that a plain reference leads to.
Place SchemaLowering::resolved(Place place) {
    for (int i = 0; i < kMostReferences && is(place.schema, JsonKind::Object); ++i) {
        const ValueId reference = doc().find(place.schema, Keyword::Ref);
        if (reference == kNoValue || !is(reference, JsonKind::String)) return place;
        if (options_.draft > 7)
            for (const Keyword k : {Keyword::Type, Keyword::Enum, Keyword::Const, Keyword::Properties, Keyword::Required})
                if (doc().find(place.schema, k) != kNoValue) return place;
        place = follow(entered(place), Keyword::Ref);
    }
    return place;
}

SchemaLowering::Surface SchemaLowering::surface(const Place& place) {
    Surface out;
    out.place = place;
    out.is_known = is(place.schema, JsonKind::Object), out.is_empty = is(place.schema, JsonKind::False);
    if (!out.is_known) return out;
    out.types = kAllTypes;
    if (const ValueId names = doc().find(place.schema, Keyword::Type); names != kNoValue) {
        // what is wrong with names of types is told where the branch is lowered, with its place
        std::uint32_t types = 0;
        bool are_types = true;
        const auto add = [&](ValueId name) {
            const std::uint32_t bits = is(name, JsonKind::String) ? type_bits(doc().text(name)) : 0;
            are_types = are_types && bits != 0;
            types |= bits;
        };
        if (is(names, JsonKind::Array))
            std::ranges::for_each(doc().items(names), add);
        else
            add(names);
        if (are_types) out.types = types;
    }
    out.values = surface_values(place.schema);
    return out;
}

std::optional<std::vector<std::uint32_t>> SchemaLowering::surface_values(ValueId schema) {
    if (const ValueId value = doc().find(schema, Keyword::Const); value != kNoValue && options_.draft > 4)
        return std::vector{classes_.of(value)};
    const ValueId listed = doc().find(schema, Keyword::Enum);
    if (listed == kNoValue || !is(listed, JsonKind::Array)) return {};
    std::vector<std::uint32_t> out;
    for (const ValueId v : doc().items(listed)) out.push_back(classes_.of(v));
    std::ranges::sort(out);
    return out;
}

bool SchemaLowering::are_disjoint(Surface& a, Surface& b) {
    if (a.is_empty || b.is_empty) return true;
    if (!a.is_known || !b.is_known) return false;
    const std::uint32_t shared = a.types & b.types;
    if (shared == 0) return true;
    if (a.values && b.values && !overlap(*a.values, *b.values)) return true;
    if (shared != kObject) return false;
    find_discriminators(a), find_discriminators(b);
    return std::ranges::any_of(*a.discriminators, [&](const auto& mine) {
        const auto theirs = b.discriminators->find(mine.first);
        return theirs != b.discriminators->end() && !overlap(mine.second, theirs->second);
    });
}

void SchemaLowering::find_discriminators(Surface& s) {
    if (s.discriminators) return;
    s.discriminators.emplace();
    const ValueId names = doc().find(s.place.schema, Keyword::Required), properties = doc().find(s.place.schema, Keyword::Properties);
    if (names == kNoValue || !is(names, JsonKind::Array) || properties == kNoValue || !is(properties, JsonKind::Object)) return;
    for (std::uint32_t i = 0; i < doc().num_parts(names); ++i) {
        const ValueId name = doc().item(names, i);
        if (!is(name, JsonKind::String)) continue;
        const ValueId schema = named_member(properties, doc().text(name));
        if (schema == kNoValue || !is(schema, JsonKind::Object)) continue;
        const PathId path = below(s.place.path, Keyword::Properties);
        const Place found = resolved(s.place.at(schema, path));
        if (!is(found.schema, JsonKind::Object)) continue;
        if (auto values = surface_values(found.schema)) s.discriminators->emplace(doc().text(name), std::move(*values));
    }
}

}  // namespace guided
