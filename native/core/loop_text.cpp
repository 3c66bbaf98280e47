// Texts of some bytes alone, made from texts of more bytes by what those that are left out take with them.
#include "trie.hpp"

namespace guided {

namespace {

// Without the nodes from `from` to `to`, which are a subtree, and their tokens.
void take_away(const Trie& trie, LoopText& text, Words& words, NodeId from, NodeId to) {
    for (NodeId n = from; n < to;) {
        const NodeId next = std::min<NodeId>(to, (n | 63) + 1);
        const std::uint64_t up_to_next = (next & 63) ? (std::uint64_t(1) << (next & 63)) - 1 : ~std::uint64_t(0);
        text.inside[n >> 6] &= ~(up_to_next & (~std::uint64_t(0) << (n & 63)));
        n = next;
    }
    for (std::int32_t t : trie.tokens_between(from, to)) words.remove(t);
}

std::size_t num_nodes_of(const Trie& trie, const ByteSet& bytes) {
    std::size_t num = 0;
    for (std::size_t b = 0; b < 256; ++b)
        if (bytes[b]) num += trie.nodes_of_byte(static_cast<std::uint8_t>(b)).size();
    return num;
}

}  // namespace

std::shared_ptr<LoopText> FreeText::all_text(const Trie& trie) const {
    auto made = std::make_shared<LoopText>();
    made->bytes.set();
    made->inside.resize(trie.num_nodes() / 64 + 1);
    for (NodeId n = 0; n < trie.num_nodes(); ++n) made->inside[n >> 6] |= std::uint64_t(chars[n] != kDead) << (n & 63);
    made->words = words;
    return made;
}

std::shared_ptr<const LoopText> FreeText::loop_text(const Trie& trie, const ByteSet& bytes) {
    if (const auto* known = loop_texts_.find(bytes)) return *known;
    std::shared_ptr<const LoopText> most;  // of the texts of more bytes that from which least is taken away
    std::size_t least = SIZE_MAX;
    loop_texts_.each([&](const std::shared_ptr<const LoopText>& text) {
        if ((bytes & ~text->bytes).any()) return;
        if (const std::size_t num = num_nodes_of(trie, text->bytes & ~bytes); num < least) least = num, most = text;
    });
    if (!most) most = all_text(trie);
    auto made = std::make_shared<LoopText>();
    made->bytes = bytes, made->inside = most->inside;
    auto tokens = std::make_shared<Words>(*most->words);
    for (std::size_t b = 0; b < 256; ++b) {
        if (bytes[b] || !most->bytes[b]) continue;
        for (NodeId n : trie.nodes_of_byte(static_cast<std::uint8_t>(b)))
            if (made->has(n)) take_away(trie, *made, *tokens, n, trie.end(n));
    }
    for (NodeId quote : quotes) (made->has(trie.parent(quote)) ? made->quotes : made->other_quotes).push_back(quote);
    made->closings.list(trie, made->quotes, chars);
    made->words = std::move(tokens);
    const std::size_t held = made->num_bytes();
    return loop_texts_.keep(bytes, std::move(made), held);
}

}  // namespace guided
