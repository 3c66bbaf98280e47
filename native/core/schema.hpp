// JSON Schemas as goals: what must hold of one value, taken together.
//
// A goal is a set of literals, schema nodes or their negations, that the same value must satisfy. Expanding it splits by
// type: scalars become one expression; objects and arrays a few alternatives, each a conjunction of nodes with negations
// pushed inwards. `not required a` forbids the key a, `not properties a: S` asks for a key a that is not S, `not
// additionalProperties S` asks for some other key that is not S, and so on: what remains is positive, and a choice.
// A goal is empty when no value satisfies it: decided by a least fixpoint over what is required.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "errors.hpp"
#include "lexer.hpp"

namespace guided {

inline constexpr std::uint32_t kNone = 0xFFFFFFFF;

enum TypeBit : std::uint32_t { kNull = 1, kFalse = 2, kTrue = 4, kNumber = 8, kString = 16, kArray = 32, kObject = 64 };

using SchemaId = std::uint32_t;
using Lit = std::uint32_t;  // schema id * 2, + 1 if negated
using GoalId = std::uint32_t;
using KeyId = std::uint32_t;  // interned text

inline constexpr Lit kTrueLit = 0, kFalseLit = 1;  // node 0 holds of every value
constexpr Lit negated(Lit l) { return l ^ 1; }

struct SomeKey {  // some key of this language has a value that satisfies this
    ExprId keys;
    Lit value;
};

struct SomeItems {  // how many items from index `from` on satisfy `value`
    std::uint32_t from;
    Lit value;
    std::uint32_t min, max;
    bool evaluates = false;  // whether such items count as evaluated
};

struct SchemaNode {
    std::uint32_t types = 127;
    std::uint32_t string = kNone, number = kNone;  // expressions
    bool is_string_part = false;                   // `string` leaves out texts that the schema allows
    std::uint32_t number_not = kNone;              // the numbers that `number` refuses
    std::vector<std::pair<KeyId, Lit>> properties;
    std::vector<std::pair<ExprId, Lit>> pattern_properties;
    Lit additional = kNone, property_names = kNone;
    std::vector<KeyId> required;
    std::uint32_t min_properties = 0, max_properties = kUnbounded;
    std::vector<SomeKey> some_keys;
    std::vector<Lit> prefix;
    Lit items = kNone;
    std::uint32_t min_items = 0, max_items = kUnbounded;
    std::vector<SomeItems> some_items;
    bool unique_items = false;
    bool has_equal_items = false;  // made by a negation: two items are the same
    std::vector<Lit> differs_from;  // objects and arrays, as value_lit() makes them: the value is none of these
    bool is_rule = false;          // made by a negation: says no more than its keys or items
    std::vector<Lit> all_of;
    std::vector<std::vector<Lit>> any_of, one_of;
    Lit condition = kNone;  // of `if`, which groups of any_of speak of
    // Ranks by which keys are declared: of the node's own, of all_of, any_of, one_of, the condition. Empty: in this order.
    std::vector<std::uint32_t> order;
    Lit unevaluated_properties = kNone, unevaluated_items = kNone;
    bool breaks_unevaluated = false;  // some unevaluated key or item must *not* be as said: such a node is made by a negation
    bool is_defined = false;

    bool constrains(TypeBit type) const;
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

using Lits = std::vector<Lit>;

struct Object {
    struct Key {
        KeyId text;
        ExprId spelled;  // literal of the text
        bool is_declared, is_required;
        std::uint32_t witnesses = 0;  // which of `some` it can be
    };
    struct Extra {  // keys without a name of their own that are treated alike
        ExprId keys;
        std::uint32_t witnesses = 0;
    };
    struct Option {  // one reading of the next key: which, and which of `some` it is to witness
        std::uint32_t key;        // index into keys, then into extras
        std::uint32_t chosen;     // of `some`: those that its value is made to witness
        std::uint32_t witnessed;  // the same, and those that its name witnesses
        GoalId goal;
        ExprId spelled;
        std::uint32_t equal = 0;  // Progress::equal afterwards
    };
    std::uint32_t layout;
    std::vector<Key> keys;  // declared ones in order, then others that are named: required ones, those of `apart_from`
    std::vector<Extra> extras;
    std::vector<Lit> some;
    std::deque<Option> options;                 // of each key a run, the one that witnesses nothing first; then split ones
    Lits apart_from;                            // objects that it must not be
    std::vector<std::uint32_t> first_option;    // of each key and extra, and one past the end
    std::uint32_t num_declared = 0;
    std::uint32_t min_properties = 0, max_properties = kUnbounded;

    bool counts() const { return min_properties > 0 || max_properties != kUnbounded; }
    bool is_simple() const { return some.empty() && apart_from.empty() && min_properties == 0 && max_properties == kUnbounded; }
    std::uint32_t all_witnessed() const { return (1u << some.size()) - 1; }
};

// A label of a key lexer is the index of an option; this bit says that the text of the key is to be kept.
inline constexpr Label kExtraBit = 0x80000000;
inline std::uint32_t option_of(Label label) { return label & ~kExtraBit; }

// Where an object stands: how far in the declared order, how many keys, which of them, which others.
struct Progress {
    std::uint32_t position = 0, count = 0, witnessed = 0, extras = 0;  // extras: id of a set of key texts
    std::uint32_t equal = 0;          // id of the set of old values that it still equals
    std::vector<std::uint32_t> seen;  // bits of Object::keys
    bool has(std::uint32_t key) const { return key / 32 < seen.size() && (seen[key / 32] >> (key % 32)) & 1; }
    void add(std::uint32_t key);
    void remove(std::uint32_t key);
};

inline constexpr std::uint32_t kUnknownExtras = 0xFFFFFFFE;  // a key whose text a mask walk did not keep

struct Array {
    std::uint32_t layout;
    std::vector<Lits> prefix;
    Lits items;
    std::uint32_t min_items = 0, max_items = kUnbounded;
    std::vector<SomeItems> some;
    Lits apart_from;  // arrays that it must not be
    bool is_unique = false;
    std::uint64_t least_cost = 0;  // found out later, where items must differ: no shorter value; UINT64_MAX: there are too few values
};

struct ArrayProgress {
    std::uint32_t index = 0;
    std::vector<std::uint32_t> counts;  // of Array::some
    Lits seen;                          // values that may not come again, sorted
    Lits equal;                         // old arrays that it still equals
    auto operator<=>(const ArrayProgress&) const = default;
};

struct ItemOption {
    GoalId goal;
    std::uint32_t progress;  // afterwards
};

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

template <class Item>
struct Plan {
    std::uint64_t cost = UINT64_MAX;
    std::vector<Item> items;
};

class Glance;

class Schemas {
   public:
    Schemas(ExprPool& pool, Lexer& lexer, const Limits& limits);

    std::deque<SchemaNode> nodes;  // a deque: nodes made on the way do not move the others
    bool has_string_parts = false;

    std::size_t num_bytes() const;  // held, about
    void reserve_keys(std::size_t num_characters) {
        key_texts_.reserve(key_texts_.size() + num_characters), key_ids_.reserve(key_ids_.size() + num_characters);
    }
    KeyId intern_key(const std::u32string& text);
    KeyId with_character(KeyId key, char32_t c);  // the text of `key` and one character more
    std::u32string key_text(KeyId id) const;
    std::size_t key_size(KeyId id) const { return key_texts_[id].size; }  // bytes of its shortest spelling, without quotes
    std::uint32_t add_layout(const Layout& layout);
    const Layout& layout(std::uint32_t id) const { return layouts_[id]; }
    std::int32_t layout_lexeme(std::uint32_t layout, Layout::Part part, std::uint32_t depth);
    std::u32string layout_text(std::uint32_t layout, Layout::Part part, std::uint32_t depth) const;

    GoalId goal(std::uint32_t layout, const Lits& lits);
    std::uint32_t goal_layout(GoalId g) const { return goals_[g].layout; }
    const Expansion& expand(GoalId g);
    // Meets every limit now that a value of this goal could meet later.
    void look_ahead(GoalId root);
    bool nonempty(GoalId g) { return cost(g) != UINT64_MAX; }
    std::uint64_t cost(GoalId g);  // bytes of a shortest value, about; UINT64_MAX: none
    std::string shortest(GoalId g, std::uint32_t depth);

    const Object& object(std::uint32_t id) const { return *objects_[id]; }
    std::uint32_t intern_progress(const Progress& p);
    const Progress& progress(std::uint32_t id) const { return *progresses_[id]; }
    Progress advanced(const Object& o, const Progress& p, Label label, KeyId extra_text);
    bool can_close(const Object& o, const Progress& p) const;
    // A lexer over the keys that may come next, or kDead. `tainted` is set where unknown extra keys could matter.
    std::int32_t key_lexer(std::uint32_t object, std::uint32_t progress, bool& tainted);
    // Keys of a shortest way to close; with `at_least_one` even if it could close now. Without `needs` costs are solved.
    Progress initial_progress(const Object& o);
    Plan<PlannedKey> plan(std::uint32_t object, const Progress& p, bool at_least_one = false, std::vector<GoalId>* needs = nullptr);
    std::string quoted(const std::u32string& text, Spelling spelling) const;
    std::string key_and_value(const Object& o, const PlannedKey& k, std::uint32_t depth);

    const Array& array(std::uint32_t id) const { return *arrays_[id]; }
    std::uint32_t initial_array_progress(std::uint32_t array);
    bool can_close(const Array& a, std::uint32_t progress) const;
    std::uint32_t with_seen(std::uint32_t progress, const std::string& item);
    std::uint32_t with_value(std::uint32_t progress, Lit value);
    Lit value_lit(const std::string& json);  // holds of exactly the value that this text spells
    const std::vector<ItemOption>& item_options(std::uint32_t array, std::uint32_t progress);  // that leave a way to close
    Plan<GoalId> plan_items(std::uint32_t array, std::uint32_t progress, bool at_least_one = false,
                            std::vector<GoalId>* needs = nullptr);

   private:
    struct Goal {
        std::uint32_t layout;
        Lits lits;
        bool is_expanded = false, is_solved = false;
        Expansion expansion;
        std::uint64_t cost = UINT64_MAX;
    };
    struct Annotations {  // what the schemas that hold have evaluated of one value
        std::vector<KeyId> names;
        std::vector<ExprId> patterns;
        std::vector<Lit> items;
        std::uint32_t num_items = 0;
        bool is_all = false;
    };
    struct Branch;
    struct BranchUnit;
    struct BranchChoice;
    using Options = std::vector<Lits>;  // at least one of these, each as a whole

    const SchemaNode& node(Lit l) const { return nodes[l >> 1]; }
    Lit add_node(SchemaNode n);
    bool literal_holds(Lit l, std::uint32_t bit, std::uint32_t depth) const;
    ExprId scalar_expr(Lit l, TypeBit type, std::uint32_t depth);
    ExprId own_scalar(Lit l, TypeBit type);
    bool holds_at_most(const std::function<bool()>& holds);
    void check_parts(const std::function<bool()>& holds);
    void expand_now(Goal& goal);
    // Errors on the way name the schema of this goal, if they name none yet.
    template <class Work>
    auto placed(GoalId g, Work&& work) {
        try {
            return work();
        } catch (TooComplex& e) {
            if (!e.schema) e.schema = given_node(goals_[g].lits);
            throw;
        } catch (Unsupported& e) {
            if (!e.schema) e.schema = given_node(goals_[g].lits);
            throw;
        }
    }
    std::optional<SchemaId> given_node(const Lits& lits) const;
    bool is_simple(const SchemaNode& s) const;
    void add_values(const SchemaNode& s, std::uint32_t layout, std::vector<GoalId>& out);
    void add_items(const Array& a, std::vector<GoalId>& out);
    bool is_without_choices(Lit l, TypeBit type) const;
    std::vector<Lits> alternatives(const Lits& goal, TypeBit type, std::uint32_t layout);
    static std::vector<Lits> without_needless(const std::vector<Lits>& all);
    bool visit(Branch& b, const BranchUnit& unit, TypeBit type, std::uint32_t layout);
    bool settle_units(Branch& b, TypeBit type, std::uint32_t layout);
    bool settle_choices(Branch& b, TypeBit type, std::uint32_t layout, std::uint32_t& next);
    std::optional<Options> open_options(const Branch& b, const BranchChoice& choice, const Glance& known);
    void name_witness(const Glance& known, const Lits& option, Options& out);
    Lit pivot_of(const Lits& option);
    Options pivot_first(Options options);
    void annotate(Annotations& a, const SchemaNode& s, TypeBit type) const;
    bool close_scopes(Branch& b, TypeBit type);
    bool break_scope(Branch& b, TypeBit type, SchemaId id, const Annotations& a);
    Options options_of(const std::vector<Lit>& group, bool is_one_of, bool is_split, std::uint32_t layout);
    const std::shared_ptr<const Options>& refutations(SchemaId n, TypeBit type);
    void refute_object(const SchemaNode& s, Options& out);
    void refute_array(const SchemaNode& s, Options& out);
    Lit key_rule(KeyId key, Lit value, bool is_required);
    friend class Glance;
    std::optional<Lit> own_property(Lit l, KeyId key);
    void add_values_at(std::span<const Lit> lits, KeyId key, Lits& out, std::size_t from);
    bool refuses(Lit l, TypeBit type, std::uint32_t depth) const;
    bool flatten(const Lits& lits, TypeBit type, Lits& out) const;
    bool may_be_scalar(const Lits& lits, TypeBit type);
    bool may_hold(Lits lits, std::uint32_t depth);
    ExprId unnamed_keys(const std::vector<KeyId>& names, const std::vector<ExprId>& patterns);
    bool are_disjoint(Lit x, Lit y, std::uint32_t layout);
    bool matches(ExprId e, const std::u32string& text);

    std::uint32_t make_object(std::uint32_t layout, const Lits& lits);
    struct KeyValue {  // what a schema says of a named key
        std::uint32_t key;
        Lit value;
    };
    std::vector<KeyValue> name_keys(Object& o, const Lits& lits);
    std::vector<Lits> split_extras(Object& o, const Lits& lits);
    void list_options(Object& o, std::vector<KeyValue> values, const std::vector<Lits>& of_extras);
    std::uint32_t make_array(std::uint32_t layout, const Lits& lits);
    bool may_use(const Object& o, const Progress& p, std::uint32_t option) const;
    bool is_used(const Object& o, const Progress& p, std::uint32_t key) const;
    std::uint32_t num_missing(const Object& o, const Progress& p) const;
    ExprId unseen(ExprId keys, std::span<const KeyId> seen);
    ExprId any_of_keys(std::vector<KeyId> keys);
    struct KeyPlanner;
    friend struct KeyPlanner;
    Plan<PlannedKey> plan_keys(const Object& o, const Progress& p, bool at_least_one, std::vector<GoalId>* needs);
    std::optional<KeyId> key_of(ExprId keys);
    std::optional<KeyId> fresh_key(ExprId keys, const Progress& p);

    struct ApartPlanner;
    friend struct ApartPlanner;
    Lit differs_from(Lits values);
    std::uint32_t intern_lits(const Lits& lits);
    std::vector<std::uint32_t> apart_options(std::uint32_t object, std::uint32_t option, std::uint32_t equal);
    bool is_old(const Object& o, const Progress& p) const;
    std::vector<std::pair<Lit, Lits>> apart_items(const ArrayProgress& p) const;
    bool is_old(const ArrayProgress& p) const;
    Plan<GoalId> plan_apart_items(const Array& a, std::uint32_t progress, bool at_least_one, std::vector<GoalId>* needs,
                                  std::uint32_t& work);

    // A state of the lexer, or kDead, as a FlatMap can keep it.
    static std::uint32_t kept_state(std::int32_t state) { return static_cast<std::uint32_t>(state - Lexer::kEnd); }
    static std::int32_t lexer_state(std::uint32_t kept) { return static_cast<std::int32_t>(kept) + Lexer::kEnd; }
    std::uint32_t intern_array_progress(const Array& a, ArrayProgress p);
    std::vector<ItemOption> raw_item_options(const Array& a, std::uint32_t progress);
    Plan<GoalId> plan_uniform_items(const Array& a, std::uint32_t progress, bool at_least_one, std::vector<GoalId>* needs);

    ExprId default_number();
    ExprId number_equal_to(const std::string& spelled, std::string& canonical);
    struct ValueReader;
    friend struct ValueReader;
    bool raise_costs(const std::vector<GoalId>& goals);
    Plan<GoalId> plan_counted_items(const Array& a, std::uint32_t progress, bool at_least_one, std::vector<GoalId>* needs);

    struct KnownValue {
        std::uint64_t cost;
        Lit value;
        GoalId goal;  // the value is a shortest one of it
    };
    struct Values {
        std::vector<KnownValue> known;  // the shortest ones
        bool is_all = false;
    };
    struct DistinctPlan : Plan<GoalId> {
        Lits values;
    };
    struct DistinctPlanner;
    friend struct DistinctPlanner;
    const std::vector<KnownValue>& values_of(GoalId g, std::size_t num);
    bool are_alike(const Array& a, const ArrayProgress& p) const;
    DistinctPlan plan_distinct_items(const Array& a, std::uint32_t progress, bool at_least_one);
    void count_ways(std::uint32_t array);
    ItemOption without_needed(const Array& a, ItemOption option);
    void solve(GoalId g);
    std::vector<GoalId> solve_once(GoalId g);
    std::uint64_t candidate_cost(GoalId g, std::vector<GoalId>* needs);
    std::uint64_t known_cost(GoalId g, std::vector<GoalId>* needs);

    ExprPool& pool_;
    Lexer& lexer_;
    const Limits& limits_;
    SchemaId num_given_ = 0;  // nodes from here on are made on the way
    struct KeyText {  // a text by its last character: all that a long key begins with costs no more than the key
        KeyId before;
        std::uint32_t length, size;
        char32_t last;
    };
    BlockVector<KeyText> key_texts_{{0, 0, 0, 0}};  // the first is the empty one
    FlatMap key_ids_;                            // of (text before, last character)
    std::vector<Layout> layouts_;
    FlatMap layout_lexemes_, key_lexers_;  // by (layout, part, depth), by (object, progress): states, see `kept_state`
    ListIds<> key_set_ids_;
    std::vector<ExprId> any_of_keys_;  // of each of those
    std::deque<Goal> goals_;
    std::vector<std::unique_ptr<Object>> objects_;
    std::vector<std::unique_ptr<Array>> arrays_;
    std::vector<std::unique_ptr<Progress>> progresses_;
    std::deque<ArrayProgress> array_progresses_;
    std::map<ArrayProgress, std::uint32_t> array_progress_ids_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<ItemOption>> item_options_;
    ListIds<> extra_sets_;
    std::deque<Lits> lit_sets_{{}};
    std::map<Lits, std::uint32_t> lit_set_ids_{{{}, 0}};
    std::map<Lits, Lit> differs_;
    std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, std::vector<std::uint32_t>> apart_options_;
    ListIds<> goal_ids_, object_ids_, array_ids_, progress_ids_;
    std::vector<std::uint32_t> goal_key_;  // room to work in
    std::map<std::pair<SchemaId, TypeBit>, std::shared_ptr<const Options>> refutations_;
    std::map<std::tuple<KeyId, Lit, bool>, Lit> key_rules_;
    FlatMap property_at_;                  // by node and key, of nodes with many properties
    std::vector<bool> listed_properties_;  // which nodes those are
    ListIds<> glance_ids_;       // literals and depth
    std::vector<bool> glances_;  // of each of those
    std::map<std::pair<Lit, Lit>, bool> disjoint_;
    std::map<std::string, Lit> value_lits_;
    std::unordered_map<GoalId, Values> values_;
    std::vector<GoalId> solved_;  // in the order in which they were
    std::uint32_t disjoint_depth_ = 0;
    static constexpr std::uint32_t kMaxCharacters = 125'000;  // of the shortest text of a string
    static constexpr std::uint32_t kMaxMakingDepth = 2000;  // recursion is bounded by it
    std::uint32_t making_depth_ = 0;                        // of shortest texts, one inside the other
    std::uint64_t counted_work_ = 0;  // of plans for arrays that count, over one question or one fixpoint
    ExprId default_number_ = kNone;
    bool takes_parts_as_all_ = false;
};

}  // namespace guided
