// JSON Schemas as goals: what must hold of one value, taken together.
//
// A goal is a set of schema nodes that the same value must satisfy. Expanding it splits by type: scalars become one
// expression, objects and arrays a few alternatives, each a conjunction of nodes without `any_of`. Progress inside an object
// is a small interned record. A goal is empty when no value satisfies it: decided by a least fixpoint over what is required.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lexer.hpp"

namespace guided {

inline constexpr std::uint32_t kNone = 0xFFFFFFFF;

enum TypeBit : std::uint32_t { kNull = 1, kFalse = 2, kTrue = 4, kNumber = 8, kString = 16, kArray = 32, kObject = 64 };

using SchemaId = std::uint32_t;
using GoalId = std::uint32_t;
using KeyId = std::uint32_t;  // interned text

struct SchemaNode {
    std::uint32_t types = 127;
    std::uint32_t string = kNone, number = kNone;  // expressions
    std::vector<std::pair<KeyId, SchemaId>> properties;
    SchemaId additional = kNone;
    std::vector<KeyId> required;
    std::uint32_t min_properties = 0, max_properties = kUnbounded;
    std::vector<SchemaId> prefix;
    SchemaId items = kNone;
    std::uint32_t min_items = 0, max_items = kUnbounded;
    std::vector<SchemaId> all_of;
    std::vector<std::vector<SchemaId>> any_of;
    bool is_defined = false;

    bool constrains_objects() const;
    bool constrains_arrays() const;
};

// How JSON is laid out: separators and white space, as expressions.
struct Layout {
    enum Part : std::uint32_t { ObjectOpen, ObjectClose, ObjectEmpty, ArrayOpen, ArrayClose, ArrayEmpty, ItemSep, KeySep };
    bool is_flexible = true;
    bool is_any_order = false;
    std::u32string item_separator = U",", key_separator = U":";
    std::optional<std::uint32_t> indent;
    Spelling spelling() const { return is_flexible ? Spelling::JsonAny : Spelling::JsonDumps; }
    bool operator==(const Layout&) const = default;
};

struct Object {
    struct Key {
        KeyId text;
        ExprId spelled;  // literal of the text
        GoalId goal;
        bool is_declared, is_required;
    };
    std::uint32_t layout;
    std::vector<Key> keys;  // declared ones in order, then required ones that nobody declares
    std::uint32_t num_declared = 0;
    GoalId extra_goal = kNone;  // of all other keys; kNone: they are not allowed
    ExprId extra_key = ExprPool::kAll;
    std::uint32_t min_properties = 0, max_properties = kUnbounded;
    bool counts() const { return min_properties > 0 || max_properties != kUnbounded; }
};

struct Array {
    std::uint32_t layout;
    std::vector<GoalId> prefix;
    GoalId items;
    std::uint32_t min_items = 0, max_items = kUnbounded;
    GoalId goal_at(std::uint32_t i) const { return i < prefix.size() ? prefix[i] : items; }
};

// Where an object stands: how far in the declared order, how many keys, which of them, which others.
struct Progress {
    std::uint32_t position = 0, count = 0, extras = 0;  // extras: id of a set of key texts
    std::vector<std::uint32_t> seen;                    // bits of Object::keys
    bool has(std::uint32_t key) const { return key / 32 < seen.size() && (seen[key / 32] >> (key % 32)) & 1; }
    void add(std::uint32_t key);
};

inline constexpr std::uint32_t kUnknownExtras = 0xFFFFFFFE;  // a key whose text a mask walk did not keep
inline constexpr Label kExtraLabel = 0xFFFFFFF0;

struct Expansion {
    std::int32_t scalar = Lexer::kDead;  // null, true, false and numbers
    std::int32_t string = Lexer::kDead;
    std::vector<std::uint32_t> objects, arrays;
};

// One key that a shortest object still needs.
struct PlannedKey {
    Label label;
    KeyId text;
    GoalId goal;
};

class Schemas {
   public:
    Schemas(ExprPool& pool, Lexer& lexer) : pool_(pool), lexer_(lexer) {}

    std::vector<SchemaNode> nodes;

    KeyId intern_key(const std::u32string& text);
    const std::u32string& key_text(KeyId id) const { return key_texts_[id]; }
    std::uint32_t add_layout(const Layout& layout);
    const Layout& layout(std::uint32_t id) const { return layouts_[id]; }
    std::int32_t layout_lexeme(std::uint32_t layout, Layout::Part part, std::uint32_t depth);
    std::u32string layout_text(std::uint32_t layout, Layout::Part part, std::uint32_t depth) const;

    GoalId goal(std::uint32_t layout, std::vector<SchemaId> nodes);
    std::uint32_t goal_layout(GoalId g) const { return goals_[g].layout; }
    bool nonempty(GoalId g);
    const Expansion& expand(GoalId g);
    std::string shortest(GoalId g, std::uint32_t depth);
    std::uint64_t cost(GoalId g);

    const Object& object(std::uint32_t id) const { return *objects_[id]; }
    const Array& array(std::uint32_t id) const { return *arrays_[id]; }

    std::uint32_t intern_progress(const Progress& p);
    const Progress& progress(std::uint32_t id) const { return *progresses_[id]; }
    std::uint32_t initial_progress() { return intern_progress({}); }
    Progress advanced(const Object& o, const Progress& p, Label label, KeyId extra_text);
    bool can_close(const Object& o, const Progress& p) const;
    // A lexer over the keys that may come next, or kDead. `tainted` is set where unknown extra keys could matter.
    std::int32_t key_lexer(std::uint32_t object, std::uint32_t progress, bool& tainted);
    bool array_may_grow(std::uint32_t array, std::uint32_t num_items);
    std::uint32_t clamped_index(const Array& a, std::uint32_t num_items) const;

    // Keys of a shortest way to close; with `at_least_one` even if it could close now. None: impossible.
    std::optional<std::vector<PlannedKey>> plan(const Object& o, const Progress& p, bool at_least_one = false);
    std::string quoted(const std::u32string& text, Spelling spelling) const;
    std::string key_and_value(const Object& o, const PlannedKey& k, std::uint32_t depth);

   private:
    struct Goal {
        std::uint32_t layout;
        std::vector<SchemaId> nodes;
        bool is_expanded = false, is_solved = false;
        Expansion expansion;
        std::uint64_t cost = UINT64_MAX;
    };
    using NodeSet = std::vector<SchemaId>;

    bool literal_holds(SchemaId n, std::uint32_t bit, std::uint32_t depth) const;
    ExprId scalar_expr(SchemaId n, TypeBit type, std::uint32_t depth);
    std::vector<NodeSet> alternatives(const NodeSet& goal, TypeBit type) const;
    std::uint32_t make_object(std::uint32_t layout, const NodeSet& nodes);
    std::uint32_t make_array(std::uint32_t layout, const NodeSet& nodes);
    ExprId default_number();
    void solve(GoalId g);
    std::uint64_t candidate_cost(GoalId g, std::vector<GoalId>* needs);
    std::uint64_t object_cost(std::uint32_t id, std::vector<GoalId>* needs);
    std::uint64_t array_cost(std::uint32_t id, std::vector<GoalId>* needs);
    std::uint64_t known_cost(GoalId g, std::vector<GoalId>* needs);
    bool may_use(const Object& o, const Progress& p, std::uint32_t key) const;
    std::uint32_t num_missing(const Object& o, const Progress& p) const;

    ExprPool& pool_;
    Lexer& lexer_;
    std::vector<std::u32string> key_texts_;
    std::map<std::u32string, KeyId> key_ids_;
    std::vector<Layout> layouts_;
    std::unordered_map<std::vector<std::uint32_t>, std::int32_t, VectorHash> layout_lexemes_, key_lexers_;
    std::vector<Goal> goals_;
    std::vector<std::unique_ptr<Object>> objects_;
    std::vector<std::unique_ptr<Array>> arrays_;
    std::vector<std::unique_ptr<Progress>> progresses_;
    std::vector<std::vector<KeyId>> extra_sets_{{}};
    std::unordered_map<std::vector<std::uint32_t>, std::uint32_t, VectorHash> goal_ids_, object_ids_, array_ids_,
        progress_ids_, extra_set_ids_;
    ExprId default_number_ = kNone;
};

}  // namespace guided
