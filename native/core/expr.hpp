// Regular expressions over code points, hash-consed, with Brzozowski derivatives.
//
// Equal ids are equal expressions; `and`, `or` and `not` are closed under derivatives, and a counted repeat is one node
// whatever its count. `content_hash` depends on the content alone, so it identifies an expression across pools.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pile.hpp"
#include "charset.hpp"
#include "flat_map.hpp"
#include "limits.hpp"
#include "list_ids.hpp"

namespace guided {

using ExprId = std::uint32_t;
inline constexpr std::uint32_t kUnbounded = 0xFFFFFFFF;

enum class ExprKind : std::uint8_t { Empty, Epsilon, Set, Cat, Alt, And, Not, Repeat, State };

struct Hash128 {
    std::uint64_t lo = 0, hi = 0;
    bool operator==(const Hash128&) const = default;
};
void absorb(Hash128& h, std::uint64_t x);

// A finite automaton given as it is; the sets of one state must be disjoint.
struct Automaton {
    struct Edge {
        CharSet chars;
        std::uint32_t to;
    };
    std::vector<std::vector<Edge>> states;
    std::vector<bool> accepting;
};

struct VectorHash {
    std::size_t operator()(const std::vector<std::uint32_t>& v) const {
        std::uint64_t h = 0x9E3779B97F4A7C15ull ^ v.size();
        for (std::uint32_t x : v) h = (h ^ x) * 0xFF51AFD7ED558CCDull, h ^= h >> 32;
        return static_cast<std::size_t>(h);
    }
};

// How code points fall into classes that a set of expressions cannot tell apart.
class Partition {
   public:
    struct Piece {
        std::uint32_t start, cls;  // first code point, and the class of all up to the next piece
    };
    // Pieces ascend and cover everything; classes are numbered as they are met. Its lists lie in the pile.
    Partition(std::span<const Piece> pieces, std::uint32_t num_classes, Pile& pile);

    std::uint32_t num_classes() const { return static_cast<std::uint32_t>(ends_.size()); }
    Chars chars(std::uint32_t cls) const {  // the scalar values of a class
        const std::uint32_t begin = cls == 0 ? 0 : ends_[cls - 1];
        return {ranges_.data() + begin, ends_[cls] - begin};
    }
    std::uint32_t class_of(std::uint32_t c) const;
    std::uint32_t representative(std::uint32_t cls) const { return chars(cls).front().lo; }
    std::uint32_t last_piece() const { return pieces_.back().start; }  // from here on all characters are in one class

   private:
    std::span<const Piece> pieces_;
    std::span<const Range> ranges_;         // of all classes, one class after the other
    std::span<const std::uint32_t> ends_;   // of each class in them
    std::array<std::uint8_t, 128> ascii_;   // class of each ASCII character
};

struct PortableExpr;

class ExprPool {
   public:
    struct Node {
        ExprKind kind;
        bool nullable;
        bool plain;           // no And, no Not inside: then it is empty only if it is kEmpty
        std::uint32_t least;  // no text that matches has fewer characters; a lower bound only
        std::uint32_t depth;  // nesting, the spine of a concatenation not counted
        std::uint32_t a, b;   // Set: set id; Cat: two expressions; Alt, And: range of lists_; Not: expression; State: table, state
        std::uint32_t min, max;
        Hash128 hash;
    };
    struct Table {  // an automaton without dead ends; pools share it
        struct Edge {
            std::uint32_t set, to;  // index into `sets`, state
        };
        std::vector<CharSet> sets;
        BlockVector<Edge> edges;                // of one state after another
        BlockVector<std::uint32_t> first_edge;  // of each state, and one past the end
        std::vector<bool> accepting;
        BlockVector<std::uint32_t> least;  // characters to an accepting state
        Hash128 hash;

        std::size_t num_states() const { return least.size(); }
        std::span<const Edge> edges_of(std::uint32_t state) const { return {edges.data() + first_edge[state], edges.data() + first_edge[state + 1]}; }
        std::size_t num_bytes() const;
    };

    static constexpr ExprId kEmpty = 0, kEpsilon = 1, kAll = 2;  // nothing, the empty text, every text

    explicit ExprPool(const Limits& limits);

    void reserve(std::size_t num);  // room for so many expressions more
    ExprId set(Chars chars);
    ExprId set(std::initializer_list<Range> chars) { return set(Chars(chars.begin(), chars.size())); }
    ExprId one(std::uint32_t c);  // this character
    ExprId literal(const std::u32string& text);
    ExprId words(std::vector<std::u32string> texts);
    ExprId cat(ExprId a, ExprId b);
    ExprId cat(const std::vector<ExprId>& parts);
    ExprId alt(std::vector<ExprId> parts);
    ExprId both(std::vector<ExprId> parts);
    ExprId negate(ExprId a);
    ExprId repeat(ExprId a, std::uint32_t min, std::uint32_t max);
    ExprId automaton(const Automaton& a);  // the texts accepted from state 0
    static std::shared_ptr<const Table> table_of(const Automaton& a);  // the same; null: there is none
    ExprId without_empty(ExprId e);        // its texts of at least one character
    // The same texts as an automaton, whose derivatives are looked up; `e` itself if that takes more states.
    ExprId tabulated(ExprId e, std::size_t max_states);
    PortableExpr exported(ExprId e) const;
    ExprId insert(const PortableExpr& x);

    ExprId derive(ExprId e, std::uint32_t c);
    bool nullable(ExprId e) const { return nodes_[e].nullable; }
    std::uint32_t least(ExprId e) const { return nodes_[e].least; }
    bool is_plain(ExprId e) const { return nodes_[e].plain; }  // no And, no Not inside
    bool nonempty(ExprId e);  // some text matches
    bool nonempty_within(ExprId e, std::size_t max_searched);  // the same, or not found out: then true
    // The counts, if `e` is any characters repeated.
    std::optional<std::pair<std::uint32_t, std::uint32_t>> any_text(ExprId e) const;
    // Any text can still become a match: seen by its look, so `false` may be wrong.
    bool is_total(ExprId e);
    struct Run {  // characters of one set, so many of them
        ExprId chars;
        std::uint32_t min, max;
    };
    std::optional<Run> run(ExprId e) const;
    // Repeats that count further than any text of `horizon` characters could tell are loosened.
    ExprId clamp(ExprId e, std::uint32_t horizon);
    struct Bounded {  // the texts of `rest` of up to `max` characters
        ExprId rest;
        std::uint32_t max;
    };
    std::optional<Bounded> bounded(ExprId e);
    // Of a plain expression: no text that has begun to match it needs more characters than this; kUnbounded: not known.
    std::uint32_t most_needed(ExprId e);
    // Of a plain expression: fewer texts, or more, by how often parts of two characters or more may come: up to `cap`, or
    // without end, where they are counted at all.
    ExprId recounted(ExprId e, std::uint32_t cap, bool is_more);
    const Partition& partition(const std::vector<std::uint32_t>& set_ids);  // ascending, without repeats: which of them hold a character
    void add_firsts(ExprId e, std::vector<std::uint32_t>& out);  // ids of the sets that can come first
    Hash128 content_hash(ExprId e) const { return nodes_[e].hash; }
    std::size_t size() const { return nodes_.size(); }
    std::size_t num_bytes() const;  // held, about

   private:
    class Products;
    struct Slot {  // of the table of expressions by what they are made of
        std::uint32_t hash;
        ExprId id;
    };
    struct Known {  // a table in this pool: the ids of its sets
        std::shared_ptr<const Table> table;
        std::vector<std::uint32_t> set_ids;
        std::uint32_t letters = kUnbounded;  // the set of all of them, once asked for
    };

    ExprId intern(ExprKind kind, bool nullable, std::uint32_t a, std::uint32_t b, std::uint32_t min, std::uint32_t max,
                  const std::vector<ExprId>& list = {});
    bool is_made_of(const Node& n, ExprKind kind, std::uint32_t a, std::uint32_t b, std::uint32_t min, std::uint32_t max,
                    const std::vector<ExprId>& list) const;
    void place(Slot slot);
    void grow_slots(std::size_t num);
    void describe(Node& node, const std::vector<ExprId>& list);
    std::uint32_t intern_set(Chars chars) { return sets_.insert(chars).first; }
    std::uint32_t intern_table(std::shared_ptr<const Table> table);
    std::span<const ExprId> parts(ExprId e) const { return {lists_.data() + nodes_[e].a, nodes_[e].b}; }  // of Alt, And; until one is made
    std::vector<ExprId> children(ExprId e) const { return {parts(e).begin(), parts(e).end()}; }
    template <class Use>
    void each_part(ExprKind kind, const std::vector<ExprId>& parts, Use&& use) const;
    std::uint32_t find_most_needed(ExprId e);
    ExprId derive_cat(ExprId e, std::uint32_t c);
    ExprId derive_alt(Node n, std::uint32_t c);
    ExprId derive_and(Node n, std::uint32_t c);
    ExprId state_of(std::uint32_t table, std::uint32_t state);
    std::optional<bool> decided(ExprId e, std::size_t max_searched);
    std::optional<bool> read_only_text(ExprId e);
    ExprId loosened(ExprId e);
    std::uint32_t letters(ExprId e);
    std::uint32_t firsts(ExprId e);
    const Partition& partition_of(std::uint32_t set_list);
    ExprId derive_now(ExprId e, std::uint32_t c);
    bool lacks_letters(ExprId e, Chars allowed);
    std::optional<bool> search_nonempty(ExprId e, std::size_t max_searched);
    std::optional<bool> search_products(ExprId e, std::size_t max_searched);

    const Limits& limits_;
    std::vector<Known> tables_;
    BlockVector<Node> nodes_;
    BlockVector<ExprId> lists_;
    ListIds<Range> sets_;
    BlockVector<Slot> slots_;
    std::array<ExprId, 128> ascii_;  // sets of one ASCII character; kEmpty: not made yet
    FlatMap derived_;
    ListIds<> set_lists_;                                 // sets that can come first, ascending
    Pile pile_;                                         // of partitions
    std::vector<const Partition*> partitions_;            // by list of sets; null: not made yet
    FlatMap firsts_;                                      // list of sets by expression
    FlatMap emptiness_;                                   // 1: no text matches
    FlatMap clamped_, without_empty_, needed_, recounted_;
    FlatMap letters_;  // set by expression
    std::shared_ptr<Products> products_;  // once a search has needed it
    // room to work in
    std::vector<std::uint32_t> found_sets_, active_;
    std::vector<Partition::Piece> pieces_;
    struct Event {
        std::uint32_t at, set;
    };
    std::vector<Event> events_;
    ListIds<> class_sets_;
};

// An expression outside of any pool, to be put into others: parts come before what is made of them, and ids are indexes
// into these lists.
struct PortableExpr {
    BlockVector<ExprPool::Node> nodes;
    BlockVector<ExprId> lists;
    std::vector<CharSet> sets;
    std::vector<std::shared_ptr<const ExprPool::Table>> tables;

    std::size_t num_bytes() const;  // held, the tables that others share included
    std::string text() const;       // to be kept in a file, where a newer version may not understand it
    static PortableExpr read(std::string_view text);  // throws std::invalid_argument
};

}  // namespace guided
