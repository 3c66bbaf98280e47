// Single JSON values as schemas: what uniqueItems has seen and must not see again, compared by value.
#include <algorithm>

#include "errors.hpp"
#include "schema.hpp"

namespace guided {

namespace {

constexpr std::size_t kMaxDepth = 500;
constexpr std::int64_t kMaxWhole = 40, kMaxFraction = 40, kMaxExponent = 999;  // as in the language of all numbers

}  // namespace

// Every spelling of the number, with white space of exponents and zeros of all kinds; `canonical` names its value.
ExprId Schemas::number_equal_to(const std::string& spelled, std::string& canonical) {
    std::string digits;
    std::int64_t point = 0, exponent = 0;  // value = 0.digits * 10^point
    std::size_t i = spelled[0] == '-' ? 1 : 0;
    bool has_point = false;
    for (; i < spelled.size() && spelled[i] != 'e' && spelled[i] != 'E'; ++i) {
        if (spelled[i] == '.') has_point = true;
        else digits += spelled[i], point += !has_point;
    }
    if (i < spelled.size()) exponent = std::stoll(spelled.substr(i + 1));
    const std::size_t zeros = std::min(digits.find_first_not_of('0'), digits.size());
    digits.erase(0, zeros);
    point += exponent - static_cast<std::int64_t>(zeros);
    while (!digits.empty() && digits.back() == '0') digits.pop_back();

    auto one = [&](char32_t c) { return pool_.set({{c, c}}); };
    auto text = [&](const std::string& s) { return pool_.literal(std::u32string(s.begin(), s.end())); };
    auto zeros_up_to = [&](std::int64_t n) { return pool_.repeat(one('0'), 0, static_cast<std::uint32_t>(std::max<std::int64_t>(n, 0))); };
    const ExprId mark = pool_.set(normalized({{'e', 'e'}, {'E', 'E'}})), digit = pool_.set({{'0', '9'}});
    const ExprId sign = pool_.set(normalized({{'+', '+'}, {'-', '-'}}));
    const ExprId maybe_minus = pool_.repeat(one('-'), 0, 1), no_fraction = pool_.repeat(pool_.cat({one('.'), one('0'), zeros_up_to(kMaxFraction - 1)}), 0, 1);
    if (digits.empty()) {
        canonical = "0";
        const ExprId any_exponent = pool_.repeat(pool_.cat({mark, pool_.repeat(sign, 0, 1), pool_.repeat(digit, 1, 3)}), 0, 1);
        return pool_.cat({maybe_minus, one('0'), no_fraction, any_exponent});
    }
    canonical = (spelled[0] == '-' ? "-" : "") + digits + "e" + std::to_string(point);
    const auto n = static_cast<std::int64_t>(digits.size());
    std::vector<ExprId> ways;
    for (std::int64_t whole = n - kMaxFraction; whole <= kMaxWhole; ++whole) {  // digits before the point, if positive
        const std::int64_t x = point - whole;
        if (x < -kMaxExponent || x > kMaxExponent) continue;
        ExprId mantissa;
        if (whole <= 0) {
            mantissa = pool_.cat({text("0." + std::string(static_cast<std::size_t>(-whole), '0') + digits), zeros_up_to(kMaxFraction + whole - n)});
        } else if (whole < n) {
            const auto cut = static_cast<std::size_t>(whole);
            mantissa = pool_.cat({text(digits.substr(0, cut) + "." + digits.substr(cut)), zeros_up_to(kMaxFraction - (n - whole))});
        } else {
            mantissa = pool_.cat(text(digits + std::string(static_cast<std::size_t>(whole - n), '0')), no_fraction);
        }
        const std::string size = std::to_string(x < 0 ? -x : x);
        const ExprId signs = x < 0 ? one('-') : pool_.repeat(x == 0 ? sign : one('+'), 0, 1);
        const ExprId power = pool_.cat({mark, signs, zeros_up_to(3 - static_cast<std::int64_t>(size.size())), text(size)});
        ways.push_back(pool_.cat(mantissa, x == 0 ? pool_.repeat(power, 0, 1) : power));
    }
    return pool_.cat(spelled[0] == '-' ? one('-') : ExprPool::kEpsilon, pool_.alt(std::move(ways)));
}

// Reads one value that the machine has accepted, so it is well formed. Equal values give the same canonical text.
struct Schemas::ValueReader {
    Schemas& schemas;
    const std::string& json;
    std::size_t at = 0, depth = 0;

    void skip_space() {
        while (at < json.size() && (json[at] == ' ' || json[at] == '\t' || json[at] == '\n' || json[at] == '\r')) ++at;
    }

    std::pair<std::string, Lit> kept(std::string canonical, SchemaNode n) {
        auto [it, fresh] = schemas.value_lits_.try_emplace(canonical, kNone);
        if (fresh) it->second = schemas.add_node(std::move(n));
        return {std::move(canonical), it->second};
    }

    std::u32string text() {
        std::u32string out;
        Partial partial = 0;
        for (++at; partial != 0 || json[at] != '"'; ++at) {
            const SpellStep s = spell_step(Spelling::JsonAny, partial, static_cast<std::uint8_t>(json[at]));
            partial = s.kind == SpellStep::More ? s.value : 0;
            if (s.kind == SpellStep::Char) out.push_back(s.value);
        }
        ++at;
        return out;
    }

    std::pair<std::string, Lit> read() {
        if (++depth > kMaxDepth) throw TooComplex("nesting of an item among unique ones", kMaxDepth);
        skip_space();
        auto out = json[at] == '"' ? string() : json[at] == '[' ? array() : json[at] == '{' ? object() : scalar();
        skip_space();
        --depth;
        return out;
    }

    std::pair<std::string, Lit> string() {
        const std::u32string value = text();
        SchemaNode n;
        n.types = kString, n.string = schemas.pool_.literal(value);
        return kept(schemas.quoted(value, Spelling::JsonDumps), std::move(n));
    }

    std::pair<std::string, Lit> scalar() {
        const std::size_t begin = at;
        while (at < json.size() && std::string_view(",]} \t\n\r").find(json[at]) == std::string_view::npos) ++at;
        std::string word = json.substr(begin, at - begin), canonical = word;
        SchemaNode n;
        if (word == "null" || word == "true" || word == "false") {
            n.types = word == "null" ? kNull : word == "true" ? kTrue : kFalse;
            return kept(std::move(canonical), std::move(n));
        }
        n.types = kNumber;
        n.number = schemas.number_equal_to(word, canonical);
        n.number_not = schemas.pool_.both({schemas.default_number(), schemas.pool_.negate(n.number)});
        return kept(std::move(canonical), std::move(n));
    }

    std::pair<std::string, Lit> array() {
        std::string canonical = "[";
        SchemaNode n;
        n.types = kArray;
        for (++at, skip_space(); json[at] != ']'; at += json[at] == ',') {
            auto [text, lit] = read();
            canonical += text + ",", n.prefix.push_back(lit);
        }
        ++at;
        n.min_items = n.max_items = static_cast<std::uint32_t>(n.prefix.size());
        return kept(canonical + "]", std::move(n));
    }

    std::pair<std::string, Lit> object() {
        std::map<std::u32string, std::pair<std::string, Lit>> members;
        for (++at, skip_space(); json[at] != '}'; at += json[at] == ',', skip_space()) {
            const std::u32string key = text();
            skip_space(), ++at;  // the colon
            members[key] = read();
        }
        ++at;
        std::string canonical = "{";
        SchemaNode n;
        n.types = kObject, n.additional = kFalseLit;
        for (const auto& [key, value] : members) {
            canonical += schemas.quoted(key, Spelling::JsonDumps) + ":" + value.first + ",";
            n.properties.push_back({schemas.intern_key(key), value.second});
            n.required.push_back(n.properties.back().first);
        }
        return kept(canonical + "}", std::move(n));
    }
};

Lit Schemas::value_lit(const std::string& json) { return ValueReader{*this, json}.read().second; }

}  // namespace guided
