// What a schema says of null, booleans, numbers and strings; `enum` and `const`.
//
// Listed scalars that pass the other keywords become the node's own expressions, listed arrays and objects a group of
// nodes of their own. Where some schema may be negated, the numbers that are refused are told as well.
#include <algorithm>
#include <unordered_set>

#include "schema_lowering.hpp"

namespace guided {

namespace {

constexpr KeywordSet kOfStrings = bits(Keyword::MinLength, Keyword::MaxLength, Keyword::Pattern, Keyword::Format);
constexpr KeywordSet kOfNumbers =
    bits(Keyword::Minimum, Keyword::Maximum, Keyword::ExclusiveMinimum, Keyword::ExclusiveMaximum, Keyword::MultipleOf);

std::uint32_t literal_bit(JsonKind kind) {
    switch (kind) {
        case JsonKind::Null: return kNull;
        case JsonKind::False: return kFalse;
        case JsonKind::True: return kTrue;
        default: return 0;
    }
}

}  // namespace

bool SchemaLowering::Range::is_small() const {
    static const Decimal kLarge("1e16"), kLow("-1e16");
    return low && high && kLow < *low && *high < kLarge;
}

bool SchemaLowering::Range::holds(const Decimal& value) const {
    if (low && (value < *low || (spelled.is_low_open && value == *low))) return false;
    if (high && (*high < value || (spelled.is_high_open && value == *high))) return false;
    return !spelled.is_integer || value.is_integer();
}

std::uint32_t SchemaLowering::types_of(const Kept& kept) const {
    if (!kept.has(Keyword::Type)) return kAllTypes;
    const ValueId names = kept[Keyword::Type];
    if (is(names, JsonKind::String)) return type_bits(doc().text(names));
    std::uint32_t out = 0;
    for (const ValueId name : doc().items(names)) out |= type_bits(doc().text(name));
    return out;
}

void SchemaLowering::add_scalars(SchemaNode& n, const Kept& kept, const Place& place) {
    n.types = types_of(kept);
    std::vector<ExprId> texts;
    if (n.types & kString && kept.has_any(kOfStrings)) {
        texts = strings(kept, place);
        n.is_string_part = kept.has(Keyword::Format) && options_.asserts_formats && doc().text(kept[Keyword::Format]) == "regex";
        schemas_.has_string_parts = schemas_.has_string_parts || n.is_string_part;
    }
    if (kept.has_any(bits(Keyword::Enum, Keyword::Const)))
        add_values(n, kept, texts);
    else if (n.types & kNumber)
        add_numbers(n, kept);
    if (!texts.empty() && n.types & kString) n.string = all_of(texts);
}

// One expression for each keyword about strings; all must match.
std::vector<ExprId> SchemaLowering::strings(const Kept& kept, const Place& place) {
    std::vector<ExprId> out;
    if (kept.has_any(bits(Keyword::MinLength, Keyword::MaxLength))) {
        const std::uint32_t least = kept.has(Keyword::MinLength) ? Decimal(doc().text(kept[Keyword::MinLength])).as_count() : 0;
        const std::uint32_t most = kept.has(Keyword::MaxLength) ? Decimal(doc().text(kept[Keyword::MaxLength])).as_count() : kUnbounded;
        if (most < least) return {ExprPool::kEmpty};
        if (least > 0 || most != kUnbounded) out.push_back(pool_.repeat(pool_.set(normalized({{0, 0xD7FF}, {0xE000, kMaxCodePoint}})), least, most));
    }
    if (kept.has(Keyword::Pattern)) out.push_back(pattern(doc().text(kept[Keyword::Pattern]), below(place.path, Keyword::Pattern)));
    if (kept.has(Keyword::Format) && options_.asserts_formats) {
        const std::string_view name = doc().text(kept[Keyword::Format]);
        auto [it, is_new] = formats_.try_emplace(std::string(name));
        if (is_new) it->second = outside_.format(name, where(below(place.path, Keyword::Format)));
        if (it->second) out.push_back(*it->second);
    }
    return out;
}

ExprId SchemaLowering::pattern(std::string_view text, PathId path) {
    std::string key(text);
    if (const auto it = patterns_.find(key); it != patterns_.end()) return it->second;
    const ExprId made = outside_.pattern(key, where(path));
    patterns_.emplace(std::move(key), made);
    return made;
}

ExprId SchemaLowering::range_expression(const NumericRange& range, bool is_refused) {
    const char flags = static_cast<char>('0' + (range.is_low_open | range.is_high_open << 1 | range.is_integer << 2 | is_refused << 3));
    const auto [it, is_new] = ranges_.try_emplace(flags + std::string(range.low) + ".." + std::string(range.high), kNone);
    if (is_new) it->second = outside_.range(range, is_refused);
    return it->second;
}

void SchemaLowering::add_numbers(SchemaNode& n, const Kept& kept) {
    const Range numbers = range(kept);
    std::vector<ExprId> wanted, refused;
    if (!numbers.spelled.is_everything()) {
        wanted.push_back(range_expression(numbers.spelled, false));
        if (is_negating_) refused.push_back(range_expression(numbers.spelled, true));
    }
    if (kept.has(Keyword::MultipleOf)) {
        const std::string_view divisor = doc().text(kept[Keyword::MultipleOf]);
        wanted.push_back(outside_.multiples(divisor, numbers.is_small(), false));
        if (is_negating_) refused.push_back(outside_.multiples(divisor, false, true));
    }
    if (!wanted.empty()) n.number = all_of(wanted);
    if (!refused.empty()) n.number_not = any_of(refused);
}

void SchemaLowering::add_values(SchemaNode& n, const Kept& kept, std::vector<ExprId>& strings) {
    const Listed values = listed(kept);
    const Range numbers = range(kept);
    std::uint32_t types = n.types & values.literal_types;
    std::vector<std::string_view> fitting;
    if (n.types & kNumber)
        for (const ValueId v : values.numbers)
            if (numbers.holds(Decimal(doc().text(v)))) fitting.push_back(doc().text(v));
    if (!fitting.empty()) {
        types |= kNumber;
        std::vector<ExprId> wanted{outside_.listed(fitting, false)}, refused;
        if (is_negating_) refused.push_back(outside_.listed(fitting, true));
        if (options_.draft == 4 && numbers.spelled.is_integer) {  // there an integer is one by its spelling, not by its value
            NumericRange integers;
            integers.is_integer = true;
            wanted.push_back(range_expression(integers, false));
            if (is_negating_) refused.push_back(range_expression(integers, true));
        }
        n.number = all_of(wanted);
        if (!refused.empty()) n.number_not = any_of(refused);
    }
    if (n.types & kString && values.has_strings) {
        types |= kString;
        strings.insert(strings.begin(), values.strings.empty() ? ExprPool::kEmpty : pool_.words(values.strings));
    }
    Lits nodes;
    const std::uint32_t scalars = types;
    for (const ValueId v : values.structures) {
        const std::uint32_t bit = is(v, JsonKind::Object) ? kObject : kArray;
        if (!(n.types & bit)) continue;
        nodes.push_back(value_literal(v));
        types |= bit;
    }
    if (!nodes.empty()) {
        if (scalars) {
            SchemaNode others;
            others.types = kAllTypes & ~std::uint32_t{kArray | kObject};
            const SchemaId node = reserve();
            define(node, std::move(others));
            nodes.push_back(2 * node);
        }
        n.any_of.push_back(std::move(nodes));
    }
    n.types = types;
}

SchemaLowering::Range SchemaLowering::range(const Kept& kept) const {
    Range out;
    if (kept.has(Keyword::Type)) {
        const ValueId names = kept[Keyword::Type];
        bool has_integer = false, has_number = false;
        const auto note = [&](ValueId name) {
            has_integer = has_integer || doc().text(name) == "integer";
            has_number = has_number || doc().text(name) == "number";
        };
        if (is(names, JsonKind::String))
            note(names);
        else
            std::ranges::for_each(doc().items(names), note);
        out.spelled.is_integer = has_integer && !has_number;
    }
    if (!kept.has_any(kOfNumbers)) return out;
    set_bound(kept, out, true);
    set_bound(kept, out, false);
    return out;
}

// The tighter of a bound and its exclusive sibling, which in draft 4 is a flag.
void SchemaLowering::set_bound(const Kept& kept, Range& range, bool is_low) const {
    const Keyword closed = is_low ? Keyword::Minimum : Keyword::Maximum;
    const Keyword opened = is_low ? Keyword::ExclusiveMinimum : Keyword::ExclusiveMaximum;
    std::optional<Decimal>& bound = is_low ? range.low : range.high;
    std::string_view& spelled = is_low ? range.spelled.low : range.spelled.high;
    bool& is_open = is_low ? range.spelled.is_low_open : range.spelled.is_high_open;
    if (kept.has(closed)) {
        spelled = doc().text(kept[closed]);
        bound.emplace(spelled);
        is_open = options_.draft == 4 && kept.has(opened) && is(kept[opened], JsonKind::True);
    }
    if (!kept.has(opened) || options_.draft == 4) return;
    const std::string_view other_spelled = doc().text(kept[opened]);
    const Decimal other(other_spelled);
    if (bound && (is_low ? other < *bound : *bound < other)) return;
    spelled = other_spelled, bound = other, is_open = true;
}

// The values that enum and const leave, each once.
std::vector<ValueId> SchemaLowering::allowed_values(const Kept& kept) {
    std::vector<ValueId> out;
    if (!kept.has(Keyword::Enum)) return {kept[Keyword::Const]};
    const auto values = doc().items(kept[Keyword::Enum]);
    if (!kept.has(Keyword::Const) && std::ranges::all_of(values, [&](ValueId v) { return is(v, JsonKind::String); }))
        return {values.begin(), values.end()};  // an expression of words tells equal ones itself
    std::unordered_set<std::uint32_t> seen;
    for (const ValueId v : values)
        if (seen.insert(classes_.of(v)).second) out.push_back(v);
    if (kept.has(Keyword::Const)) std::erase_if(out, [&](ValueId v) { return classes_.of(v) != classes_.of(kept[Keyword::Const]); });
    return out;
}

SchemaLowering::Listed SchemaLowering::listed(const Kept& kept) {
    Listed out;
    const bool is_unique = kept.has(Keyword::UniqueItems) && is(kept[Keyword::UniqueItems], JsonKind::True);
    for (const ValueId v : allowed_values(kept)) {
        switch (doc().kind(v)) {
            case JsonKind::Number:
                if (!kept.has(Keyword::MultipleOf) || outside_.is_multiple(doc().text(v), doc().text(kept[Keyword::MultipleOf]))) out.numbers.push_back(v);
                break;
            case JsonKind::String:
                out.has_strings = true;
                if (std::u32string text; decoded(doc().text(v), text)) out.strings.push_back(std::move(text));
                break;
            case JsonKind::Array: {
                std::unordered_set<std::uint32_t> seen;
                if (is_unique && !std::ranges::all_of(doc().items(v), [&](ValueId i) { return seen.insert(classes_.of(i)).second; })) break;
                [[fallthrough]];
            }
            case JsonKind::Object: out.structures.push_back(v); break;
            default: out.literal_types |= literal_bit(doc().kind(v));
        }
    }
    return out;
}

// A literal of exactly this value, which evaluates nothing: a negation of a negation, where someone asks.
Lit SchemaLowering::value_literal(ValueId value) {
    const SchemaId node = value_node(value);
    if (!has_unevaluated_) return 2 * node;
    SchemaNode other;
    other.all_of.push_back(negated(2 * node));
    const SchemaId id = reserve();
    define(id, std::move(other));
    return negated(2 * id);
}

// A node of exactly this value.
SchemaId SchemaLowering::value_node(ValueId value) {
    const SchemaId root = reserve();
    std::vector<std::pair<SchemaId, ValueId>> pending{{root, value}};
    while (!pending.empty()) {
        const auto [node, item] = pending.back();
        pending.pop_back();
        SchemaNode n;
        if (is(item, JsonKind::Object)) {
            n.types = kObject, n.additional = kFalseLit;
            for (const Document::Member& m : doc().members(item)) {
                const std::optional<KeyId> name = key(doc().text(m.key));
                if (!name) n.types = 0;  // it has no spelling
                const SchemaId part = reserve();
                pending.push_back({part, m.value});
                if (name) n.properties.push_back({*name, 2 * part}), n.required.push_back(*name);
            }
        } else if (is(item, JsonKind::Array)) {
            n.types = kArray, n.items = kFalseLit;
            n.min_items = n.max_items = doc().num_parts(item);
            for (const ValueId v : doc().items(item)) {
                const SchemaId part = reserve();
                pending.push_back({part, v});
                n.prefix.push_back(2 * part);
            }
        } else {
            define_scalar(node, item);
            continue;
        }
        define(node, std::move(n));
    }
    return root;
}

void SchemaLowering::define_scalar(SchemaId node, ValueId value) {
    SchemaNode n;
    if (is(value, JsonKind::String)) {
        std::u32string text;
        n.types = kString;
        n.string = decoded(doc().text(value), text) ? pool_.literal(text) : ExprPool::kEmpty;
    } else if (is(value, JsonKind::Number)) {
        n.types = kNumber;
        n.number = outside_.listed({doc().text(value)}, false);
        if (is_negating_) n.number_not = outside_.listed({doc().text(value)}, true);
    } else {
        n.types = literal_bit(doc().kind(value));
    }
    define(node, std::move(n));
}

std::uint32_t ValueClasses::intern(std::string key) { return ids_.try_emplace(std::move(key), static_cast<std::uint32_t>(ids_.size())).first->second; }

std::uint32_t ValueClasses::of(ValueId root) {
    const auto number = [](std::uint32_t x) { return std::to_string(x) + ","; };
    const auto scalar = [&](ValueId v) {
        if (document_.is(v, JsonKind::String)) return "s" + std::string(document_.text(v));
        if (!document_.is(v, JsonKind::Number)) return std::string(1, "nft"[static_cast<std::size_t>(document_.kind(v))]);
        const Decimal d(document_.text(v));
        return (d.is_negative ? "-" : "+") + d.digits + "e" + std::to_string(d.exponent);
    };
    struct Step {
        ValueId value;
        bool is_ready;
    };
    std::vector<Step> steps{{root, false}};
    while (!steps.empty()) {
        const auto [v, is_ready] = steps.back();
        steps.pop_back();
        if (known_.contains(v)) continue;
        const bool is_object = document_.is(v, JsonKind::Object);
        if (!is_object && !document_.is(v, JsonKind::Array)) {
            known_[v] = intern(scalar(v));
            continue;
        }
        if (!is_ready) {
            steps.push_back({v, true});
            if (is_object)
                for (const Document::Member& m : document_.members(v)) steps.push_back({m.value, false});
            else
                for (const ValueId item : document_.items(v)) steps.push_back({item, false});
            continue;
        }
        std::vector<std::string> parts;
        if (is_object)
            for (const Document::Member& m : document_.members(v))
                parts.push_back(number(known_[m.value]) + number(m.key.size) + std::string(document_.text(m.key)));
        else
            for (const ValueId item : document_.items(v)) parts.push_back(number(known_[item]));
        if (is_object) std::ranges::sort(parts);
        std::string key = is_object ? "o" : "a";
        for (const std::string& p : parts) key += p;
        known_[v] = intern(std::move(key));
    }
    return known_[root];
}

}  // namespace guided
