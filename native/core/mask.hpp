// From a configuration to the tokens that may come next: the only place where the trie and the grammar meet.
//
// A mask is the local rows of its lexemes (rows.hpp) and the tokens that cross: that end a lexeme and go on. Those are
// found at the places where a lexeme may end. Behind a quote the walk is over tails, what follows quotes inside tokens,
// and what it finds is remembered by configuration: a string's tokens cross alike wherever in the string they begin.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "machine.hpp"
#include "rows.hpp"

namespace guided {

struct Row {
    WordsPtr base;                            // null: `adds` are all
    std::vector<std::int32_t> adds, removes;  // ascending, at most kMaxShort together
    std::uint32_t count = 0;
    static constexpr std::uint32_t kMaxShort = 512;

    void write(std::int32_t* out, std::uint32_t num_words) const;
    std::vector<std::int32_t> tokens() const;  // ascending
    bool operator==(const Row&) const = default;
    std::size_t num_bytes() const {  // held beside a base that others share
        return 128 + 4 * (adds.size() + removes.size()) + (base.use_count() == 1 ? 4 * base->bits.size() : 0);
    }
};

class Masker {
   public:
    Masker(Machine& machine, Trie& trie)
        : machine_(machine), trie_(trie), rows_(machine.lexer, trie), tail_rows_(machine.lexer, trie.tails()) {}

    // Tokens that lead from `config` to a live state; eos ids where the text is complete.
    Row compute(const Config& config);
    std::size_t num_bytes() const { return rows_.num_bytes() + tail_rows_.num_bytes() + tail_sets_.size() * (160 + trie_.tails().num_tokens() / 8); }

   private:
    struct TailSet {  // of the tails that may follow, and whether that depended on a text that was not kept
        Words legal;
        std::uint32_t most_quotes = 0;  // of the tails that it says the truth of
        bool is_tainted = false, has_tainted_items = false;
    };
    struct Sink {  // where a walk puts what it finds: tokens of the vocabulary, or tails
        Trie& trie;
        LexRows& rows;
        std::vector<std::int32_t>* found;
        Words* tails;  // null: tokens are found
        std::uint32_t most_quotes = kAnyQuotes;  // of the tails that are looked for
        bool is_cut = false;                     // some with more quotes were passed over
        std::size_t num_entered = 0;
        std::unordered_set<std::uint64_t> entered{};  // (node, frame)
        std::list<std::pair<std::uint64_t, Config>> after_end{};  // what follows a lexeme: by (frame, the lexer's state)

        void mark(NodeId node) {
            trie.each_token_at(node, [&](std::int32_t t) {
                if (tails) tails->add(t);
                else found->push_back(t);
            });
        }
    };

    void walk_frames(const Config& config);
    void walk_rules(const Config& config);
    void walk_sets(const Config& config);
    Config closure_after(FrameId frame);
    Config closure_after_key(FrameId frame, LexId end);
    void walk(Sink& sink, const Config& config);
    static void add_row(Words& words, const LexRow& row);
    void cross(Sink& sink, FrameId frame, const LexRow& row);
    void cross_string(Sink& sink, FrameId frame, const LexRow& row);
    void cross_text(Sink& sink, FrameId frame, const LexRow& row);
    void cross_free_text(Sink& sink, FrameId frame);
    const TailSet& tails(const Config& config, std::uint32_t most_quotes);
    const TailSet& tails_after_quote(FrameId opener, std::uint32_t most_quotes);
    template <class TailsOf>
    void add_crossings(Sink& sink, std::span<const Crossing> crossings, TailsOf&& tails_of);
    void add_frames(Sink& sink, NodeId node, const Config& config);
    void add_frame(Sink& sink, NodeId node, FrameId frame);
    void add_raw(Sink& sink, NodeId node, FrameId frame);
    void add_lexeme(Sink& sink, NodeId node, FrameId frame, LexId state);
    bool is_between_characters(Sink& sink, NodeId node, LexId state);
    void add_free(Sink& sink, NodeId from, NodeId to, FrameId frame, LexId state);
    const Config& after_end(Sink& sink, FrameId frame, LexId end);
    void add_lexeme_child(Sink& sink, NodeId child, FrameId frame, LexId state, std::int32_t next);
    Row assembled();
    void join(std::shared_ptr<Words>& own, const LexRow& first, const LexRow& other) const;
    void verify(const Config& config, Row& row, std::ptrdiff_t quotes, std::ptrdiff_t commas);

    static constexpr std::ptrdiff_t kNever = PTRDIFF_MAX;  // no token holds so many
    static constexpr LexId kAnyEnd = kUnbounded;
    static constexpr std::uint32_t kAnyQuotes = kUnbounded;
    static constexpr std::size_t kMaxTailSets = 4096, kFewEntered = 256;

    Machine& machine_;
    Trie& trie_;
    LexRows rows_, tail_rows_;
    std::vector<LexRowPtr> parts_;      // of the mask being made
    std::vector<std::int32_t> found_;  // tokens beside them
    std::vector<std::int32_t> sorted_;
    std::unordered_map<Config, TailSet, VectorHash> tail_sets_;
    bool has_many_readings_ = false;
};

}  // namespace guided
