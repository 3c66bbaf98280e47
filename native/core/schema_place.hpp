// Where the lowering of a schema stands, and what it asks of the outside.
//
// Pointers are links to the place above, and written out for errors only. References that need base URIs, anchors or a
// registry are the business of the outside: it numbers the base URIs and dynamic scopes that it meets, 0 being none.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "document.hpp"
#include "expr.hpp"

namespace guided {

// The schema breaks the standard, or asks for what cannot be enforced (then `keyword` names what).
struct SchemaError : std::runtime_error {
    std::string pointer, keyword;
    SchemaError(std::string pointer, const std::string& reason, std::string keyword = "")
        : std::runtime_error(reason), pointer(std::move(pointer)), keyword(std::move(keyword)) {}
};

using PathId = std::uint32_t;

// Paths of one document. It may grow while paths point into it.
class SchemaPaths {
   public:
    PathId root(std::string pointer);
    PathId below(PathId path, Keyword keyword) { return added({path, Kind::Keyword, static_cast<std::uint32_t>(keyword), 0}); }
    PathId below(PathId path, std::uint32_t index) { return added({path, Kind::Index, index, 0}); }
    PathId below(PathId path, Document::Span key) { return added({path, Kind::Key, key.begin, key.size}); }
    std::string pointer(const Document& document, PathId path) const;

   private:
    enum class Kind : std::uint32_t { Root, Keyword, Index, Key };
    struct Part {
        PathId above;
        Kind kind;
        std::uint32_t a, b;
    };
    PathId added(const Part& part) {
        parts_.push_back(part);
        return static_cast<PathId>(parts_.size() - 1);
    }

    std::vector<Part> parts_;
    std::vector<std::string> roots_;
};

std::string percent_decoded(std::string_view text);

struct Place {
    ValueId schema;
    PathId path;
    std::uint32_t base = 0;   // number of the base URI; 0: the document itself, none is needed
    std::uint32_t scope = 0;  // number of the dynamic scope
    bool is_entered = false;  // the base already is the one that the schema's own identifier sets

    Place at(ValueId part, PathId where) const { return {part, where, base, scope, false}; }
};

// What `minimum` and its siblings say together, as spelled; empty: no bound.
struct NumericRange {
    std::string_view low, high;
    bool is_low_open = false, is_high_open = false, is_integer = false;

    bool is_everything() const { return low.empty() && high.empty() && !is_integer; }
};

// Expressions are made in the builder that the schema is lowered into.
class SchemaOutside {
   public:
    struct Target {
        ValueId schema;
        std::string pointer;
        std::uint32_t base, scope;
    };
    struct Where {  // for errors
        const SchemaPaths& paths;
        const Document& document;
        PathId path;
        std::string pointer() const { return paths.pointer(document, path); }
    };

    virtual ~SchemaOutside() = default;
    // Texts in which an ECMA-262 pattern is found.
    virtual ExprId pattern(std::string_view pattern, const Where& where) = 0;
    // Texts of a format; none where it is an annotation.
    virtual std::optional<ExprId> format(std::string_view name, const Where& where) = 0;
    // Spellings of the numbers in a range, or of all others.
    virtual ExprId range(const NumericRange& range, bool is_refused) = 0;
    // Spellings of multiples, or of all other numbers; `is_small`: none of 1e16 or more is asked for.
    virtual ExprId multiples(std::string_view divisor, bool is_small, bool is_refused) = 0;
    // Spellings of any of these numbers, or of all others.
    virtual ExprId listed(const std::vector<std::string_view>& numbers, bool is_refused) = 0;
    virtual bool is_multiple(std::string_view number, std::string_view divisor) = 0;

    // References beyond the document, asked for where it is not plain. They may add to it.
    virtual Target root() = 0;
    virtual Target enter(const Place& place, const Where& where) = 0;
    virtual Target follow(const Place& place, Keyword keyword, const Where& where) = 0;
};

}  // namespace guided
