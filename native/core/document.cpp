#include "document.hpp"

#include "schema_place.hpp"

namespace guided {

ValueId Document::added(JsonKind kind, Span span) {
    values_.push_back({kind, span});
    return static_cast<ValueId>(values_.size() - 1);
}

Document::Span Document::text_span(std::string_view text) {
    const Span span{static_cast<std::uint32_t>(texts_.size()), static_cast<std::uint32_t>(text.size())};
    texts_.append(text);
    return span;
}

ValueId Document::add_container(JsonKind kind, std::uint32_t size) {
    const std::size_t begin = kind == JsonKind::Array ? items_.size() : members_.size();
    if (kind == JsonKind::Array)
        items_.resize(begin + size, kNoValue);
    else
        members_.resize(begin + size, {{}, Keyword::None, kNoValue});
    return added(kind, {static_cast<std::uint32_t>(begin), size});
}

void Document::set_member(ValueId object, std::uint32_t index, std::string_view key, ValueId value) {
    const Keyword keyword = keyword_named(key);
    keywords_ |= bit(keyword);
    members_[values_[object].span.begin + index] = {text_span(key), keyword, value};
}

ValueId Document::find(ValueId object, Keyword keyword) const {
    for (const Member& m : members(object))
        if (m.keyword == keyword) return m.value;
    return kNoValue;
}

ValueId Document::find(ValueId object, std::string_view key) const {
    for (const Member& m : members(object))
        if (m.key.size == key.size() && text(m.key) == key) return m.value;
    return kNoValue;
}

bool Document::has(std::initializer_list<Keyword> keywords) const {
    for (Keyword k : keywords)
        if (keywords_ & bit(k)) return true;
    return false;
}

namespace {

// To one of them: `/definitions/enum` leads to a schema, or to no schema at all.
bool leads_into_constants(std::string_view reference) {
    return reference.find('%') == reference.npos ? reference.find("/enum/") != reference.npos
                                                 : percent_decoded(reference).find("/enum/") != std::string::npos;
}

}  // namespace

bool Document::is_plain(int draft) const {
    if (!has({Keyword::Ref, Keyword::DynamicRef, Keyword::RecursiveRef})) return !has_embedded_draft(draft);
    struct Part {
        ValueId value;
        bool is_embedded;  // in a schema with an identifier of its own, below the root
    };
    bool has_constants = false, may_point_at_constants = false;  // lists of them hold no schemas, unless one is referred to
    std::vector<Part> pending{{0, false}};
    while (!pending.empty()) {
        const auto [at, is_around] = pending.back();
        pending.pop_back();
        if (is(at, JsonKind::Array))
            for (const ValueId item : items(at)) pending.push_back({item, is_around});
        if (!is(at, JsonKind::Object)) continue;
        const bool is_embedded = is_around || (at != 0 && has_identifier(at, draft));
        for (const Member& m : members(at)) {
            if (m.value == kNoValue) continue;
            const bool is_reference = m.keyword == Keyword::Ref || m.keyword == Keyword::DynamicRef || m.keyword == Keyword::RecursiveRef;
            if (is_reference && is(m.value, JsonKind::String)) {
                const std::string_view reference = text(m.value);
                if (is_embedded || (reference != "#" && !reference.starts_with("#/"))) return false;
                may_point_at_constants = may_point_at_constants || leads_into_constants(reference);
            }
            const bool is_list = is(m.value, JsonKind::Array);
            if (is_list && m.keyword == Keyword::Enum) has_constants = true;
            else if (is_list || is(m.value, JsonKind::Object)) pending.push_back({m.value, is_embedded});
        }
    }
    return !(has_constants && may_point_at_constants) && !has_embedded_draft(draft);
}

bool Document::has_identifier(ValueId object, int draft) const {
    const ValueId identifier = find(object, draft == 4 ? Keyword::OldId : Keyword::Id);
    return identifier != kNoValue && is(identifier, JsonKind::String);
}

// A schema below the root with an identifier may be in another draft; it says so.
bool Document::has_embedded_draft(int draft) const {
    if (!has({draft == 4 ? Keyword::OldId : Keyword::Id})) return false;
    for (ValueId v = 1; v < size(); ++v)
        if (is(v, JsonKind::Object) && has_identifier(v, draft) && find(v, "$schema") != kNoValue) return true;
    return false;
}

std::size_t Document::num_name_bytes() const {
    std::size_t out = 0;
    for (const Member& m : members_) out += m.keyword == Keyword::None ? m.key.size : 0;
    return out;
}

std::size_t Document::hash() const {
    const auto bytes = [](const auto& v) { return std::string_view(reinterpret_cast<const char*>(v.data()), v.size() * sizeof(v[0])); };
    const std::hash<std::string_view> hashed;
    std::size_t out = hashed(texts_);
    for (const std::string_view part : {bytes(values_), bytes(items_), bytes(members_)}) out = out * 0x9E3779B97F4A7C15ull ^ hashed(part);
    return out;
}

namespace {

void write_escaped(std::uint32_t unit, std::string& out) {
    static constexpr char kHex[] = "0123456789abcdef";
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += kHex[(unit >> shift) & 15];
}

// The character that begins at `i`, which moves behind it; what was frozen is well-formed.
std::uint32_t next_character(std::string_view text, std::size_t& i) {
    const auto byte = [&] { return static_cast<std::uint8_t>(text[i++]); };
    const std::uint32_t lead = byte();
    if (lead < 0x80) return lead;
    const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    std::uint32_t c = lead & (0x3Fu >> more);
    for (int k = 0; k < more; ++k) c = (c << 6) | (byte() & 0x3Fu);
    return c;
}

void write_string(std::string_view text, std::string& out) {
    out += '"';
    for (std::size_t i = 0; i < text.size();) {
        const std::uint32_t c = next_character(text, i);
        if (c == '"' || c == '\\')
            out += '\\', out += static_cast<char>(c);
        else if (c >= 0x20 && c < 0x7F)
            out += static_cast<char>(c);
        else if (c < 0x10000)
            write_escaped(c, out);
        else
            write_escaped(0xD800 + ((c - 0x10000) >> 10), out), write_escaped(0xDC00 + ((c - 0x10000) & 0x3FF), out);
    }
    out += '"';
}

}  // namespace

bool decoded(std::string_view text, std::u32string& out) {
    out.clear();
    out.reserve(text.size());
    bool is_spellable = true;
    for (std::size_t i = 0; i < text.size();) {
        out.push_back(next_character(text, i));
        is_spellable = is_spellable && (out.back() < 0xD800 || out.back() > 0xDFFF);
    }
    return is_spellable;
}

std::string Document::json(ValueId root) const {
    struct Open {
        ValueId value;
        std::uint32_t next;
    };
    std::string out;
    std::vector<Open> open;
    const auto begin = [&](ValueId v) {
        static constexpr std::string_view kLiterals[] = {"null", "false", "true"};
        switch (kind(v)) {
            case JsonKind::Number: out += text(v); return;
            case JsonKind::String: return write_string(text(v), out);
            case JsonKind::Array:
            case JsonKind::Object: open.push_back({v, 0}), out += is(v, JsonKind::Array) ? '[' : '{'; return;
            default: out += kLiterals[static_cast<std::size_t>(kind(v))];
        }
    };
    begin(root);
    while (!open.empty()) {
        const ValueId v = open.back().value;
        const std::uint32_t i = open.back().next++;
        const bool is_array = is(v, JsonKind::Array);
        if (i == values_[v].span.size) {
            out += is_array ? ']' : '}';
            open.pop_back();
            continue;
        }
        if (i > 0) out += ", ";
        if (is_array) {
            begin(items(v).begin()[i]);
        } else {
            const Member m = members(v).begin()[i];
            write_string(text(m.key), out);
            out += ": ";
            begin(m.value);
        }
    }
    return out;
}

}  // namespace guided
