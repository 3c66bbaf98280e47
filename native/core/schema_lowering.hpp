// From a JSON Schema, as a frozen document, to schema nodes.
//
// A worklist: each sub-schema gets a node when it is first seen and is defined later, so recursion through `$ref` and
// any depth of nesting cost no stack. Of a node, keywords about one type apply to that type only, as the standard says.
// Combinations are literals: a node or its negation; an implication "if A then B" is the group (not A, or B). Half of
// all schemas in the wild only name a type: such share one node.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "decimal.hpp"
#include "schema.hpp"
#include "schema_place.hpp"

namespace guided {

struct LoweringOptions {
    int draft = 2020;
    KeywordSet enforced = 0;  // others are annotations
    bool asserts_formats = true;
    std::uint64_t max_nodes = 0;
};

// The schema nodes that stand for places of a document.
struct LoweredPlaces {
    std::shared_ptr<const Document> document;
    SchemaPaths paths;
    std::vector<std::pair<SchemaId, PathId>> path_of;  // ascending

    std::optional<std::string> pointer(SchemaId node) const;
};

// Values by what they are and not by how they are spelled: equal ones have one number.
class ValueClasses {
   public:
    explicit ValueClasses(const Document& document) : document_(document) {}
    std::uint32_t of(ValueId value);

   private:
    std::uint32_t intern(std::string key);

    const Document& document_;
    std::unordered_map<std::string, std::uint32_t> ids_;
    std::unordered_map<ValueId, std::uint32_t> known_;
};

class SchemaLowering {
   public:
    SchemaLowering(ExprPool& pool, Schemas& schemas, std::shared_ptr<const Document> document, SchemaOutside& outside,
                   const LoweringOptions& options);

    SchemaId lower();  // the node of the whole document
    std::shared_ptr<LoweredPlaces> places() { return places_; }

   private:
    static constexpr std::uint32_t kAllTypes = 127;
    static constexpr std::uint64_t kMostCopies = 20'000;  // of schemas, for the dynamic scopes that reach them

    struct Kept {  // the enforced keywords of a schema
        KeywordSet set = 0;
        std::array<ValueId, kNumKeywords> at;

        bool has(Keyword k) const { return set & bit(k); }
        bool has_any(KeywordSet keywords) const { return set & keywords; }
        ValueId operator[](Keyword k) const { return at[static_cast<std::size_t>(k)]; }
    };
    struct Range {  // of numbers, ready to compare with
        NumericRange spelled;
        std::optional<Decimal> low, high;
        bool is_small() const;
        bool holds(const Decimal& value) const;
    };
    struct Listed {  // the values that enum and const leave, by type
        std::uint32_t literal_types = 0;
        std::vector<std::u32string> strings;
        std::vector<ValueId> numbers, structures;
        bool has_strings = false;  // some of them may have no spelling
    };
    struct Applied {  // a group of schemas of which one, or exactly one, holds of the same value; of one: it holds
        Lits group;
        Keyword keyword;
        bool is_one_of = false;
    };
    struct Surface;  // what a branch of a `oneOf` says at first sight

    const Document& doc() const { return *document_; }
    bool is(ValueId v, JsonKind kind) const { return document_->is(v, kind); }
    std::string pointer(PathId path) const { return places_->paths.pointer(*document_, path); }
    SchemaOutside::Where where(PathId path) const { return {places_->paths, *document_, path}; }
    template <class... Keys>
    PathId below(PathId path, Keys... keys) {
        ((path = places_->paths.below(path, keys)), ...);
        return path;
    }

    // The worklist.
    Kept kept(ValueId schema) const;
    Lit node(Place place);
    template <class... Keys>
    Lit child(const Place& place, ValueId schema, Keys... keys) {
        if (is(schema, JsonKind::Object))
            if (const Lit known = type_node(schema); known != kNone) return known;
        return node(place.at(schema, below(place.path, keys...)));
    }
    // For schemas of "all others": kNone where it may be anything and nobody asks what was evaluated.
    Lit part(const Place& place, ValueId schema, Keyword keyword);
    Lit type_node(ValueId schema);
    SchemaId new_node();
    SchemaId reserve();  // counted
    void define(SchemaId node, SchemaNode&& n);
    void define(SchemaId node, const Place& place);
    void check_shapes(const Kept& kept, ValueId schema, PathId path) const;
    void refuse_endless() const;

    // References.
    Place root();
    Place entered(const Place& place);
    Place follow(const Place& place, Keyword keyword);
    Place follow_local(std::string_view reference, const Place& place, Keyword keyword);
    ValueId named_member(ValueId object, std::string_view key);

    // Scalars.
    std::uint32_t types_of(const Kept& kept) const;
    void add_scalars(SchemaNode& n, const Kept& kept, const Place& place);
    std::vector<ExprId> strings(const Kept& kept, const Place& place);
    ExprId pattern(std::string_view text, PathId path);
    void add_numbers(SchemaNode& n, const Kept& kept);
    void add_values(SchemaNode& n, const Kept& kept, std::vector<ExprId>& strings);
    Range range(const Kept& kept) const;
    void set_bound(const Kept& kept, Range& range, bool is_low) const;
    std::vector<ValueId> allowed_values(const Kept& kept);
    Listed listed(const Kept& kept);
    ExprId range_expression(const NumericRange& range, bool is_refused);
    ExprId all_of(const std::vector<ExprId>& parts) { return parts.size() == 1 ? parts[0] : pool_.both(parts); }
    ExprId any_of(const std::vector<ExprId>& parts) { return parts.size() == 1 ? parts[0] : pool_.alt(parts); }

    // Constants.
    Lit value_literal(ValueId value);
    SchemaId value_node(ValueId value);
    void define_scalar(SchemaId node, ValueId value);

    // Containers.
    void add_object(SchemaNode& n, const Kept& kept, const Place& place);
    void add_array(SchemaNode& n, const Kept& kept, const Place& place);
    std::optional<KeyId> key(std::string_view text);  // none: no JSON text can spell it
    bool add_required(SchemaNode& n, std::span<const ValueId> names);

    // Applicators.
    void add_applicators(SchemaNode& n, const Kept& kept, const Place& place);
    void simplify(SchemaNode& n, std::vector<Applied> applied, const Kept& kept, const Place& place) const;
    std::vector<std::uint32_t> order_of(const std::vector<Keyword>& keywords, const Kept& kept, const Place& place) const;
    Lits branches(const Kept& kept, const Place& place, Keyword keyword);
    Lit add_condition(std::vector<Applied>& groups, const Kept& kept, const Place& place);
    void add_dependencies(std::vector<Applied>& groups, const Kept& kept, const Place& place);
    Lits implication(Lit condition, Lit consequence);
    Lit has(std::span<const ValueId> names, std::uint32_t types);
    Lit has_key(std::string_view name);
    bool are_disjoint(const Place& place, ValueId branches);
    Place resolved(Place place);
    Surface surface(const Place& place);
    std::optional<std::vector<std::uint32_t>> surface_values(ValueId schema);
    bool are_disjoint(Surface& a, Surface& b);
    void find_discriminators(Surface& s);

    ExprPool& pool_;
    Schemas& schemas_;
    std::shared_ptr<const Document> document_;
    SchemaOutside& outside_;
    const LoweringOptions options_;
    const bool is_plain_, has_unevaluated_, is_negating_;
    std::shared_ptr<LoweredPlaces> places_;
    ValueClasses classes_;

    struct Pending {
        SchemaId node;
        Place place;
    };
    std::vector<Pending> pending_;
    std::uint64_t num_nodes_ = 0, num_copies_ = 0;
    std::vector<SchemaId> node_of_;                                 // by schema, outside of dynamic scopes
    std::unordered_map<std::uint64_t, SchemaId> scoped_node_of_;    // by schema and scope
    std::vector<bool> was_lowered_;                                 // schemas in a dynamic scope
    std::array<Lit, 8> of_type_;                                    // nodes that only name a type
    std::vector<std::pair<SchemaId, Lits>> in_place_;               // what a node applies to the same value
    std::unordered_map<std::string_view, Place> local_targets_;     // of plain documents, which do not grow
    std::unordered_map<ValueId, std::unordered_map<std::string_view, ValueId>> large_objects_;
    std::unordered_map<std::string, ExprId> patterns_;
    std::unordered_map<std::string, std::optional<ExprId>> formats_;
    std::map<std::string, ExprId> ranges_;
    std::map<std::vector<std::uint32_t>, SchemaId> having_;  // by types and keys
};

}  // namespace guided
