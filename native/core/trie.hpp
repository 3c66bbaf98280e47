// The tokens of one vocabulary as a byte trie in depth-first order, and rows of tokens shared by all its grammars.
//
// Tokens sorted by their bytes are the ranks of the trie, so everything below a node is one range of ranks. The trie knows
// no grammar: whoever walks it brings an automaton. What follows a quote inside a token (its tail) is a trie of its own:
// a token that closes or opens a JSON string is legal exactly when its tail is, and there are few tails.
// What takes time to find out (the order, what tokens spell) can be saved and given to the next process.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "blocks.hpp"
#include "recent.hpp"
#include "spelling.hpp"
#include "tables.hpp"

namespace guided {

struct ContentKeyHash {
    std::size_t operator()(const std::array<std::uint64_t, 3>& k) const {
        return static_cast<std::size_t>(k[0] ^ (k[1] * 0x9E3779B97F4A7C15ull) ^ (k[2] << 17));
    }
};

// A dense set of tokens: bit (t & 31) of word (t >> 5).
struct Words {
    BlockVector<std::int32_t> bits;  // int32[ceil(V/32)]
    std::uint32_t count = 0;

    explicit Words(std::uint32_t num_words) : bits(num_words) {}
    bool has(std::int32_t t) const { return (static_cast<std::uint32_t>(bits[word(t)]) >> (t & 31)) & 1; }
    void add(std::int32_t t) {
        if (!has(t)) bits[word(t)] |= static_cast<std::int32_t>(1u << (t & 31)), ++count;
    }
    void remove(std::int32_t t) {
        if (has(t)) bits[word(t)] &= ~static_cast<std::int32_t>(1u << (t & 31)), --count;
    }
    void unite(const Words& other) {  // the count is left as it is
        for (std::size_t i = 0; i < bits.size(); ++i) bits[i] |= other.bits[i];
    }
    // Those of the other set from `first` to before `last`; the count is left as it is.
    void add_range(const Words& other, std::int32_t first, std::int32_t last) {
        for (std::int32_t t = first; t < last; t = (t | 31) + 1) {
            const std::int32_t left = last - (t & ~31);
            const std::uint32_t below_last = left >= 32 ? ~0u : (1u << left) - 1;
            bits[word(t)] |= other.bits[word(t)] & static_cast<std::int32_t>(below_last & (~0u << (t & 31)));
        }
    }
    void keep_only(const Words& other) {
        count = 0;
        for (std::size_t i = 0; i < bits.size(); ++i) count += static_cast<std::uint32_t>(std::popcount(static_cast<std::uint32_t>(bits[i] &= other.bits[i])));
    }

   private:
    static std::size_t word(std::int32_t t) { return static_cast<std::size_t>(t) >> 5; }
};
using WordsPtr = std::shared_ptr<const Words>;

// A set of tokens that are few: added in any order, taken out in ascending order without being sorted.
class TokenMarks {
   public:
    void fit(std::uint32_t num_tokens) {
        if (bits_.size() * 64 < num_tokens) bits_.resize(num_tokens / 64 + 1), used_.resize(bits_.size() / 64 + 1);
    }
    bool has(std::int32_t t) const { return bits_[word(t)] >> (t & 63) & 1; }
    void add(std::int32_t t) {
        bits_[word(t)] |= std::uint64_t(1) << (t & 63);
        used_[word(t) >> 6] |= std::uint64_t(1) << (word(t) & 63);
    }
    template <typename Tokens>
    void add_all(const Tokens& tokens) {
        for (std::int32_t t : tokens) add(t);
    }
    template <typename F>
    void drain(F&& use) {
        for (std::size_t u = 0; u < used_.size(); ++u)
            for (; used_[u]; used_[u] &= used_[u] - 1) {
                const std::size_t w = u * 64 + static_cast<std::size_t>(std::countr_zero(used_[u]));
                for (; bits_[w]; bits_[w] &= bits_[w] - 1) use(static_cast<std::int32_t>(w * 64) + std::countr_zero(bits_[w]));
            }
    }

   private:
    static std::size_t word(std::int32_t t) { return static_cast<std::size_t>(t) >> 6; }
    std::vector<std::uint64_t> bits_, used_;  // `used_`: which words of `bits_` are not zero
};

// A token that goes on behind a quote.
struct Crossing {
    static constexpr std::uint32_t kNoTail = 0xFFFFFFFF;  // it ends with the quote
    std::int32_t token;
    std::uint32_t tail;     // id of what follows the quote
    std::uint32_t end = 0;  // of a key: the lexer's state before the quote
    std::uint32_t chars = 0;  // of a string: the characters before the quote
};

// Crossings of one quote after another, in a list that outlives the row, behind which the lexer was in one state.
struct SharedCrossings {
    std::span<const Crossing> crossings;
    std::uint32_t end;
};

// Which tokens stay inside a lexeme, and where it may be left.
struct LexRow {
    WordsPtr base;                            // null: `adds` says it all
    std::vector<std::int32_t> adds, removes;  // beside the base; `removes` ascending
    std::vector<Crossing> closing;            // of a JSON string: tokens that close it
    std::vector<SharedCrossings> closing_free;  // and those that close it where any text may stand
    std::vector<std::shared_ptr<const void>> owners;  // of such lists
    // of text: the nodes after which it may end, in any order; the tokens that open a string right there; the nodes' children
    std::vector<NodeId> exits;
    std::vector<Crossing> opening;
    std::vector<std::pair<std::uint8_t, NodeId>> next;  // by byte
    bool has_exits = false;  // exits are listed (false: text that may end almost everywhere)

    std::size_t num_bytes() const;
    void shrink() { adds.shrink_to_fit(), removes.shrink_to_fit(), closing.shrink_to_fit(), closing_free.shrink_to_fit(), exits.shrink_to_fit(), opening.shrink_to_fit(), next.shrink_to_fit(), owners.shrink_to_fit(); }
    template <typename F>
    void each_closing(F&& use) const {
        for (const Crossing& c : closing) use(c);
        for (const auto& [crossings, end] : closing_free)
            for (Crossing c : crossings) c.end = end, use(c);
    }
};

class Trie;

// Tokens that go on behind quotes, one quote after another.
class Closings {
   public:
    bool is_listed() const { return !starts_.empty(); }
    void list(const Trie& trie, std::span<const NodeId> quotes, std::span<const std::uint16_t> chars);  // which must stay
    std::span<const Crossing> between(NodeId from, NodeId to) const;  // quotes at these nodes
    std::uint32_t most_before() const { return most_before_; }        // characters before a quote
    std::size_t num_bytes() const { return 4 * starts_.capacity() + sizeof(Crossing) * crossings_.capacity(); }

   private:
    std::uint32_t most_before_ = 0;
    std::span<const NodeId> quotes_;
    std::vector<std::uint32_t> starts_;  // of each quote in the list, and where the last one ends
    std::vector<Crossing> crossings_;
};

// Where text of some bytes only may stand.
struct LoopText {
    ByteSet bytes;
    std::vector<std::uint64_t> inside;  // bit n & 63 of n >> 6: the path to this node spells such a text
    WordsPtr words;                     // the tokens
    std::vector<NodeId> quotes, other_quotes;  // behind such a text; where a string could be closed behind another
    Closings closings;                  // of `quotes`

    bool has(NodeId n) const { return inside[n >> 6] >> (n & 63) & 1; }
    std::size_t num_bytes() const {
        return sizeof(LoopText) + 8 * inside.size() + 4 * words->bits.size() + 4 * (quotes.capacity() + other_quotes.capacity()) + closings.num_bytes();
    }
};

// Where any text may stand: how many characters each token spells, and where a JSON string could be closed.
class FreeText : public FreeTables {
   public:
    WordsPtr words;  // all tokens that are a spelling

    Closings closings;  // of `quotes`, with the characters before
    // Text of these bytes alone; kept for the sets of bytes that were asked for last.
    std::shared_ptr<const LoopText> loop_text(const Trie& trie, const ByteSet& bytes);
    WordsPtr up_to(std::uint32_t num_chars);  // tokens that spell this many characters at most

   private:
    friend class Trie;
    FreeText(const FreeTables& tables, std::uint32_t num_words) : FreeTables(tables) { list_words(num_words); }
    FreeText(const Trie& trie, Spelling spelling);
    void spell(const Trie& trie, Spelling spelling);
    void sort_tokens(const Trie& trie);
    void list_words(std::uint32_t num_words);

    Arena arena_;
    std::unordered_map<std::uint32_t, WordsPtr> up_to_;
    std::shared_ptr<LoopText> all_text(const Trie& trie) const;
    static constexpr std::size_t kMaxLoopBytes = 4u << 20;
    Recent<ByteSet, std::shared_ptr<const LoopText>> loop_texts_{kMaxLoopBytes};
};

class Trie {
   public:
    static constexpr NodeId kRoot = 0;

    Trie(TokenBytes tokens, std::vector<std::int32_t> eos_ids);
    Trie(const std::vector<std::optional<std::string>>& tokens, std::vector<std::int32_t> eos_ids) : Trie(TokenBytes(tokens), std::move(eos_ids)) {}

    // What `saved` of an earlier process has written; `owner` keeps its memory. Throws std::invalid_argument with the reason.
    Trie(std::string_view file, ContentKey key, std::shared_ptr<const void> owner, std::vector<std::int32_t> eos_ids);
    std::string saved(ContentKey key);

    std::uint32_t num_tokens() const { return static_cast<std::uint32_t>(t_.starts.size() - 1); }
    std::uint32_t num_words() const { return (num_tokens() + 31) / 32; }
    std::uint32_t num_nodes() const { return static_cast<std::uint32_t>(t_.byte.size()); }
    std::uint32_t max_token_bytes() const { return max_token_bytes_; }
    const std::vector<std::int32_t>& eos_ids() const { return eos_ids_; }
    bool is_eos(std::int32_t token) const;
    std::string_view bytes_of(std::int32_t token) const;  // none for control tokens and ids out of range

    std::uint8_t byte(NodeId n) const { return t_.byte[n]; }
    std::uint32_t depth(NodeId n) const { return t_.depth[n]; }
    NodeId end(NodeId n) const { return t_.nodes[n].end; }  // one past the last node below n
    NodeId parent(NodeId n) const { return t_.parent[n]; }
    NodeId child_towards(NodeId n, NodeId below) const {  // the child of n on the way to a node below it
        while (parent(below) != n) below = parent(below);
        return below;
    }
    std::uint32_t height(NodeId n) const { return t_.height[n]; }  // bytes of the longest way down from n
    // The bytes on all ways down from n; null where there is little below it.
    const ByteSet* bytes_below(NodeId n) const { return t_.byte_sets_of[n] ? &t_.byte_sets[t_.byte_sets_of[n] - 1] : nullptr; }
    bool has_children(NodeId n) const { return end(n) > n + 1; }
    std::span<const NodeId> children(NodeId n) const { return {t_.child_nodes.data() + t_.nodes[n].children, t_.child_nodes.data() + t_.nodes[n + 1].children}; }
    NodeId child(NodeId n, std::uint8_t b) const {  // kRoot: none
        const std::uint32_t begin = t_.nodes[n].children;
        const std::uint8_t* first = t_.child_bytes.data() + begin;
        const void* at = std::memchr(first, b, t_.nodes[n + 1].children - begin);
        return at ? t_.child_nodes[begin + static_cast<std::size_t>(static_cast<const std::uint8_t*>(at) - first)] : kRoot;
    }
    // The bytes of `children`, one after the other.
    const std::uint8_t* child_bytes(NodeId n) const { return t_.child_bytes.data() + t_.nodes[n].children; }
    // The children will soon be asked for.
    void prefetch_children(NodeId n) const {
#if defined(__GNUC__)
        const std::uint32_t at = t_.nodes[n].children;
        __builtin_prefetch(t_.child_bytes.data() + at), __builtin_prefetch(t_.child_nodes.data() + at);
#endif
    }
    void prefetch(NodeId n) const {
#if defined(__GNUC__)
        __builtin_prefetch(t_.nodes.data() + n);
#endif
    }
    std::span<const NodeId> nodes_of_byte(std::uint8_t b) const {  // ascending
        return {t_.occurrences.data() + t_.occurrences_of[b], t_.occurrences.data() + t_.occurrences_of[b + 1u]};
    }
    // The tokens at and below a node of the quote, with their tails.
    std::span<const Crossing> crossings(NodeId quote) const;
    // What follows quotes inside tokens; of a trie of tails the same one, as a tail of a tail is among them.
    Trie& tails() { return tails_ ? *tails_ : *this; }
    const Trie& tails() const { return tails_ ? *tails_ : *this; }

    std::span<const std::int32_t> tokens_at(NodeId n) const { return tokens_between(n, n + 1); }
    std::span<const std::int32_t> tokens_between(NodeId from, NodeId to) const { return {t_.ids.data() + t_.nodes[from].rank, t_.ids.data() + t_.nodes[to].rank}; }
    template <typename F>
    void each_token_at(NodeId n, F&& use) const {  // without a look elsewhere, nearly always
        if (t_.nodes[n].token < 0) return;
        use(t_.nodes[n].token);
        for (std::uint32_t r = t_.nodes[n].rank + 1; r < t_.nodes[n + 1].rank; ++r) use(t_.ids[r]);
    }

    // Empty, for who puts together a row, one at a time; to be left empty.
    TokenMarks& marks() { return marks_.fit(num_tokens()), marks_; }

    FreeText& free_text(Spelling spelling);
    std::shared_ptr<const LexRow> cached(const std::array<std::uint64_t, 3>& key);
    void keep(const std::array<std::uint64_t, 3>& key, std::shared_ptr<const LexRow> row);
    std::size_t num_rows() const { return rows_.size(); }
    std::size_t num_row_bytes() const { return rows_.num_bytes() + (tails_ ? tails_->num_row_bytes() : 0); }  // held by them, about

   private:
    static constexpr std::size_t kMaxRowBytes = 8u << 20;
    struct TailsOfAnother {};

    Trie(TokenBytes tokens, TailsOfAnother);
    void take(TokenBytes tokens);
    void sort_ids();
    void build();
    void list_children(std::span<TrieNode> all);
    void collect_bytes();
    void list_occurrences();
    void measure();
    void find_tails();
    void list_crossings();
    std::uint32_t id_of(std::string_view bytes) const;

    Tables t_;
    Arena arena_;
    std::vector<std::int32_t> eos_ids_;
    std::uint32_t max_token_bytes_ = 0;
    std::vector<Crossing> crossings_;         // of one quote after another
    std::vector<std::uint32_t> crossings_of_;  // of each node of the quote: where they begin
    std::unique_ptr<Trie> tails_;
    Recent<std::array<std::uint64_t, 3>, std::shared_ptr<const LexRow>, ContentKeyHash> rows_{kMaxRowBytes};
    TokenMarks marks_;
    std::array<std::unique_ptr<FreeText>, 3> free_texts_;
};

}  // namespace guided
