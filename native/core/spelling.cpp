#include "spelling.hpp"

namespace guided {

namespace {

enum Tag : std::uint32_t { kUtf8 = 1, kEscape = 2, kHex = 3, kLowBackslash = 4, kLowU = 5 };

constexpr Partial make(Tag tag, std::uint32_t payload) { return (static_cast<std::uint32_t>(tag) << 29) | payload; }
constexpr std::uint32_t tag_of(Partial p) { return p >> 29; }

// kUtf8: bytes still needed (2 bits at 21), bits so far (21 bits)
constexpr Partial utf8(std::uint32_t need, std::uint32_t value) { return make(kUtf8, (need << 21) | value); }
// kHex: digits read (2 bits at 26), has a high surrogate (bit 25), its 10 bits (at 12), the value of the digits (12 bits)
constexpr Partial hex(std::uint32_t num, bool has_high, std::uint32_t high, std::uint32_t value) {
    return make(kHex, (num << 26) | (std::uint32_t(has_high) << 25) | (high << 12) | value);
}

constexpr Range kHighSurrogates[] = {{0xD800, 0xDBFF}}, kLowSurrogates[] = {{0xDC00, 0xDFFF}};

// The code points that bytes so far can still become, surrogates among them.
Range utf8_range(std::uint32_t need, std::uint32_t value) {
    const std::uint32_t lo = value << (6 * need), hi = lo | ((1u << (6 * need)) - 1);
    const std::uint32_t least = need == 3 ? 0x10000 : need == 2 && value <= 0xF ? 0x800 : 0;  // no overlong forms
    return {std::max(lo, least), std::min(hi, kMaxCodePoint)};
}

bool has_chars(const Range& r) { return r.lo <= r.hi && (r.lo < 0xD800 || r.hi > 0xDFFF); }

CharSet utf8_chars(std::uint32_t need, std::uint32_t value) {
    const Range r = utf8_range(need, value);
    return has_chars(r) ? intersect(r, all_chars()) : CharSet{};
}

constexpr std::uint32_t kShortEscapes[][2] = {{'"', '"'},  {'\\', '\\'}, {'/', '/'},   {'b', '\b'},
                                              {'f', '\f'}, {'n', '\n'},  {'r', '\r'}, {'t', '\t'}};

const CharSet& dumps_short() {  // json.dumps does not escape the slash
    static const CharSet set = normalized({{'"', '"'}, {'\\', '\\'}, {'\b', '\n'}, {'\f', '\r'}});
    return set;
}

const CharSet& dumps_hex() {
    static const CharSet set = normalized({{0, 7}, {11, 11}, {14, 0x1F}, {0x7F, kMaxCodePoint}});
    return set;
}

int hex_digit(Spelling spelling, std::uint8_t b) {
    if (b >= '0' && b <= '9') return b - '0';
    if (b >= 'a' && b <= 'f') return b - 'a' + 10;
    if (b >= 'A' && b <= 'F' && spelling == Spelling::JsonAny) return b - 'A' + 10;
    return -1;
}

CharSet hex_chars(std::uint32_t num, bool has_high, std::uint32_t high, std::uint32_t value) {
    const std::uint32_t shift = 4 * (4 - num), lo = value << shift, hi = lo | ((1u << shift) - 1);
    if (has_high) {
        CharSet out;
        for (const Range& r : intersect(Range{lo, hi}, kLowSurrogates))
            out.push_back({0x10000 + (high << 10) + (r.lo - 0xDC00), 0x10000 + (high << 10) + (r.hi - 0xDC00)});
        return out;
    }
    CharSet out = intersect(Range{lo, hi}, all_chars());
    for (const Range& r : intersect(Range{lo, hi}, kHighSurrogates))
        out.push_back({0x10000 + ((r.lo - 0xD800) << 10), 0x10000 + ((r.hi - 0xD800) << 10) + 0x3FF});
    return out;
}

SpellStep step_utf8(std::uint32_t need, std::uint32_t value) {
    if (need == 0) return {SpellStep::Char, value};
    if (!has_chars(utf8_range(need, value))) return {SpellStep::Dead, 0};
    return {SpellStep::More, utf8(need, value)};
}

SpellStep step_continuation(std::uint32_t need, std::uint32_t value, std::uint8_t b) {
    if ((b & 0xC0) != 0x80) return {SpellStep::Dead, 0};
    const std::uint32_t next = (value << 6) | (b & 0x3F);
    if (need > 1) {
        const Range here = utf8_range(need, value), left = utf8_range(need - 1, next);
        if (!has_chars({std::max(here.lo, left.lo), std::min(here.hi, left.hi)})) return {SpellStep::Dead, 0};
    }
    return step_utf8(need - 1, next);
}

SpellStep step_first(Spelling spelling, std::uint8_t b) {
    if (spelling != Spelling::Text) {
        if (b < 0x20 || b == '"') return {SpellStep::Dead, 0};
        if (b == '\\') return {SpellStep::More, make(kEscape, 0)};
    }
    if (b < 0x80) return {SpellStep::Char, b};
    if (b >= 0xC2 && b <= 0xDF) return step_utf8(1, b & 0x1F);
    if (b >= 0xE0 && b <= 0xEF) return step_utf8(2, b & 0xF);
    if (b >= 0xF0 && b <= 0xF4) return step_utf8(3, b & 7);
    return {SpellStep::Dead, 0};
}

SpellStep step_escape(Spelling spelling, std::uint8_t b) {
    if (b == 'u') return {SpellStep::More, hex(0, false, 0, 0)};
    for (const auto& [letter, c] : kShortEscapes)
        if (letter == b && (spelling == Spelling::JsonAny || c != '/')) return {SpellStep::Char, c};
    return {SpellStep::Dead, 0};
}

SpellStep step_hex(Spelling spelling, Partial p, std::uint8_t b) {
    const int digit = hex_digit(spelling, b);
    if (digit < 0) return {SpellStep::Dead, 0};
    const std::uint32_t num = ((p >> 26) & 3) + 1, high = (p >> 12) & 0x3FF;
    const std::uint32_t value = ((p & 0xFFF) << 4) | static_cast<std::uint32_t>(digit);
    const bool has_high = (p >> 25) & 1;
    if (num < 4) {
        const Partial next = hex(num, has_high, high, value);
        if (possible_chars(spelling, next).empty()) return {SpellStep::Dead, 0};
        return {SpellStep::More, next};
    }
    if (has_high) {
        if (value < 0xDC00 || value > 0xDFFF) return {SpellStep::Dead, 0};
        return {SpellStep::Char, 0x10000 + (high << 10) + (value - 0xDC00)};
    }
    if (value >= 0xDC00 && value <= 0xDFFF) return {SpellStep::Dead, 0};
    if (value >= 0xD800 && value <= 0xDBFF) return {SpellStep::More, make(kLowBackslash, value - 0xD800)};
    if (spelling == Spelling::JsonDumps && !contains(dumps_hex(), value)) return {SpellStep::Dead, 0};
    return {SpellStep::Char, value};
}

std::string utf8_of(std::uint32_t c) {
    auto byte = [](std::uint32_t b) { return static_cast<char>(b); };
    if (c < 0x80) return {byte(c)};
    if (c < 0x800) return {byte(0xC0 | (c >> 6)), byte(0x80 | (c & 0x3F))};
    if (c < 0x10000) return {byte(0xE0 | (c >> 12)), byte(0x80 | ((c >> 6) & 0x3F)), byte(0x80 | (c & 0x3F))};
    return {byte(0xF0 | (c >> 18)), byte(0x80 | ((c >> 12) & 0x3F)), byte(0x80 | ((c >> 6) & 0x3F)), byte(0x80 | (c & 0x3F))};
}

std::string hex_of(std::uint32_t unit, std::uint32_t from = 0) {
    std::string out;
    for (std::uint32_t i = from; i < 4; ++i) out += "0123456789abcdef"[(unit >> (4 * (3 - i))) & 15];
    return out;
}

// What follows the backslash.
std::string escape_of(Spelling spelling, std::uint32_t c) {
    for (const auto& [letter, value] : kShortEscapes)
        if (value == c && (spelling == Spelling::JsonAny || c != '/')) return {static_cast<char>(letter)};
    if (c < 0x10000) return "u" + hex_of(c);
    return "u" + hex_of(0xD800 + ((c - 0x10000) >> 10)) + "\\u" + hex_of(0xDC00 + ((c - 0x10000) & 0x3FF));
}

}  // namespace

bool is_escape(Partial partial) { return tag_of(partial) > kUtf8; }

std::string_view escape_bytes(Partial partial) {
    switch (tag_of(partial)) {
        case kEscape: return "\"/\\bfnrtu";
        case kHex: return "0123456789ABCDEFabcdef";
        case kLowBackslash: return "\\";
        default: return "u";
    }
}

std::uint8_t first_byte(std::uint32_t c) {
    return static_cast<std::uint8_t>(c < 0x80 ? c : c < 0x800 ? 0xC0 | (c >> 6) : c < 0x10000 ? 0xE0 | (c >> 12) : 0xF0 | (c >> 18));
}

SpellStep spell_step(Spelling spelling, Partial p, std::uint8_t b) {
    switch (tag_of(p)) {
        case 0: return step_first(spelling, b);
        case kUtf8:
            return step_continuation((p >> 21) & 3, p & 0x1FFFFF, b);
        case kEscape: return step_escape(spelling, b);
        case kHex: return step_hex(spelling, p, b);
        case kLowBackslash:
            if (b != '\\') return {SpellStep::Dead, 0};
            return {SpellStep::More, make(kLowU, p & 0x3FF)};
        default:
            if (b != 'u') return {SpellStep::Dead, 0};
            return {SpellStep::More, hex(0, true, p & 0x3FF, 0)};
    }
}

CharSet possible_chars(Spelling spelling, Partial p) {
    switch (tag_of(p)) {
        case 0: return all_chars();
        case kUtf8: return utf8_chars((p >> 21) & 3, p & 0x1FFFFF);
        case kEscape: return spelling == Spelling::JsonAny ? all_chars() : unite(dumps_short(), dumps_hex());
        case kHex: {
            const CharSet set = hex_chars((p >> 26) & 3, (p >> 25) & 1, (p >> 12) & 0x3FF, p & 0xFFF);
            return spelling == Spelling::JsonAny ? set : intersect(set, dumps_hex());
        }
        default: return {{0x10000 + ((p & 0x3FF) << 10), 0x10000 + ((p & 0x3FF) << 10) + 0x3FF}};
    }
}

std::string spell_rest(Spelling spelling, Partial p, std::uint32_t c) {
    const std::uint32_t low = 0xDC00 + ((c - 0x10000) & 0x3FF);
    switch (tag_of(p)) {
        case 0:
            if (spelling != Spelling::Text && (c < 0x20 || c == '"' || c == '\\')) return "\\" + escape_of(spelling, c);
            return utf8_of(c);
        case kUtf8: {
            const std::string whole = utf8_of(c);
            return whole.substr(whole.size() - ((p >> 21) & 3));
        }
        case kEscape: return escape_of(spelling, c);
        case kHex: {
            const std::uint32_t num = (p >> 26) & 3;
            if ((p >> 25) & 1) return hex_of(low, num);
            if (c < 0x10000) return hex_of(c, num);
            return hex_of(0xD800 + ((c - 0x10000) >> 10), num) + "\\u" + hex_of(low);
        }
        case kLowBackslash: return "\\u" + hex_of(low);
        default: return "u" + hex_of(low);
    }
}

}  // namespace guided
