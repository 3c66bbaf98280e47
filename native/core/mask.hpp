// From a configuration to the tokens that may come next: the only place where the trie and the grammar meet.
//
// The local part of a mask (tokens that stay inside the lexeme) depends on the residual language of the lexeme alone and
// is shared by every grammar of the vocabulary. The crossing part (tokens that end the lexeme and go on) walks only the
// subtrees below the places where the lexeme may end.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "machine.hpp"
#include "trie.hpp"

namespace guided {

struct Row {
    std::vector<std::int32_t> words;   // int32[ceil(V/32)], empty where `tokens` says it all
    std::vector<std::int32_t> tokens;  // ascending, at most kMaxShort
    std::uint32_t count = 0;
    static constexpr std::uint32_t kMaxShort = 512;

    void write(std::int32_t* out, std::uint32_t num_words) const;
    bool operator==(const Row&) const = default;
};

class Masker {
   public:
    Masker(Machine& machine, Trie& trie) : machine_(machine), trie_(trie), scratch_(trie.num_words()) {}

    // Tokens that lead from `config` to a live state; eos ids where the text is complete.
    Row compute(const Config& config);

   private:
    struct Path {  // of the node asked for last, with the lexer's states along it
        explicit Path(LexId start) : nodes{Trie::kRoot}, states{static_cast<std::int32_t>(start)} {}
        std::int32_t at(Lexer& lexer, const Trie& trie, NodeId node);
        std::vector<NodeId> nodes;
        std::vector<std::int32_t> states;
    };

    void add_config(NodeId node, FrameId frame);
    void add_all(NodeId node, const Config& configs);
    void add_lexeme(NodeId node, FrameId frame);
    void add_crossing(const Frame& f, FrameId frame, const LexRow& row);
    void add_crossing_of_free_text(const Frame& f, FrameId frame);
    void add_after_quote(NodeId quote, const Config& after, std::unordered_map<std::uint32_t, std::vector<std::uint32_t>>& shapes);
    std::shared_ptr<const LexRow> local_row(LexId state);
    using Ranges = std::vector<std::pair<NodeId, NodeId>>;
    void walk_lexeme(LexId start, std::vector<std::int32_t>& words, LexRow& row, Ranges& free_parts);
    void add_free_text(NodeId node, Spelling spelling, std::pair<std::uint32_t, std::uint32_t> counts, std::vector<std::int32_t>& words,
                       LexRow& row, Ranges& free_parts);
    void fill_free_parts(const FreeText& free, const Ranges& parts, std::vector<std::int32_t>& words);
    Config after_key(FrameId frame, LexId end);
    void walk_rules(const Config& config);
    void walk_sets(const Config& config);
    void mark(NodeId node);
    void verify(const Config& config, const std::vector<std::int32_t>& tokens);

    Machine& machine_;
    Trie& trie_;
    std::vector<std::int32_t> scratch_;
    std::vector<std::pair<NodeId, FrameId>> active_;  // guards against rounds that read nothing
    bool has_many_readings_ = false;
    std::vector<NodeId>* recorder_ = nullptr;         // while a subtree shape is learnt: nodes marked
};

}  // namespace guided
