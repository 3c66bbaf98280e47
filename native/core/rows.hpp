// Which tokens stay inside a lexeme: the local part of a mask.
//
// It depends on the residual language of the lexeme alone, so rows of text and of strings are shared by every grammar of
// the vocabulary, by content. Where any text may follow, no automaton is walked: a table says what each token spells.
// Rows of keys know which key ends where, and stay with their grammar.
#pragma once

#include <memory>
#include <vector>

#include "lexer.hpp"
#include "trie.hpp"

namespace guided {

using LexRowPtr = std::shared_ptr<const LexRow>;

class LexRows {
   public:
    LexRows(Lexer& lexer, Trie& trie) : lexer_(lexer), trie_(trie) {}

    LexRowPtr of(LexId state, bool is_key);
    // Whether it matters in which state a key ends that began here: where keys of one kind are left it does not, and their row
    // is that of a string of the same language. (Few texts are sooner walked than looked up.)
    bool tells_ends_apart(LexId state) { return !lexer_.has_one_label(state) || lexer_.arcs(state).form != Lexer::Form::Table; }

    std::size_t num_bytes() const { return (rows_.capacity() + key_rows_.capacity()) * sizeof(LexRowPtr) + key_row_bytes_; }

    struct Path {  // of the node asked for last, with the lexer's states along it
        explicit Path(LexId start) : nodes{Trie::kRoot}, states{static_cast<std::int32_t>(start)} {}
        std::int32_t at(Lexer& lexer, const Trie& trie, NodeId node, NodeId top = Trie::kRoot);
        std::vector<NodeId> nodes;
        std::vector<std::int32_t> states;
    };

   private:
    struct Walk;
    using Counts = std::pair<std::uint32_t, std::uint32_t>;

    LexRowPtr make(LexId state, bool is_key);
    LexRowPtr any_text(LexId state, Counts counts);
    LexRowPtr walked(LexId state, bool is_key);
    void visit(Walk& w, NodeId node, LexId state);
    void visit_but_for_few(Walk& w, NodeId node, LexId state, const Lexer::Arcs& arcs);
    void visit_child(Walk& w, NodeId child, LexId state, std::int32_t next);
    void add_counted(Walk& w, NodeId node, Counts counts, LexId end);
    LexRowPtr from_others(LexId state);
    LexRowPtr bounded_run(const Lexer::Run& run);
    LexRowPtr cut_down(const Lexer::Cut& cut);
    bool fits(const Lexer::Cut& cut, std::int32_t token, std::uint32_t chars);
    LexRowPtr between(LexId state);
    std::shared_ptr<Words> words_of(const LexRow& row) const;
    bool add_in_one(Walk& w, NodeId node, LexId state);
    bool add_loop(Walk& w, NodeId node, LexId state, const Lexer::Bytes& loop);
    void land(Walk& w, NodeId from, NodeId to, LexId state);
    void add_free(Walk& w, NodeId from, NodeId to, LexId end);
    void add_total(Walk& w, NodeId node, LexId state);
    template <typename F>
    void each_token(const Walk& w, NodeId from, NodeId to, F&& use) const;
    void add_ranges(Walk& w);
    void take_away(Walk& w);
    void fit_base(LexRow& row) const;
    void share_closings(Walk& w, std::span<const Crossing> found, LexId end);
    void close_each(Walk& w, std::span<const NodeId> quotes, NodeId node, NodeId from, NodeId to, Path& path);
    bool is_spelled_by(NodeId node, const Lexer::Bytes& bytes) const;
    void close(Walk& w, NodeId quote, LexId end);
    void list_what_follows(LexRow& row);

    Lexer& lexer_;
    Trie& trie_;
    std::vector<LexRowPtr> rows_, key_rows_;  // by lexer state
    std::size_t key_row_bytes_ = 0;           // rows of text are counted where they are shared
};

}  // namespace guided
