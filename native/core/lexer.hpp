// Byte automata over several labelled expressions at once, built as they are walked.
//
// A state is (the residual of each labelled expression, what is read of the current character, the spelling). A byte is
// legal exactly when some residual can still match. Inside a JSON string the closing quote is `kEnd`.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "expr.hpp"
#include "flat_map.hpp"
#include "spelling.hpp"

namespace guided {

using LexId = std::uint32_t;
using Label = std::uint32_t;
using Labelled = std::vector<std::pair<Label, ExprId>>;

class Lexer {
   public:
    static constexpr std::int32_t kDead = -1, kEnd = -3, kAsk = -2;

    Lexer(ExprPool& pool, const Limits& limits) : pool_(pool), limits_(limits) {}

    // The start state, or kDead if nothing matches.
    std::int32_t start(const Labelled& items, Spelling spelling);
    std::int32_t next(LexId state, std::uint8_t byte);
    struct Arc {
        std::uint8_t byte;
        std::int32_t to;  // a state, kEnd, kDead, or kAsk: `next` knows
    };
    // What the bytes at a state do. Few: only those of the list may come. Default, between characters: all but those of
    // the list lead to where any text may come. Table, and inside a character: ask `next`.
    enum class Form : std::uint8_t { Unknown, Few, Default, Table };
    struct Arcs {
        Form form;
        std::span<const Arc> list{};  // ascending
        LexId others = 0;             // Default
    };
    Arcs arcs(LexId state);
    std::int32_t follow(LexId state, const Arc& arc) { return arc.to == kAsk ? next(state, arc.byte) : arc.to; }
    // Inside a character: the state that all it can still become leads to, if it is one; between characters: this state.
    std::int32_t landing(LexId state);
    bool is_free(LexId state) const { return states_[state].partial == 0 && residuals_[states_[state].residual].is_free; }  // any text may come
    // Between characters: the state that every character beyond ASCII leads to, if it is one.
    std::int32_t state_beyond_ascii(LexId state);
    bool nullable(LexId state) const;                    // the lexeme may end here
    std::vector<Label> labels(LexId state) const;        // what matches where it ends here
    bool has_labels(LexId state, Label bits) const;      // it may still end with a label that has these bits
    // The least characters to where what has a label of this kind ends, the character begun among them; kUnbounded: nothing has.
    template <typename F>
    std::uint32_t least_left(LexId state, F&& is_wanted) const {
        std::uint32_t least = kUnbounded;
        for (const auto& [label, e] : items(states_[state].residual))
            if (is_wanted(label)) least = std::min(least, pool_.least(e));
        return least;
    }
    // Whether all that may come has one label; then a state where it has come to its end.
    bool has_one_label(LexId state) const { return residuals_[states_[state].residual].num_items == 1; }
    LexId end_of_one_label(LexId state);
    bool is_finished(LexId state) const;                 // it may end here, and nothing more may come
    // The least and most characters still to come, if any characters will do.
    std::optional<std::pair<std::uint32_t, std::uint32_t>> any_text(LexId state) const;
    bool is_total(LexId state);  // any text goes on somehow; `false` may be wrong
    LexId usual_next(LexId state);  // where most of the ASCII characters lead; `state` itself if to nowhere
    // Where characters of one set are left, so many of them: the state with no bound on how many, and the bounds.
    struct Run {
        LexId unbounded;
        std::uint32_t min, max;
    };
    std::optional<Run> run(LexId state);
    // Where up to `max` characters are left: the state without this bound, in which no text needs more than `need` of them.
    struct Cut {
        LexId rest;
        std::uint32_t max, need;
    };
    std::optional<Cut> cut(LexId state);
    // States of fewer texts than this and of more, whose counts are soon told; this state if it has none.
    std::pair<LexId, LexId> bracket(LexId state);
    std::uint32_t least_left(LexId state);  // characters to an end, one that has begun not counted; exact for plain expressions
    using Bytes = std::bitset<256>;
    // Between characters: the bytes that lead back to this state, the quote of a JSON string among them; null: none to speak of.
    const Bytes* loop(LexId state);
    std::vector<std::uint8_t> bytes_out_of(LexId state, const Bytes& loop);  // that may come and are not of its loop
    std::uint32_t partial(LexId state) const { return states_[state].partial; }
    Spelling spelling(LexId state) const { return states_[state].spelling; }
    // Shortest bytes from here to where it may end (the closing quote is not in them).
    std::string shortest(LexId state);
    // A state that allows the same texts of up to `horizon` bytes; the key of rows that can be shared.
    LexId clamp(LexId state, std::uint32_t horizon);
    std::array<std::uint64_t, 3> content_key(LexId state) const;
    std::size_t size() const { return states_.size(); }
    std::size_t num_bytes() const {  // held, about
        return states_.capacity() * sizeof(State) + arc_lists_.size() * kArcsInList * sizeof(Arc) + tables_.size() * 1048 +
               residuals_.size() * sizeof(Residual) + residual_slots_.capacity() * sizeof(Slot) + 8 * items_.capacity() +
               4 * targets_.capacity() + loops_.size() * 80 + clamped_.num_bytes() + single_.num_bytes() +
               state_ids_[0].num_bytes() + state_ids_[1].num_bytes() + state_ids_[2].num_bytes();
    }

   private:
    static constexpr std::int32_t kUnknown = kAsk;
    struct Residual {
        std::uint32_t first_item, num_items;  // in items_
        std::uint32_t first_target;           // in targets_: residual id per class of characters, kDead or kUnknown
        const Partition* partition;
        bool accepts;                       // some item is nullable
        bool is_free, is_total;             // any text may come; any text goes on somehow, seen by its look
        bool knows_total;           // and by where its characters lead
        std::array<std::int32_t, 3> boundary;  // its state between characters, by spelling
        std::int32_t beyond_ascii;                               // residual: see state_beyond_ascii
        // the first step of a shortest way to the end, once known
        std::uint32_t best_char, best_next, best_cost;
    };
    struct State {
        std::uint32_t residual;
        Partial partial;
        Spelling spelling;
        Form form = Form::Unknown;
        std::uint8_t num_arcs = 0;         // Few and Default
        std::uint32_t table = 0;           // Table, or kNoTable
        std::int32_t landing = kUnknown;   // inside a character
        const Arc* arcs = nullptr;         // Few and Default
    };

    using Items = std::span<const std::pair<Label, ExprId>>;
    Items items(std::uint32_t residual) const { return {items_.data() + residuals_[residual].first_item, residuals_[residual].num_items}; }
    std::uint32_t num_classes(std::uint32_t residual) const { return residuals_[residual].partition->num_classes(); }
    std::uint32_t intern_residual(Items items);
    std::uint32_t add_residual(Items items);
    void place_residual(std::uint32_t hash, std::uint32_t id);
    LexId add_state(std::uint32_t residual, Partial partial, Spelling spelling);
    LexId intern_state(std::uint32_t residual, Partial partial, Spelling spelling);
    std::int32_t target(std::uint32_t residual, std::uint32_t cls);
    LexId boundary(std::uint32_t residual, Spelling spelling);
    std::int32_t compute_next(LexId state, std::uint8_t byte);
    bool can_become(std::uint32_t residual, Chars chars);
    const CharSet& chars_of(Spelling spelling, Partial partial);
    void find_form(LexId state);
    bool list_default(LexId state, std::vector<Arc>& out);
    bool list_between_characters(LexId state, std::vector<Arc>& out);
    void list_escape(LexId state, std::vector<Arc>& out) const;
    const Arc* stored(const std::vector<Arc>& arcs);
    void find_shortest(std::uint32_t residual, Spelling spelling);
    std::string shortest_from(std::uint32_t residual, Spelling spelling);

    ExprPool& pool_;
    const Limits& limits_;
    std::deque<Residual> residuals_;
    BlockVector<std::pair<Label, ExprId>> items_;  // of all residuals
    Labelled next_items_;                          // of the one that is looked for
    BlockVector<std::int32_t> targets_;
    std::vector<std::uint32_t> next_sets_;
    struct Slot {
        std::uint32_t hash, id;
    };
    BlockVector<Slot> residual_slots_;  // by their items, in one array; kUnbounded: empty
    BlockVector<State> states_;
    static constexpr std::uint32_t kNoTable = kUnbounded;
    static constexpr std::size_t kMostTables = 1024;  // of a kilobyte each; further states ask for the class of each byte
    static constexpr std::size_t kMostFew = 16, kMostBesideDefault = 40, kArcsInList = 512, kMostTotal = 32, kSoonTold = 4;
    std::vector<Arc> found_arcs_;                     // while a form is looked for
    std::vector<std::unique_ptr<Arc[]>> arc_lists_;  // of kArcsInList each, which stay where they are
    std::size_t num_last_arcs_ = kArcsInList;         // used in the last of them
    std::vector<std::unique_ptr<std::array<std::int32_t, 256>>> tables_;
    std::unordered_map<LexId, std::unique_ptr<const Bytes>> loops_;
    FlatMap char_set_ids_;             // by spelling and partial
    std::deque<CharSet> char_sets_;  // what a character begun can become
    FlatMap single_;  // of (state, byte), where few bytes are ever asked for: the next state and 3, so that it is not negative
    std::array<FlatMap, 3> state_ids_;  // by spelling, of (residual, partial); those between characters are in `boundary`
    FlatMap clamped_;  // by (state, horizon)
};

}  // namespace guided
