#include "keywords.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "decimal.hpp"
#include "document.hpp"
#include "schema.hpp"

namespace guided {

namespace {

constexpr std::size_t kSlots = 256;

constexpr std::size_t slot_of(std::string_view name) {
    const auto at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(name[i])); };
    return (name.size() * 37 + at(0) * 5 + at(name.size() / 2) * 11 + at(name.size() - 1) * 3) % kSlots;
}

constexpr auto kTable = [] {
    std::array<std::uint8_t, kSlots> table{};
    table.fill(static_cast<std::uint8_t>(kNumKeywords));
    for (std::size_t k = 0; k < kNumKeywords; ++k) {
        std::size_t i = slot_of(kKeywords[k].name);
        while (table[i] != kNumKeywords) i = (i + 1) % kSlots;
        table[i] = static_cast<std::uint8_t>(k);
    }
    return table;
}();

struct TypeName {
    std::string_view name;
    std::uint32_t bits;
};
constexpr TypeName kTypes[] = {{"null", kNull},     {"boolean", kFalse | kTrue}, {"number", kNumber}, {"integer", kNumber},
                               {"string", kString}, {"array", kArray},           {"object", kObject}};

// The shapes of values, over one document.
struct Shapes {
    const Document& d;
    int draft;

    bool is_schema(ValueId v) const { return d.is(v, JsonKind::Object) || d.is_boolean(v); }
    bool is_text(ValueId v) const { return d.is(v, JsonKind::String); }
    bool is_type(ValueId v) const { return is_text(v) && type_bits(d.text(v)) != 0; }

    std::string flag(ValueId v) const { return d.is_boolean(v) ? "" : "a boolean"; }
    std::string text(ValueId v) const { return is_text(v) ? "" : "a string"; }
    std::string list(ValueId v) const { return d.is(v, JsonKind::Array) ? "" : "a list"; }
    std::string number(ValueId v) const { return d.is(v, JsonKind::Number) ? "" : "a number"; }
    std::string schema(ValueId v) const { return is_schema(v) ? "" : "a schema (an object or a boolean)"; }
    std::string recursive(ValueId v) const { return is_text(v) && d.text(v) == "#" ? "" : "'#'"; }
    std::string exclusive(ValueId v) const {
        if (draft == 4) return d.is_boolean(v) ? "" : "a boolean (draft 4)";
        return number(v);
    }
    std::string positive(ValueId v) const {
        if (d.is(v, JsonKind::Number)) {
            const Decimal value(d.text(v));
            if (!value.is_zero() && !value.is_negative) return "";
        }
        return "a number above 0";
    }
    std::string count(ValueId v) const {
        if (d.is(v, JsonKind::Number)) {
            const Decimal value(d.text(v));
            if (value.is_integer() && !value.is_negative) return "";
        }
        return "an integer that is not negative";
    }
    std::string schemas(ValueId v, std::size_t least = 1) const {
        const bool fits = d.is(v, JsonKind::Array) && d.items(v).size() >= least &&
                          std::ranges::all_of(d.items(v), [&](ValueId s) { return is_schema(s); });
        return fits ? "" : least ? "a list of schemas with at least one" : "a list of schemas";
    }
    std::string items(ValueId v) const {
        if (!d.is(v, JsonKind::Array)) return schema(v);
        return draft >= 2020 ? "a schema; a list of schemas is written prefixItems since draft 2020-12" : schemas(v, 0);
    }
    template <class Fits>
    std::string map(ValueId v, Fits&& fits, const char* wanted) const {
        if (d.is(v, JsonKind::Object) && std::ranges::all_of(d.members(v), [&](const auto& m) { return fits(m.value); })) return "";
        return wanted;
    }
    bool are_names(ValueId v) const {
        if (!d.is(v, JsonKind::Array) || !std::ranges::all_of(d.items(v), [&](ValueId s) { return is_text(s); })) return false;
        const auto names = d.items(v);
        if (names.size() > 16) {
            std::unordered_set<std::string_view> seen;
            for (ValueId n : names) seen.insert(d.text(n));
            return seen.size() == names.size();
        }
        for (const ValueId* a = names.begin(); a != names.end(); ++a)
            for (const ValueId* b = names.begin(); b != a; ++b)
                if (d.text(*a) == d.text(*b)) return false;
        return true;
    }
    std::string names(ValueId v) const { return are_names(v) ? "" : "a list of different strings"; }
    std::string type(ValueId v) const {
        if (is_type(v)) return "";
        if (d.is(v, JsonKind::Array) && d.items(v).size() > 0 && std::ranges::all_of(d.items(v), [&](ValueId n) { return is_type(n); }))
            return "";
        std::string out = "one of ";
        for (const TypeName& t : kTypes) out += std::string(t.name) + ", ";
        return out + "or a list of them";
    }
};

}  // namespace

Keyword keyword_named(std::string_view name) {
    if (name.empty()) return Keyword::None;
    for (std::size_t i = slot_of(name); kTable[i] != kNumKeywords; i = (i + 1) % kSlots)
        if (kKeywords[kTable[i]].name == name) return static_cast<Keyword>(kTable[i]);
    return Keyword::None;
}

KeywordSet keywords_of(int draft) {
    KeywordSet out = 0;
    for (std::size_t k = 0; k < kNumKeywords; ++k)
        if (kKeywords[k].first_draft <= draft && draft <= kKeywords[k].last_draft) out |= KeywordSet{1} << k;
    return out;
}

std::uint32_t type_bits(std::string_view name) {
    for (const TypeName& t : kTypes)
        if (t.name == name) return t.bits;
    return 0;
}

std::string shape_wanted(const Document& document, Keyword keyword, ValueId value, int draft) {
    const Shapes of{document, draft};
    switch (keyword) {
        case Keyword::Ref:
        case Keyword::DynamicRef:
        case Keyword::Pattern:
        case Keyword::Format: return of.text(value);
        case Keyword::RecursiveRef: return of.recursive(value);
        case Keyword::Type: return of.type(value);
        case Keyword::Enum: return of.list(value);
        case Keyword::Properties:
        case Keyword::PatternProperties:
        case Keyword::DependentSchemas:
            return of.map(value, [&](ValueId v) { return of.is_schema(v); }, "an object whose values are schemas");
        case Keyword::Required: return of.names(value);
        case Keyword::AdditionalProperties:
        case Keyword::PropertyNames:
        case Keyword::AdditionalItems:
        case Keyword::Contains:
        case Keyword::Not:
        case Keyword::If:
        case Keyword::Then:
        case Keyword::Else:
        case Keyword::UnevaluatedItems:
        case Keyword::UnevaluatedProperties: return of.schema(value);
        case Keyword::MinProperties:
        case Keyword::MaxProperties:
        case Keyword::MinItems:
        case Keyword::MaxItems:
        case Keyword::MinLength:
        case Keyword::MaxLength:
        case Keyword::MinContains:
        case Keyword::MaxContains: return of.count(value);
        case Keyword::Items: return of.items(value);
        case Keyword::PrefixItems:
        case Keyword::AnyOf:
        case Keyword::AllOf:
        case Keyword::OneOf: return of.schemas(value);
        case Keyword::UniqueItems: return of.flag(value);
        case Keyword::Minimum:
        case Keyword::Maximum: return of.number(value);
        case Keyword::ExclusiveMinimum:
        case Keyword::ExclusiveMaximum: return of.exclusive(value);
        case Keyword::MultipleOf: return of.positive(value);
        case Keyword::Dependencies:
            return of.map(value, [&](ValueId v) { return of.is_schema(v) || of.are_names(v); },
                          "an object whose values are schemas or lists of names");
        case Keyword::DependentRequired:
            return of.map(value, [&](ValueId v) { return of.are_names(v); }, "an object whose values are lists of different strings");
        default: return "";
    }
}

}  // namespace guided
