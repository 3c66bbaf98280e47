// Random texts under the masks of a grammar, each mask compared with the machine itself, bit by bit.
#pragma once

#include <random>

#include "check.hpp"
#include "grammar.hpp"

// At each step: a bit is set exactly when its token is accepted, the shortest way out completes the text, what is forced fits.
inline void walk(guided::Grammar& g, unsigned seed) {
    std::mt19937 rng(seed);
    const guided::Trie& trie = g.trie();
    for (int round = 0; round < 8; ++round) {
        guided::StatePtr state = g.start("");
        for (int i = 0; i < 30 && !state->is_ended; ++i) {
            std::vector<std::int32_t> words(trie.num_words()), allowed;
            g.row(state)->write(words.data(), trie.num_words());
            for (std::int32_t t = 0; t < static_cast<std::int32_t>(trie.num_tokens()); ++t) {
                const bool bit = (static_cast<std::uint32_t>(words[static_cast<std::size_t>(t >> 5)]) >> (t & 31)) & 1;
                CHECK(bit == (g.accept_token(state, t) != nullptr));
                if (bit) allowed.push_back(t);
            }
            const auto done = g.accept_bytes(state, g.shortest(state));
            CHECK(done && g.is_accepting(done));
            CHECK(g.accept_bytes(state, g.forced(state)) != nullptr);
            CHECK(!allowed.empty());
            if (allowed.empty()) return;
            std::int32_t next = allowed[rng() % allowed.size()];
            for (int k = 0; k < 3; ++k) {  // long tokens cross more borders
                const std::int32_t other = allowed[rng() % allowed.size()];
                if (trie.bytes_of(other).size() > trie.bytes_of(next).size()) next = other;
            }
            state = g.accept_token(state, next);
        }
    }
}
