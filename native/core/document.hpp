// A JSON document, frozen: what a schema is read from, and what makes equal schemas equal.
//
// Values are numbered as they are added, the root is 0, and all of it lies in four arrays: copying, comparing and
// hashing a document is copying, comparing and hashing them. Texts are UTF-8, a lone surrogate as its three bytes;
// numbers are kept as they are spelled. Keys that are keywords are known as such, so no key is ever compared twice.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "keywords.hpp"

namespace guided {

enum class JsonKind : std::uint32_t { Null, False, True, Number, String, Array, Object };

using ValueId = std::uint32_t;
inline constexpr ValueId kNoValue = 0xFFFFFFFF;

class Document {
   public:
    struct Span {
        std::uint32_t begin = 0, size = 0;
        bool operator==(const Span&) const = default;
    };
    struct Value {
        JsonKind kind;
        Span span;  // of the texts (strings, numbers), the items or the members
        bool operator==(const Value&) const = default;
    };
    struct Member {
        Span key;
        Keyword keyword;  // Keyword::None: no keyword of any draft
        ValueId value;
        bool operator==(const Member&) const = default;
    };
    template <class T>
    struct Range {
        const T *first, *last;
        const T* begin() const { return first; }
        const T* end() const { return last; }
        std::size_t size() const { return static_cast<std::size_t>(last - first); }
    };

    // Containers first, then what is in them.
    ValueId add(JsonKind literal) { return added(literal, {}); }
    ValueId add(JsonKind number_or_string, std::string_view text) { return added(number_or_string, text_span(text)); }
    ValueId add_container(JsonKind kind, std::uint32_t size);
    void set_item(ValueId array, std::uint32_t index, ValueId value) { items_[values_[array].span.begin + index] = value; }
    void set_member(ValueId object, std::uint32_t index, std::string_view key, ValueId value);

    std::uint32_t size() const { return static_cast<std::uint32_t>(values_.size()); }
    JsonKind kind(ValueId v) const { return values_[v].kind; }
    bool is(ValueId v, JsonKind kind) const { return values_[v].kind == kind; }
    bool is_boolean(ValueId v) const { return is(v, JsonKind::True) || is(v, JsonKind::False); }
    std::string_view text(ValueId v) const { return text(values_[v].span); }
    std::string_view text(Span span) const { return std::string_view(texts_).substr(span.begin, span.size); }
    Range<ValueId> items(ValueId array) const { return range(items_, values_[array].span); }
    Range<Member> members(ValueId object) const { return range(members_, values_[object].span); }
    // The same one by one, where the document may grow meanwhile.
    std::uint32_t num_parts(ValueId container) const { return values_[container].span.size; }
    ValueId item(ValueId array, std::uint32_t index) const { return items_[values_[array].span.begin + index]; }
    Member member(ValueId object, std::uint32_t index) const { return members_[values_[object].span.begin + index]; }

    ValueId find(ValueId object, Keyword keyword) const;      // kNoValue: not there
    ValueId find(ValueId object, std::string_view key) const;
    std::string json(ValueId v) const;                        // ASCII, as json.dumps writes it

    // What can be told of the whole; each may err on the side of care.
    // No base URI matters: references lead into the document itself, and none stands in a schema with an identifier of its own.
    bool is_plain(int draft) const;
    bool has(std::initializer_list<Keyword> keywords) const;

    bool operator==(const Document& o) const {
        return values_ == o.values_ && items_ == o.items_ && members_ == o.members_ && texts_ == o.texts_;
    }
    std::size_t hash() const;
    std::size_t num_name_bytes() const;  // of all keys that are no keywords

   private:
    template <class T>
    static Range<T> range(const std::vector<T>& all, Span span) {
        return {all.data() + span.begin, all.data() + span.begin + span.size};
    }
    bool has_identifier(ValueId object, int draft) const;
    bool has_embedded_draft(int draft) const;
    ValueId added(JsonKind kind, Span span);
    Span text_span(std::string_view text);

    std::vector<Value> values_;
    std::vector<ValueId> items_;
    std::vector<Member> members_;
    std::string texts_;
    KeywordSet keywords_ = 0;  // that are keys somewhere
};

// The UTF-8 of a frozen text as characters; false where it holds a lone surrogate, which no JSON text can spell.
bool decoded(std::string_view text, std::u32string& out);

}  // namespace guided
