// The tokens of one vocabulary as a byte trie in depth-first order, and rows of tokens shared by all its grammars.
//
// Tokens sorted by their bytes are the ranks of the trie, so everything below a node is one range of ranks. The trie knows
// no grammar: whoever walks it brings an automaton.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "spelling.hpp"

namespace guided {

using NodeId = std::uint32_t;

struct ContentKeyHash {
    std::size_t operator()(const std::array<std::uint64_t, 3>& k) const {
        return static_cast<std::size_t>(k[0] ^ (k[1] * 0x9E3779B97F4A7C15ull) ^ (k[2] << 17));
    }
};

// Which tokens stay inside a lexeme, and where it may be left. Depends on the residual language alone.
struct LexRow {
    std::vector<std::int32_t> words;  // int32[ceil(V/32)], empty if `tokens` says it all
    std::vector<std::int32_t> tokens; // ascending, only for short rows
    std::vector<NodeId> exits;        // JSON string: nodes of its closing quote; text: nodes after which it may end
    bool has_exits = false;           // exits are listed (false: text that may end almost everywhere)
};

// Where any text may stand: how many characters each token spells, and where a JSON string could be closed.
struct FreeText {
    static constexpr std::uint16_t kDead = 0xFFFF;
    std::vector<std::uint16_t> chars;  // of each node from the root, a character begun counted; kDead: not a spelling
    std::vector<bool> is_whole;        // of each node: no character is left half read
    std::vector<NodeId> quotes;        // ascending
    std::vector<std::int32_t> words;   // the mask of all tokens that are a spelling
};

class Trie {
   public:
    static constexpr NodeId kRoot = 0;

    Trie(std::vector<std::optional<std::string>> tokens, std::vector<std::int32_t> eos_ids);

    std::uint32_t num_tokens() const { return static_cast<std::uint32_t>(tokens_.size()); }
    std::uint32_t num_words() const { return (num_tokens() + 31) / 32; }
    std::uint32_t num_nodes() const { return static_cast<std::uint32_t>(byte_.size()); }
    std::uint32_t max_token_bytes() const { return max_token_bytes_; }
    const std::vector<std::int32_t>& eos_ids() const { return eos_ids_; }
    bool is_eos(std::int32_t token) const;
    const std::string* bytes_of(std::int32_t token) const;  // null for control tokens and ids out of range

    std::uint8_t byte(NodeId n) const { return byte_[n]; }
    std::uint32_t depth(NodeId n) const { return depth_[n]; }
    NodeId end(NodeId n) const { return end_[n]; }  // one past the last node below n
    NodeId parent(NodeId n) const { return parent_[n]; }
    bool has_children(NodeId n) const { return end_[n] > n + 1; }
    std::optional<NodeId> child(NodeId n, std::uint8_t b) const;
    const std::vector<NodeId>& nodes_of_byte(std::uint8_t b) const { return occurrences_[b]; }
    // Nodes with equal shapes have equal subtrees below them, laid out alike. Known for nodes of the quote.
    std::uint32_t quote_shape(NodeId n) const { return quote_shapes_.at(n); }
    std::string path(NodeId n) const;
    // Tokens with three quotes or more: only they can end one key of an object and hold another.
    const std::vector<std::int32_t>& tokens_with_keys() const { return tokens_with_keys_; }
    const std::vector<std::int32_t>& tokens_with_commas() const { return tokens_with_commas_; }

    template <class F>
    void tokens_at(NodeId n, F&& f) const {
        for (std::uint32_t r = rank_[n]; r < rank_[n] + own_[n]; ++r) f(ids_[r]);
    }

    const FreeText& free_text(Spelling spelling);
    std::shared_ptr<const LexRow> cached(const std::array<std::uint64_t, 3>& key) const;
    void keep(const std::array<std::uint64_t, 3>& key, std::shared_ptr<const LexRow> row);

   private:
    static constexpr std::size_t kMaxRowBytes = 256u << 20;

    std::vector<std::optional<std::string>> tokens_;
    std::vector<std::int32_t> eos_ids_;
    std::uint32_t max_token_bytes_ = 0;
    std::vector<std::int32_t> tokens_with_keys_, tokens_with_commas_;
    std::vector<std::int32_t> ids_;  // token id of each rank
    std::vector<std::uint8_t> byte_;
    std::vector<std::uint16_t> depth_;
    std::vector<NodeId> end_, parent_;
    std::vector<std::uint32_t> rank_, own_;
    std::array<std::vector<NodeId>, 256> occurrences_;
    std::unordered_map<NodeId, std::uint32_t> quote_shapes_;
    std::unordered_map<std::array<std::uint64_t, 3>, std::shared_ptr<const LexRow>, ContentKeyHash> rows_;
    std::size_t row_bytes_ = 0;
    std::array<std::unique_ptr<FreeText>, 3> free_texts_;

    void build();
    void find_quote_shapes();
};

}  // namespace guided
