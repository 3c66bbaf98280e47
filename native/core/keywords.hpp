// The keywords of JSON Schema: in which drafts each says something about values, and what shape it must have.
//
// Drafts are numbered 4, 6, 7, 2019 and 2020. A keyword outside its drafts is unknown there, hence an annotation, as the
// standard says. Shapes are checked when a schema is lowered, so that an error has its pointer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace guided {

// name, spelling, first draft, last draft; 0: it says nothing about values by itself
#define GUIDED_KEYWORDS(KEYWORD)                                         \
    KEYWORD(Ref, "$ref", 4, 2020)                                        \
    KEYWORD(DynamicRef, "$dynamicRef", 2020, 2020)                       \
    KEYWORD(RecursiveRef, "$recursiveRef", 2019, 2019)                   \
    KEYWORD(Type, "type", 4, 2020)                                       \
    KEYWORD(Enum, "enum", 4, 2020)                                       \
    KEYWORD(Const, "const", 6, 2020)                                     \
    KEYWORD(Properties, "properties", 4, 2020)                           \
    KEYWORD(Required, "required", 4, 2020)                               \
    KEYWORD(AdditionalProperties, "additionalProperties", 4, 2020)       \
    KEYWORD(MinProperties, "minProperties", 4, 2020)                     \
    KEYWORD(MaxProperties, "maxProperties", 4, 2020)                     \
    KEYWORD(Items, "items", 4, 2020)                                     \
    KEYWORD(PrefixItems, "prefixItems", 2020, 2020)                      \
    KEYWORD(AdditionalItems, "additionalItems", 4, 2019)                 \
    KEYWORD(MinItems, "minItems", 4, 2020)                               \
    KEYWORD(MaxItems, "maxItems", 4, 2020)                               \
    KEYWORD(MinLength, "minLength", 4, 2020)                             \
    KEYWORD(MaxLength, "maxLength", 4, 2020)                             \
    KEYWORD(Pattern, "pattern", 4, 2020)                                 \
    KEYWORD(Format, "format", 4, 2020)                                   \
    KEYWORD(Minimum, "minimum", 4, 2020)                                 \
    KEYWORD(Maximum, "maximum", 4, 2020)                                 \
    KEYWORD(ExclusiveMinimum, "exclusiveMinimum", 4, 2020)               \
    KEYWORD(ExclusiveMaximum, "exclusiveMaximum", 4, 2020)               \
    KEYWORD(MultipleOf, "multipleOf", 4, 2020)                           \
    KEYWORD(AnyOf, "anyOf", 4, 2020)                                     \
    KEYWORD(AllOf, "allOf", 4, 2020)                                     \
    KEYWORD(OneOf, "oneOf", 4, 2020)                                     \
    KEYWORD(Not, "not", 4, 2020)                                         \
    KEYWORD(If, "if", 7, 2020)                                           \
    KEYWORD(Then, "then", 7, 2020)                                       \
    KEYWORD(Else, "else", 7, 2020)                                       \
    KEYWORD(PatternProperties, "patternProperties", 4, 2020)             \
    KEYWORD(PropertyNames, "propertyNames", 6, 2020)                     \
    KEYWORD(Dependencies, "dependencies", 4, 7)                          \
    KEYWORD(DependentRequired, "dependentRequired", 2019, 2020)          \
    KEYWORD(DependentSchemas, "dependentSchemas", 2019, 2020)            \
    KEYWORD(Contains, "contains", 6, 2020)                               \
    KEYWORD(UniqueItems, "uniqueItems", 4, 2020)                         \
    KEYWORD(MinContains, "minContains", 2019, 2020)                      \
    KEYWORD(MaxContains, "maxContains", 2019, 2020)                      \
    KEYWORD(UnevaluatedItems, "unevaluatedItems", 2019, 2020)            \
    KEYWORD(UnevaluatedProperties, "unevaluatedProperties", 2019, 2020)  \
    KEYWORD(Id, "$id", 0, 0)                                             \
    KEYWORD(OldId, "id", 0, 0)                                           \
    KEYWORD(Schema, "$schema", 0, 0)                                     \
    KEYWORD(RecursiveAnchor, "$recursiveAnchor", 0, 0)                   \
    KEYWORD(DynamicAnchor, "$dynamicAnchor", 0, 0)

enum class Keyword : std::uint32_t {
#define KEYWORD(name, spelling, first, last) name,
    GUIDED_KEYWORDS(KEYWORD)
#undef KEYWORD
    None
};
inline constexpr std::size_t kNumKeywords = static_cast<std::size_t>(Keyword::None);
static_assert(kNumKeywords <= 64);

using KeywordSet = std::uint64_t;
constexpr KeywordSet bit(Keyword k) { return k == Keyword::None ? 0 : KeywordSet{1} << static_cast<std::uint32_t>(k); }
template <class... Rest>
constexpr KeywordSet bits(Rest... keywords) {
    return (bit(keywords) | ...);
}

struct KeywordFacts {
    std::string_view name;
    int first_draft, last_draft;
};
inline constexpr KeywordFacts kKeywords[] = {
#define KEYWORD(name, spelling, first, last) {spelling, first, last},
    GUIDED_KEYWORDS(KEYWORD)
#undef KEYWORD
};
constexpr std::string_view name_of(Keyword k) { return kKeywords[static_cast<std::size_t>(k)].name; }

Keyword keyword_named(std::string_view name);  // Keyword::None: there is none
KeywordSet keywords_of(int draft);             // those that say something about values

std::uint32_t type_bits(std::string_view name);  // TypeBits of a type; 0: there is no such type

class Document;
// What the value of a keyword must be instead; empty where its shape is right.
std::string shape_wanted(const Document& document, Keyword keyword, std::uint32_t value, int draft);

}  // namespace guided
